"""What starts a campaign: the `trigger` of campaign.yaml, and which events there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from marketflow.campaigns.definition.cron import check_cron
from marketflow.campaigns.definition.strict import Strict, Table
from marketflow.shared.ages import AGE_PATTERN, age

Event = Literal["order_placed", "cart_abandoned", "signed_up", "birthday", "entered_segment"]
EVENTS: tuple[str, ...] = get_args(Event)
# where each event is read from: a plan waits until these know the business day
EVENT_TABLES: Mapping[str, tuple[str, ...]] = {
    "order_placed": ("marts.customer_days",),
    "cart_abandoned": ("marts.open_baskets", "marts.customer_360"),
    "signed_up": ("marts.customer_360",),
    "birthday": ("marts.customer_360",),
    "entered_segment": ("marts.customer_360",),
}
DEFAULT_AFTER = "4 hours"
_LONGEST_AFTER = dt.timedelta(days=7)  # a basket is forgotten after 14
_DETAILS = {"cron": "cron", "after": "cart_abandoned", "segment": "entered_segment", "table": "table_update"}
_NEEDED = {"cron": "cron", "entered_segment": "segment", "table_update": "table"}


class Trigger(Strict):
    """What starts the campaign."""

    on: Literal[
        "order_placed", "cart_abandoned", "signed_up", "birthday", "entered_segment", "cron", "table_update", "weekly",
        "manual",
    ] = Field(
        description="Events, of which one run takes all that are new: order_placed: a customer ordered, told when the "
        "day is complete; cart_abandoned: a basket was left; signed_up: a customer registered; birthday; "
        "entered_segment: a customer came into `segment`. Others: cron: at the times of `cron`; table_update: when "
        "`table` was brought up to date; weekly: when a week is complete, and the occasion is the week's last day; "
        "manual: only by its form"
    )  # fmt: skip
    cron: str | None = Field(
        None,
        description="with on: cron, in the shop's time zone: minute, hour, day of the month, month, day of the week, "
        "as in '0 9 * * MON'. Nobody gets two messages about one business day",
    )
    after: str | None = Field(
        None,
        pattern=AGE_PATTERN,
        description="with on: cart_abandoned: how long nothing was put into the basket, such as 90 minutes; "
        f"{DEFAULT_AFTER} by default",
    )
    segment: str | None = Field(None, description="with on: entered_segment: a name of rfm_segments.yaml")
    table: Table | None = Field(None, description="with on: table_update: a table of the marts")

    @field_validator("cron")
    @classmethod
    def _cron(cls, text: str | None) -> str | None:
        return None if text is None else check_cron(text)

    @field_validator("after")
    @classmethod
    def _after(cls, text: str | None) -> str | None:
        if text is not None and age(text) > _LONGEST_AFTER:
            raise ValueError(f"may be at most {_LONGEST_AFTER.days} days: a basket is forgotten after 14")
        return text

    @model_validator(mode="after")
    def _details(self) -> Self:
        for field, on in _DETAILS.items():
            if getattr(self, field) is not None and self.on != on:
                raise ValueError(f"{field} goes with on: {on}, not with on: {self.on}")
        needed = _NEEDED.get(self.on)
        if needed and getattr(self, needed) is None:
            raise ValueError(f"on: {self.on} needs {needed}")
        return self

    @property
    def is_event(self) -> bool:
        """Is it something that happens to one customer?"""
        return self.on in EVENTS

    @property
    def waits(self) -> dt.timedelta:
        """How long a basket must have been left."""
        return age(self.after or DEFAULT_AFTER)

    @property
    def words(self) -> str:
        """What starts it, as people say it."""
        return {
            "order_placed": "each day on which a customer ordered",
            "cart_abandoned": f"a basket that was left for {self.after or DEFAULT_AFTER}",
            "signed_up": "a customer who registered",
            "birthday": "a customer's birthday",
            "entered_segment": f"a customer who came into the segment `{self.segment}`",
            "cron": f"the schedule `{self.cron}` in the shop's time zone",
            "table_update": f"an update of `{self.table}`",
            "weekly": "a complete week",
            "manual": "a person, by the form",
        }[self.on]
