"""The smaller parts of campaign.yaml that are about money, numbers and aims."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from marketflow.campaigns.definition.strict import Strict

GoalMetric = Literal["orders", "revenue", "clicks", "opens", "buyers", "conversion_rate", "click_rate", "uplift"]


class Budget(Strict):
    """What it may cost."""

    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=2, description="all that it may cost, ever")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, such as EUR")
    cost_per_message: Decimal | None = Field(
        None,
        gt=0,
        max_digits=14,
        decimal_places=6,
        description="what one message costs; when planning would pass the amount, the rest is refused and counted as "
        "budget. Without it the budget is only shown",
    )

    @property
    def messages(self) -> int | None:
        """How many messages it pays for; None: any number."""
        return None if self.cost_per_message is None else int(self.amount / self.cost_per_message)


class Goal(Strict):
    """What it is for, in a number: shown to who approves, and beside what came of it."""

    metric: GoalMetric = Field(
        description="orders, buyers, revenue, opens and clicks are sums; conversion_rate and click_rate are shares of "
        "the messages sent; uplift is the share of buyers above that of the customers held out"
    )
    target: Decimal = Field(
        gt=0, max_digits=14, decimal_places=4, description="the number to reach; a rate of 5 % is 0.05"
    )
    within_days: int | None = Field(
        None, ge=1, le=90, description="counted so many days after a message; the same as attribution_days"
    )


class Limits(Strict):
    """At most so many people; a form may say fewer."""

    audience: int | None = Field(
        None,
        ge=1,
        description="for one occasion; where events start the campaign, for one run. A fair choice of the others is "
        "refused and counted as audience_limit",
    )
    per_day: int | None = Field(
        None,
        ge=1,
        description="planned on one day of the shop, whatever the occasions; the others are counted as daily_limit, "
        "and who was brought by an event is looked at again the next day",
    )


class Tracking(Strict):
    """What is recorded of its mails; nothing is where the installation says so (MARKETFLOW_TRACK_OPENS, ..._CLICKS)."""

    opens: bool = Field(True, description="mails carry a picture that tells when they are opened")
    clicks: bool = Field(True, description="links in their HTML lead by way of the edge service")
