"""The shape of `journey.yaml`. The descriptions become the editor's help by way of the JSON Schema."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from marketflow.campaigns.definition.model import NAME, Account, Recommend
from marketflow.campaigns.definition.strict import Strict
from marketflow.campaigns.definition.triggers import DEFAULT_AFTER
from marketflow.campaigns.journeys.branch import STEP, Branch, Condition, Target
from marketflow.shared.ages import AGE_PATTERN, age

END = "end"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAIL_EVENTS = ("mail_opened", "mail_clicked")  # of this visit's own mails
_LONGEST = dt.timedelta(days=366)
_LONGEST_AFTER = dt.timedelta(days=7)  # a basket is forgotten after 14
_TICK = re.compile(r"^(5|10|15|20|30) minutes$|^(1|2|3|4|6|12) hours?$")


def _bounded(text: str) -> str:
    if age(text) > _LONGEST:
        raise ValueError(f"may be at most {_LONGEST.days} days")
    return text


def _time(value: object) -> object:
    """A time of the day; YAML takes 9:00 without quotes for a number or a text, and both are taken here."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is not a time of the day: write it in quotes, such as "09:00"')
    return f"{int(found[1]):02}:{found[2]}"


Duration = Annotated[str, StringConstraints(pattern=AGE_PATTERN), AfterValidator(_bounded)]
TimeOfDay = Annotated[str, BeforeValidator(_time)]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Entry(Strict):
    """Who enters, and how often."""

    on: Literal[
        "order_placed", "cart_abandoned", "signed_up", "birthday", "entered_segment", "due_again", "daily"
    ] = Field(
        description="the events are those of campaigns; due_again: a product that the customer has bought may be "
        "needed again (list buy_again); daily: once a business day, those of whom `where` is true"
    )  # fmt: skip
    after: Duration | None = Field(
        None, description=f"with on: cart_abandoned: how long the basket was left; {DEFAULT_AFTER} by default"
    )
    segment: str | None = Field(None, description="with on: entered_segment: a name of rfm_segments.yaml")
    where: Condition | None = Field(None, description="only those of them of whom this condition is true")
    consent: bool = Field(
        True, description="true: only who has an address and allows marketing by e-mail; others are counted"
    )
    again: str = Field(
        "never",
        pattern=r"^(never|always|[1-9][0-9]{0,2} days?)$",
        description="may somebody enter once more? never; always, with each new event; 30 days: when she entered the "
        "last time so long ago. Nobody is inside twice at a time",
    )
    at_most: int | None = Field(None, ge=1, description="so many people inside at a time; others come when one leaves")
    max_age_days: int = Field(2, ge=1, le=31, description="an event that is older brings nobody")

    @model_validator(mode="after")
    def _details(self) -> Self:
        for field, on in (("after", "cart_abandoned"), ("segment", "entered_segment")):
            if getattr(self, field) is not None and self.on != on:
                raise ValueError(f"{field} goes with on: {on}, not with on: {self.on}")
        if self.on == "entered_segment" and self.segment is None:
            raise ValueError("on: entered_segment needs segment")
        if self.on == "daily" and self.where is None:
            raise ValueError("on: daily needs where: it would bring everybody")
        if self.after is not None and age(self.after) > _LONGEST_AFTER:
            raise ValueError(f"after may be at most {_LONGEST_AFTER.days} days: a basket is forgotten after 14")
        return self

    @property
    def again_days(self) -> int | None:
        """After how many days she may enter once more: 0 at once; None never."""
        if self.again in ("never", "always"):
            return None if self.again == "never" else 0
        return int(self.again.split()[0])


class Goal(Strict):
    """What it is for: who has done it leaves before the next step."""

    event: EventName | None = Field(None, description="order_placed, mail_clicked, mail_opened, or an event's name")
    where: Condition | None = Field(None, description="a condition over the columns of marts.customer_360")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.event is None) == (self.where is None):
            raise ValueError("give either event or where")
        return self


class Send(Strict):
    """A mail."""

    templates: Annotated[str, StringConstraints(pattern=STEP)] | None = Field(
        None, description="the folder of its templates beside journey.yaml; without it the step's own name"
    )
    purpose: Literal["marketing", "transactional"] = "marketing"
    topic: str | None = Field(
        None, pattern=NAME, description="what this mail is about, where that is not the journey's own `topic`"
    )
    recommend: Recommend | None = None
    priority: int = Field(100, ge=1, le=1000, description="smaller goes first when messages wait for one channel")
    max_age: Duration = Field("2 days", description="what could not be sent for so long is not sent at all")


