"""The clock is given: code asks it for the time and the business day, and never the machine or the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Clock:
    """A clock that ticks with the machine's, `offset` apart, in the shop's time zone.

    With `pinned_day` the business day stands still while the clock ticks on: the demo's data end on that day.
    """

    time_zone: ZoneInfo
    offset: dt.timedelta = dt.timedelta(0)
    pinned_day: dt.date | None = None

    def now(self) -> dt.datetime:
        """The present instant, in UTC."""
        return self.machine() + self.offset

    def machine(self) -> dt.datetime:
        """What the machine's own clock says: to be compared with another machine's, and for nothing else."""
        return dt.datetime.now(dt.UTC)

    def business_date(self) -> dt.date:
        """The last complete day in the shop's time zone: what daily jobs are about."""
        return self.pinned_day or self.now().astimezone(self.time_zone).date() - dt.timedelta(days=1)

    def day_of(self, instant: dt.datetime) -> dt.date:
        """The shop's calendar day of an instant; raises ValueError for a time without a zone."""
        if instant.tzinfo is None:
            raise ValueError("a time without a zone has no day")
        return instant.astimezone(self.time_zone).date()
