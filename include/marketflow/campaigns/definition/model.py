"""The shape of `campaign.yaml`. The descriptions become the editor's help by way of the JSON Schema."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from marketflow.campaigns.definition.experiment import Experiment
from marketflow.campaigns.definition.parts import Budget, Goal, Limits, Tracking
from marketflow.campaigns.definition.strict import Strict, Table
from marketflow.campaigns.definition.triggers import EVENT_TABLES, Event, Trigger

NAME = r"^[a-z][a-z0-9_]{1,49}$"
Channel = Literal["email", "webhook", "mastodon"]
Purpose = Literal["marketing", "transactional", "post"]
RecommendationList = Literal["goes_with", "discover", "buy_again", "bestsellers"]
Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class Audience(Strict):
    """Who gets it. With a trigger that is an event it may be left out: those whom it happened to."""

    event: Event | None = Field(
        None,
        description="those whom the trigger's event happened to; with another trigger only order_placed: the customers "
        "who ordered on the business day",
    )
    where: str | None = Field(
        None,
        min_length=1,
        max_length=4000,
        description="a SQL condition over the columns of marts.customer_360; beside an event: only those of them",
    )
    accounts: tuple[Account, ...] | None = Field(
        None, min_length=1, description="the shop's own accounts to post by: ids of Airflow connections"
    )

    @model_validator(mode="after")
    def _accounts_alone(self) -> Self:
        if self.accounts is not None and (self.event is not None or self.where is not None):
            raise ValueError("accounts stands alone: a post is for nobody in particular")
        return self


class Recommend(Strict):
    """Products to fill in."""

    list: RecommendationList = Field(
        description="goes_with: what is bought together with the order, then what suits the customer; discover: what "
        "suits the customer and was not bought yet; buy_again: what the customer has bought and may need again; "
        "bestsellers: what most customers bought in the week"
    )
    limit: int = Field(4, ge=1, le=12, description="at most so many")


class Content(Strict):
    """What the templates can show beside the customer's name."""

    recommend: Recommend | None = None


class CampaignFile(Strict):
    """What `campaign.yaml` may say."""

    name: str = Field(pattern=NAME, description="the same as the folder's: the campaign's name for ever")
    title: str = Field(min_length=3, max_length=100, description="what people call it")
    owner: str = Field(min_length=1, max_length=100, description="the team or person to ask")
    start: dt.date | None = Field(
        None,
        description="the first day, in the shop's time zone; nothing is planned before it, and no earlier event counts",
    )
    end: dt.date | None = Field(
        None,
        description="the last day, in the shop's time zone; nothing is planned after it, and what has not been sent by "
        "its end expires",
    )
    budget: Budget | None = None
    goal: Goal | None = None
    enabled: bool = Field(True, description="false: its DAG starts switched off; switch it on in Airflow")
    channel: Channel = Field(description="by what it travels")
    purpose: Purpose = Field(
        description="marketing needs the customer's consent; transactional is about an order and needs none; post is "
        "published on the shop's own accounts"
    )
    topic: str | None = Field(
        None,
        pattern=NAME,
        description="one of the topics of contact_policy.yaml: who does not want to hear of it gets nothing",
    )
    trigger: Trigger
    audience: Audience = Field(default_factory=lambda: Audience(event=None, where=None, accounts=None))
    content: Content = Field(default_factory=lambda: Content(recommend=None))
    limits: Limits = Field(default_factory=lambda: Limits(audience=None, per_day=None))
    tracking: Tracking = Field(default_factory=lambda: Tracking(opens=True, clicks=True))
    requires: tuple[Table, ...] = Field(
        (), description="tables that must know the whole business day, beside the one that the audience is read from"
    )
    max_age_days: int = Field(2, ge=1, le=90, description="an occasion older than this is refused and counted")
    approval: bool = Field(True, description="true: a person has to approve each plan")
    priority: int = Field(100, ge=1, le=1000, description="smaller goes first when campaigns wait for one channel")
    attribution_days: int = Field(14, ge=1, le=90, description="orders within so many days after it count as its own")
    experiment: Experiment | None = Field(
        None, description="versions of it that are compared, and who gets none of them"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        posts = {self.purpose == "post", self.audience.accounts is not None, self.channel != "email"}
        if len(posts) != 1:
            raise ValueError(
                "a post has purpose: post, audience.accounts and channel webhook or mastodon; a mail has none of these"
            )
        return self

    @property
    def event(self) -> str | None:
        """The event that brings its customers; None: a condition, or the shop's own accounts."""
        if self.audience.accounts is not None:
            return None
        return self.trigger.on if self.trigger.is_event else self.audience.event

    @property
    def window_days(self) -> int:
        """Orders within so many days after a message count as its own."""
        return (self.goal.within_days if self.goal else None) or self.attribution_days

    @property
    def required_tables(self) -> tuple[str, ...]:
        """Tables that must be fresh: those listed, and always the ones that the audience is read from."""
        read = EVENT_TABLES[self.event] if self.event else ()
        own = ("marts.customer_360",) if self.audience.where is not None else ()
        updated = (self.trigger.table,) if self.trigger.table else ()
        return tuple(dict.fromkeys([*read, *own, *updated, *self.requires]))


class Variant(BaseModel):
    """The templates of one language. Without `text` it is made from the HTML; of MJML, `html` is what it became."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = ""
    preheader: str | None = None
    text: str | None
    html: str | None = None
    mjml: str | None = None


class Templates(Variant):
    """The texts of a campaign's templates: those that it falls back to, and by locale those of other languages.

    `shared` are those of include/campaigns/_shared that they may build on, `locale` the language of the first, `suffix`
    what stands in its files' names for it, `currency` what amounts are in that name none.
    """

    shared: dict[str, str] = {}
    locale: str = "en"
    suffix: str = ""
    currency: str = "USD"
    variants: dict[str, Variant] = {}


class Campaign(CampaignFile):
    """A campaign as loaded: the file and the templates beside it."""

    templates: Templates
    arms: dict[str, Templates] = Field(default_factory=dict)  # of arms that have templates of their own

    @property
    def definition(self) -> dict[str, Any]:
        """What `campaign.yaml` says, defaults included, as JSON."""
        left_out = {"templates", "arms"} | (set() if self.experiment else {"experiment"})
        return {**self.model_dump(mode="json", exclude=left_out), "attribution_days": self.window_days}

    @property
    def frozen(self) -> dict[str, Any]:
        """What a renderer needs, as a plan stores it."""
        return {
            "campaign": self.definition,
            "templates": self.templates.model_dump(),
            "subject_override": None,
            **self.frozen_arms,
        }

    @property
    def frozen_arms(self) -> dict[str, Any]:
        """The part of `frozen` about an experiment's arms, without what all templates share."""
        return {"arms": {n: t.model_dump(exclude={"shared"}) for n, t in self.arms.items()}} if self.arms else {}

    @property
    def definition_version(self) -> str:
        """16 hex digits that change with the file and with each template."""
        said = [self.definition, self.templates.model_dump(), *self.frozen_arms.values()]
        text = json.dumps(said, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def campaign_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `campaign.yaml`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CampaignFile.model_json_schema()}


def schema_text() -> str:
    """The JSON Schema as it stands in include/campaigns/campaign.schema.json."""
    return json.dumps(campaign_schema(), indent=2) + "\n"