class Wait(Strict):
    """For a time, until a time of the day, or for an event."""

    for_: Duration | None = Field(None, alias="for", description="so long; with `until`: at least so long")
    until: TimeOfDay | None = Field(None, description='the next time that the customer\'s clock says so: "09:00"')
    on: tuple[Weekday, ...] = Field((), description="with `until`: only on these days of her week")
    event: EventName | None = Field(None, description="order_placed, mail_clicked, mail_opened, or an event's name")
    at_most: Duration | None = Field(None, description="with `event`: for so long")
    since: Literal["entry", "arrival"] = Field(
        "entry", description="with `event`: what happened since the event that brought her counts, or since this step"
    )
    then: Target | None = Field(None, description="with `event`: the step to go on with when it happens")
    otherwise: Target | None = Field(None, description="with `event`: the step to go on with when it did not")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.event is None:
            if (self.at_most, self.then, self.otherwise) != (None, None, None) or self.since != "entry":
                raise ValueError("at_most, since, then and otherwise go with event")
            if self.for_ is None and self.until is None:
                raise ValueError("give for, until, or event")
        elif self.for_ is not None or self.until is not None:
            raise ValueError("event stands without for and until; how long is at_most")
        elif self.at_most is None:
            raise ValueError("event needs at_most: what never happens would be waited for without end")
        if self.on and self.until is None:
            raise ValueError("on goes with until")
        return self


class Webhook(Strict):
    """A message to another system, by the ledger and the channel webhook."""

    account: Account = Field(description="the id of an Airflow connection, as for campaigns that post")
    text: str = Field("", max_length=500, description="what it says; the step's name by default")


class Exit(Strict):
    """She leaves here."""

    reason: str = Field(pattern=STEP, description="a word that is counted")


class Step(Strict):
    """One step; exactly one of send, wait, branch, webhook and exit."""

    send: Send | None = None
    wait: Wait | None = None
    branch: Branch | None = None
    webhook: Webhook | None = None
    exit: Exit | None = None
    next: Target | None = Field(None, description="the step after it; without it the one below; `end` ends the journey")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [k for k in KINDS if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of {', '.join(KINDS)}" + (f", not {len(given)}" if given else ""))
        if self.next is not None and (self.exit is not None or (self.branch is not None and self.branch.shares)):
            raise ValueError(f"{given[0]} has no next")
        return self

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(k for k in KINDS if getattr(self, k) is not None)


KINDS = ("send", "wait", "branch", "webhook", "exit")


class JourneyFile(Strict):
    """What `journey.yaml` may say."""

    name: str = Field(pattern=NAME, description="the same as the folder's: the journey's name for ever")
    title: str = Field(min_length=3, max_length=100, description="what people call it")
    owner: str = Field(min_length=1, max_length=100, description="the team or person to ask")
    enabled: bool = Field(True, description="false: its DAG starts switched off; switch it on in Airflow")
    start: dt.date | None = Field(None, description="the first day, in the shop's time zone: nobody enters before")
    end: dt.date | None = Field(
        None, description="the last day, in the shop's time zone; after it all leave who are inside"
    )
    tick: str = Field(
        "5 minutes",
        pattern=_TICK.pattern,
        description="how often people are moved: 5, 10, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6 or 12 hours",
    )
    topic: str | None = Field(
        None,
        pattern=NAME,
        description="one of the topics of contact_policy.yaml: who does not want to hear of it gets none of the "
        "marketing mails; a mail of its own topic says so in its step",
    )
    entry: Entry
    goal: Goal | None = None
    on_change: Literal["keep", "move"] = Field(
        "keep",
        description="keep: who is inside goes on by the version that she entered by; move: by this one, from the step "
        "of the same name",
    )
    moved: dict[Target, Target] = Field(
        {}, description="with on_change: move: a step that is no more → where to go on for those who stand on it"
    )
    attribution_days: int = Field(
        14, ge=1, le=90, description="orders within so many days after a mail count as its own"
    )
    steps: dict[Target, Step] = Field(min_length=1, max_length=100, description="by name, in order")

    @model_validator(mode="after")
    def _days(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"end: {self.end} is before start, {self.start}")
        if self.moved and self.on_change != "move":
            raise ValueError("moved goes with on_change: move")
        return self

    @property
    def cron(self) -> str:
        """The tick as a schedule."""
        number, unit = self.tick.split()
        return f"*/{number} * * * *" if unit.startswith("minute") else f"0 */{number} * * *"


def journey_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `journey.yaml`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **JourneyFile.model_json_schema()}


def schema_text() -> str:
    """The JSON Schema as it stands in include/journeys/journey.schema.json."""
    return json.dumps(journey_schema(), indent=2) + "\n"
