"""Local times to instants, as one expression: a search tree over the hours at which a zone's offset changes.

Made from `zoneinfo`. Of an hour that comes twice (autumn) the first is meant; a time that the clock skips (spring) has
no instant: null. DuckDB's own AT TIME ZONE takes neither decision, and four times as long.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_DAY = dt.timedelta(days=1)
_FROM = dt.datetime(1999, 12, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Span:
    """From this local time on, clocks are `offset` ahead of UTC; None: the times do not exist."""

    begins: dt.datetime
    offset: dt.timedelta | None


@cache
def spans(zone: str, until: dt.datetime) -> tuple[Span, ...]:
    """The zone's offsets by local time, from 2000 on, the first one open to the past and the last to the future."""
    tz = ZoneInfo(zone)
    found: list[Span] = []
    for at, before, after in _changes(tz, until):
        old, new = (at + before).replace(tzinfo=None), (at + after).replace(tzinfo=None)
        if new > old:  # the clock is put forward: times between do not exist
            found += [Span(old, None), Span(new, after)]
        else:  # it is put back: times between come twice, the first counts
            found.append(Span(old, after))
    return (Span(_FROM.replace(tzinfo=None), _offset(tz, _FROM)), *found)


def instant(local: str, zone: str, until: dt.datetime) -> str:
    """SQL: the instant (TIMESTAMP, in UTC) of a local TIMESTAMP, a name; null when there is none.

    Offsets that change after `until` are left out: no later instant is believed.
    """
    return _tree(local, spans(zone, until))


@cache
def known_zones() -> tuple[str, ...]:
    """The names of the tz database, without the copies that count leap seconds."""
    return tuple(sorted(n for n in available_timezones() if n.partition("/")[0] not in ("posix", "right", "localtime")))


def _tree(local: str, some: Sequence[Span]) -> str:
    if len(some) == 1:
        return _shifted(local, some[0].offset)
    middle = len(some) // 2
    at = f"TIMESTAMP '{some[middle].begins:%Y-%m-%d %H:%M:%S}'"
    return f"CASE WHEN {local} < {at} THEN {_tree(local, some[:middle])} ELSE {_tree(local, some[middle:])} END"


def _shifted(local: str, offset: dt.timedelta | None) -> str:
    if offset is None:
        return "NULL::TIMESTAMP"
    return f"{local} - INTERVAL '{int(offset.total_seconds())} seconds'" if offset else local


def _changes(tz: ZoneInfo, until: dt.datetime) -> list[tuple[dt.datetime, dt.timedelta, dt.timedelta]]:
    """The instants at which the offset changes, with the offsets before and after."""
    days = [_FROM + n * _DAY for n in range((until - _FROM).days + 2)]
    changed = [(a, b) for a, b in itertools.pairwise(days) if _offset(tz, a) != _offset(tz, b)]
    return [(_exactly(tz, a, b), _offset(tz, a), _offset(tz, b)) for a, b in changed]


def _exactly(tz: ZoneInfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    """The second at which the offset of `low` gives way to that of `high`."""
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=(high - low).total_seconds() // 2)
        low, high = (middle, high) if _offset(tz, middle) == _offset(tz, low) else (low, middle)
    return high


def _offset(tz: ZoneInfo, at: dt.datetime) -> dt.timedelta:
    return at.astimezone(tz).utcoffset() or dt.timedelta(0)
