"""What a condition is about: the day that days are counted back from, and which names there are."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from marketflow.campaigns.audience.predicate.parse import AudienceRefused

_LISTED = 25


def _knows_all(_kind: str, _word: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class About:
    """The business day, the shop's zone, and who knows the shop's names.

    `unknown(kind, word)` gives None for a word that there is, or else those that could be meant. Kinds are `segment`,
    `campaign`, `event`, and of products `category`, `department`, `brand` and `product`.
    """

    day: dt.date
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    unknown: Callable[[str, str], Sequence[str] | None] = _knows_all

    def since(self, days: int) -> dt.date:
        """The first of the `days` days that end with the business day; the calendar has no day before its first."""
        return self.day - dt.timedelta(days=min(days - 1, (self.day - dt.date.min).days))

    def begin_of(self, day: dt.date) -> dt.datetime:
        """The instant at which a day begins in the shop's zone."""
        return dt.datetime.combine(day, dt.time(), tzinfo=self.time_zone)

    def check(self, kind: str, word: str) -> None:
        """Raise AudienceRefused for a name that there is not: `not did(...)` of a slip of the pen is everybody."""
        candidates = self.unknown(kind, word)
        if candidates is not None:
            raise AudienceRefused(f"there is no {kind} {word[:60]!r}{meant(word, candidates)}")


def meant(word: str, known: Sequence[str]) -> str:
    """The end of a sentence: the known word that was probably meant, or all of them where they are few."""
    close = difflib.get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.5)
    if close:
        return f"; did you mean {next(k for k in known if k.lower() == close[0])!r}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= _LISTED else ""
