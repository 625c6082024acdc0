"""What may still be sent now, of limits that all senders share: counted in the database, one statement per window.

An allowance is taken before a window is begun and committed at once; nothing is locked while anything is sent. What is
taken and not used (somebody has withdrawn) is kept for the next window. A sender that dies takes it along: less is
sent, never more.
"""

from __future__ import annotations

import datetime as dt
import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from marketflow.campaigns.delivery.limits_file import ChannelRules, Rates
from marketflow.privacy import KeyRing
from marketflow.warehouse import queries

# Seconds' worth that may go at once. A channel is paced by waiting; what a domain puts off comes back when it is due.
_BURST, _DOMAIN_BURST = 0.25, 1.0
# Of that, what a sender takes and waits for at a time: the rest of it takes up the time by which it sleeps too long.
_STEP = 0.2
_HORIZON = dt.timedelta(hours=6)  # nobody is put off further: limits change, and a backlog may go away
_LINGER = dt.timedelta(seconds=60)  # a run waits so long for what it has put off
_POLL = 0.25  # seconds
_URGENT = 100  # messages with a lower priority do not queue behind the others


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`count` messages may go. None may: after `wait` seconds ask again; or `reason`, and not before `retry_at`."""

    count: int = 0
    wait: float = 0.0
    reason: str | None = None
    retry_at: dt.datetime | None = None


class Limited(Protocol):
    """What is known of a message that asks a domain for room."""

    @property
    def priority(self) -> int:
        """Lower goes first."""


def step_of(per_second: float) -> int:
    """How many messages a sender takes at a time under such a limit: larger pieces would come too slowly."""
    return max(1, int(per_second * _STEP))


class Limits:
    """The limits of one channel, for one run. Not thread-safe; `conn` is the ledger's, in autocommit."""

    def __init__(self, conn: psycopg.Connection, channel: str, rules: ChannelRules, keys: KeyRing) -> None:
        self._conn, self._channel, self._rules, self._keys = conn, channel, rules, keys
        self._opened: set[str] = set()
        self._spare = 0
        self._coming: list[dt.datetime] = []
        self._chance = random.Random()  # noqa: S311  (jitter, not a secret)

    def take(self, wanted: int, now: dt.datetime) -> Grant:
        """Room on the channel for up to `wanted` messages. Reasons: `hour_limit`, `day_limit`."""
        if not self._rules.is_limited:
            return Grant(count=wanted)
        if self._spare < wanted:
            answer = self._ask({f"channel:{self._channel}": wanted - self._spare}, [self._rules], now, burst=_BURST)[0]
            self._spare += answer.count
            if self._spare < wanted and answer.bound == "second":
                return Grant(wait=self._wait_for(wanted - self._spare, answer.ahead))
            if self._spare == 0:
                return Grant(reason=f"{answer.bound}_limit", retry_at=answer.free_at)
        count = min(wanted, self._spare)
        self._spare -= count
        return Grant(count=count)

    def _wait_for(self, missing: int, ahead: float) -> float:
        """Seconds until there is room for what is missing, as far as so much is given at once."""
        assert self._rules.per_second is not None  # what has bound it
        next_ones = min(missing, step_of(self._rules.per_second))
        return max(0.0, ahead - max(0.0, _BURST - next_ones / self._rules.per_second))

    def unused(self, count: int) -> None:
        """So many that had room were not handed over after all."""
        if self._rules.is_limited:
            self._spare += count

    @property
    def has_domains(self) -> bool:
        """Must addresses be looked at?"""
        return bool(self._rules.domains)

    def put_off(self, messages: Sequence[tuple[Limited, str]], now: dt.datetime) -> dict[int, dt.datetime]:
        """Of messages with their addresses, in their order: those whose domain has no room now, and until when.

        Keys are places in `messages`. Each domain's come back one by one, as its limit lets them.
        """
        domains = [address.rpartition("@")[2] for _, address in messages]
        wanted = Counter(d for d in domains if self._rules.for_domain(d) is not None)
        if not wanted:
            return {}
        scopes = {self._scope(d): n for d, n in sorted(wanted.items())}
        rates = [self._rules.for_domain(d) for d in sorted(wanted)]
        found = self._ask(scopes, [r for r in rates if r is not None], now, burst=_DOMAIN_BURST, books=True)
        answers = dict(zip(sorted(wanted), found, strict=True))
        later = {}
        for domain, answer in answers.items():
            places = [i for i, d in enumerate(domains) if d == domain][answer.count :]
            urgent = [i for i in places if messages[i][0].priority < _URGENT]
            queued = [i for i in places if messages[i][0].priority >= _URGENT]
            later.update(self._times(urgent, answer.free_at, answer.spacing, now))
            later.update(self._times(queued, answer.queue_at, answer.spacing, now))
        for at in later.values():
            heapq.heappush(self._coming, at)
        return later

    def linger(self, now: dt.datetime) -> float:
        """Seconds to wait, when nothing else is due, for what this run has put off; 0.0: for nothing."""
        while self._coming and self._coming[0] <= now - dt.timedelta(seconds=2 * _POLL):
            heapq.heappop(self._coming)
        if not self._coming or self._coming[0] > now + _LINGER:
            return 0.0
        return max((self._coming[0] - now).total_seconds(), _POLL)

    def _times(self, places: list[int], first: dt.datetime, spacing: float, now: dt.datetime) -> dict[int, dt.datetime]:
        times = {i: first + dt.timedelta(seconds=n * spacing) for n, i in enumerate(places)}
        last = now + _HORIZON * self._chance.uniform(0.9, 1.0)
        return {i: min(at, last) for i, at in times.items()}

    def _scope(self, domain: str) -> str:
        return f"domain:{self._channel}:{self._keys.keyed_hash(f'domain {domain}').hex()}"

    def _ask(
        self, scopes: dict[str, int], rates: Sequence[Rates], now: dt.datetime, *, burst: float, books: bool = False
    ) -> list[_Answer]:
        """What each scope gives, in their order."""
        q = queries("limits")
        if new := [s for s in scopes if s not in self._opened]:
            self._conn.execute(q["budgets_open"], {"scopes": new, "now": now})
            self._opened.update(new)
        params: dict[str, Any] = {
            "scopes": list(scopes),
            "wanted": list(scopes.values()),
            "per_seconds": [r.per_second for r in rates],
            "per_hours": [r.per_hour for r in rates],
            "per_days": [r.per_day for r in rates],
            "bursts": [burst] * len(scopes),
            "horizon": _HORIZON.total_seconds(),
            "books": books,
            "now": now,
        }
        rows = {row[0]: _Answer(*row[1:]) for row in self._conn.execute(q["take"], params).fetchall()}
        if rows.keys() != scopes.keys():  # somebody has cleaned up meanwhile
            self._opened.clear()
            return self._ask(scopes, rates, now, burst=burst, books=books)
        return [rows[s] for s in scopes]


@dataclass(frozen=True)
class _Answer:
    """A row of the statement `take`; `ahead`: so many seconds' worth of the rate per second are used up."""

    count: int
    bound: str | None
    free_at: dt.datetime
    queue_at: dt.datetime
    spacing: float
    ahead: float
