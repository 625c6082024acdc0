"""What is known of each day before it comes: weekday, time of month and year, holidays, promotions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEEK = 7
_TWO_YEARS = 730  # a pattern of the year is seen only when it comes back
_THREE_MONTHS = 90
_YEAR_WAVES = 3
_MONTH_WAVES = 2


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A campaign or a coupon: its first and last day, and the day from which on it was known."""

    first_on: dt.date
    last_on: dt.date
    known_on: dt.date


@dataclass(frozen=True)
class Calendar:
    """The days of a series and of its horizon: `days` of them from `first_on` on.

    holidays: name by day. promotions: all of them; which of them count is a matter of the day that one looks from.
    """

    first_on: dt.date
    days: int
    holidays: Mapping[dt.date, str] = field(default_factory=dict)
    promotions: Sequence[Promotion] = ()

    def day(self, index: int) -> dt.date:
        """The day at a place, from 0."""
        return self.first_on + dt.timedelta(days=index)

    def features(self, seen: int, ahead: int) -> NDArray[np.float64]:
        """Features of `seen` days of history and `ahead` to come, one row per day, as known at the last day seen.

        Weekdays, holidays and the days around them, how many promotions run, and as far as the history is long enough
        the time of month and of year. Columns that did not vary in the days seen are left out.
        """
        import numpy as np

        rows = slice(0, seen + ahead)
        columns = [*self._weekdays[:, rows], *self._around[:, rows]]
        if seen >= _THREE_MONTHS:
            columns.extend(_waves(self._of_month[rows], _MONTH_WAVES))
        if seen >= _TWO_YEARS:
            columns.extend(_waves(self._of_year[rows], _YEAR_WAVES))
        columns.append(self._promoted(seen, ahead))
        features = np.column_stack(columns)
        varies: NDArray[np.bool_] = np.ptp(features[:seen], axis=0) > 0
        return features[:, varies]

    @cached_property
    def _weekdays(self) -> NDArray[np.float64]:
        import numpy as np

        weekday = (np.arange(self.days) + self.first_on.weekday()) % WEEK
        return np.array([weekday == n for n in range(1, WEEK)], dtype=float)

    @cached_property
    def _around(self) -> NDArray[np.float64]:
        """Whether the day is the one before a holiday, a holiday, or the one after it."""
        import numpy as np

        rows = [[self.day(n - shift) in self.holidays for n in range(self.days)] for shift in (-1, 0, 1)]
        return np.array(rows, dtype=float)

    @cached_property
    def _of_month(self) -> NDArray[np.float64]:
        import numpy as np

        return np.array([(self.day(n).day - 1) / 30.4 for n in range(self.days)])

    @cached_property
    def _of_year(self) -> NDArray[np.float64]:
        import numpy as np

        return np.array([self.day(n).timetuple().tm_yday / 365.25 for n in range(self.days)])

    def _promoted(self, seen: int, ahead: int) -> NDArray[np.float64]:
        """How many promotions run: of the days to come only those that were known on the last day seen."""
        import numpy as np

        count = np.zeros(seen + ahead)
        last_seen = self.day(seen - 1)
        for promotion in self.promotions:
            if promotion.known_on <= last_seen:
                first = (promotion.first_on - self.first_on).days
                end = (promotion.last_on - self.first_on).days + 1
                count[max(first, 0) : max(end, 0)] += 1
        return count


def holidays_of(country: str, first_on: dt.date, last_on: dt.date) -> dict[dt.date, str]:
    """Public holidays by day, by the library `holidays`; none for a country that it does not know.

    country: ISO 3166, two letters.
    """
    import holidays

    years = range(first_on.year - 1, last_on.year + 2)  # the first day may be the one after a holiday
    try:
        found = holidays.country_holidays(country, years=years)
    except NotImplementedError:
        return {}
    return dict(found.items())


def _waves(phase: NDArray[np.float64], number: int) -> Sequence[NDArray[np.float64]]:
    """Sines and cosines of 1 to `number` waves in a turn of the phase (Fourier terms)."""
    import numpy as np

    angles = [2 * np.pi * n * phase for n in range(1, number + 1)]
    return [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
