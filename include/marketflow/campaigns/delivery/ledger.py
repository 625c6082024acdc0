"""The ledger's transitions as calls, each one statement and one transaction (the connection is in autocommit)."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from marketflow.campaigns.definition import ContactPolicy
from marketflow.shared import Clock
from marketflow.shared.ids import event_id
from marketflow.warehouse import queries, use_role

log = logging.getLogger(__name__)
Connect = Callable[[], AbstractContextManager[psycopg.Connection]]
_NOBODY_IS_KEPT = ContactPolicy()
_A_DAY = dt.timedelta(days=1)
_SWEEP = 1_000  # rows per statement: a sweep never locks a million rows at once


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Messages that are ours until `lease_until`, unless renewed."""

    token: uuid.UUID
    send_ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What became of one message. `retry_at` stands with `deferred` only; `is_tried`: the transport was called.

    `bounce`: it failed because the address is of no use; the code that says so.
    """

    send_id: int
    state: str
    reason: str | None = None
    retry_at: dt.datetime | None = None
    is_tried: bool = True
    bounce: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The statements of `sql/queries/delivery.sql` over one connection; the time is always the caller's."""

    conn: psycopg.Connection
    channel: str
    lease: dt.timedelta
    policy: ContactPolicy = _NOBODY_IS_KEPT
    time_zone: str = "UTC"
    statements: Any = field(default_factory=lambda: queries("delivery"), repr=False)

    @classmethod
    def over(
        cls,
        conn: psycopg.Connection,
        channel: str,
        lease: dt.timedelta,
        policy: ContactPolicy = _NOBODY_IS_KEPT,
        time_zone: str = "UTC",
    ) -> Ledger:
        """Take the connection over: role `sender`, one transaction per statement."""
        use_role(conn, "sender")
        conn.commit()  # so that a rollback does not bring the login's rights and zone back
        conn.autocommit = True
        return cls(conn=conn, channel=channel, lease=lease, policy=policy, time_zone=time_zone)

    def sweep(self, now: dt.datetime) -> Counter[str]:
        """Take up what senders that are gone have left, and end what is too late; counts by new state."""
        far = now + max(2 * self.lease, _A_DAY)
        heard = queries("delivery_events")["sweep_reported"]
        leases = self.statements["sweep_leases"]
        return (
            self._swept(leases, now=now, ends_after="-infinity", ends_by=now)
            + self._swept(leases, now=now, ends_after=far, ends_by="infinity")
            + self._swept(heard, now=now)
            + self._swept(self.statements["sweep_expired"], now=now)
        )

    def _swept(self, statement: Any, **params: Any) -> Counter[str]:
        swept: Counter[str] = Counter()
        while rows := self.conn.execute(statement, {**params, "most": _SWEEP}).fetchall():
            swept.update(row[0] for row in rows)
        return swept

    def claim(self, limit: int, now: dt.datetime) -> Claim:
        """Up to `limit` due messages of the channel, the most urgent first."""
        token = uuid.uuid4()
        rows = self._run("claim", channel=self.channel, most=limit, token=token, now=now, lease_until=now + self.lease)
        return Claim(token=token, send_ids=[row[0] for row in rows])

    def begin(self, claim: Claim, send_ids: Sequence[int], now: dt.datetime) -> dict[int, str]:
        """`claimed` to `sending`, after the last checks. New state by send id; what is not in it is no longer ours.

        Of those whose messages are counted - by a cap, or since they chose how often - the row is locked first, by a
        statement of its own: the one that counts then sees what others have begun meanwhile. Both go in one trip.
        """
        with self.conn.pipeline(), self.conn.transaction():
            begun = self._look(claim, send_ids, now)
        return dict(begun.fetchall())

    def _look(self, claim: Claim, send_ids: Sequence[int], now: dt.datetime) -> psycopg.Cursor[Any]:
        params = {"send_ids": list(send_ids), "token": claim.token, "now": now, "lease_until": now + self.lease}
        self.conn.execute(self.statements["lock_people"], {**params, **self._policy})
        return self.conn.execute(self.statements["begin"], {**params, **self._policy})

    @cached_property
    def _policy(self) -> Mapping[str, Any]:
        return {**self.policy.parameters(self.channel), "time_zone": self.time_zone}

    def settle(self, claim: Claim, settlements: Sequence[Settlement], now: dt.datetime) -> dict[int, str]:
        """Write what became of begun messages. New state by send id; what is not in it is no longer ours.

        Whose address bounced is shut out in the same transaction.
        """
        if not any(s.bounce for s in settlements):
            return dict(self._run("settle", **_settled(claim, settlements, now)))
        with self.conn.transaction():
            done = dict(self._run("settle", **_settled(claim, settlements, now)))
            self._run("bounces_record", **_bounces(claim, settlements, now))
        return done

    def turn(
        self, claim: Claim, settlements: Sequence[Settlement], send_ids: Sequence[int], now: dt.datetime
    ) -> tuple[dict[int, str], dict[int, str]]:
        """`settle` one window and `begin` the next, both or neither: what both of them return.

        All of it goes out at once, the commit too: a sender that is suspended leaves no transaction open.
        """
        with self.conn.pipeline(), self.conn.transaction():
            settling = self.conn.execute(self.statements["settle"], _settled(claim, settlements, now))
            if any(s.bounce for s in settlements):  # before the next look: it may be for the same address
                self.conn.execute(self.statements["bounces_record"], _bounces(claim, settlements, now))
            begun = self._look(claim, send_ids, now)
        return dict(settling.fetchall()), dict(begun.fetchall())

    def give_back(
        self, claim: Claim, send_ids: Sequence[int], *, reason: str | None = None, retry_at: dt.datetime | None = None
    ) -> int:
        """Let go of what was not begun: `released`, or `deferred` until `retry_at` for `reason`; how many they were."""
        state = "released" if retry_at is None else "deferred"
        return len(
            self._run(
                "give_back", token=claim.token, send_ids=list(send_ids), state=state, reason=reason, retry_at=retry_at
            )
        )

    def put_off(self, claim: Claim, retry_ats: Mapping[int, dt.datetime], reason: str) -> int:
        """`claimed` to `deferred`, each until a time of its own, for what was not tried; how many they are."""
        return len(
            self._run(
                "put_off",
                token=claim.token,
                send_ids=list(retry_ats),
                retry_ats=list(retry_ats.values()),
                reason=reason,
            )
        )

    def renew(self, claim: Claim, send_ids: Sequence[int], now: dt.datetime) -> int:
        """Hold on to what is still ours for another lease; how many they are."""
        return len(
            self._run("renew", token=claim.token, send_ids=list(send_ids), now=now, lease_until=now + self.lease)
        )

    def _run(self, name: str, **params: Any) -> list[Any]:
        return self.conn.execute(self.statements[name], params).fetchall()


def _bounces(claim: Claim, settlements: Sequence[Settlement], now: dt.datetime) -> dict[str, Any]:
    """What `bounces_record` needs; the ids of the reports are those of this very try."""
    found = [s for s in settlements if s.bounce is not None]
    return {
        "token": claim.token,
        "now": now,
        "send_ids": [s.send_id for s in found],
        "codes": [s.bounce for s in found],
        "event_ids": [event_id("server", f"{s.send_id} {claim.token}") for s in found],
    }


def _settled(claim: Claim, settlements: Sequence[Settlement], now: dt.datetime) -> dict[str, Any]:
    return {
        "token": claim.token,
        "now": now,
        "send_ids": [s.send_id for s in settlements],
        "states": [s.state for s in settlements],
        "reasons": [s.reason for s in settlements],
        "retry_ats": [s.retry_at for s in settlements],
        "tried": [s.is_tried for s in settlements],
    }


def settle_anew(
    connect: Connect, lost: Ledger, claim: Claim, settlements: Sequence[Settlement], *, clock: Clock, seconds: float
) -> None:
    """Settle over a new connection, as soon as the database is back; what cannot be written is left to the sweep."""
    patience = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_exponential(multiplier=0.1, max=2),
        retry=retry_if_exception_type(psycopg.OperationalError),
        reraise=True,
    )
    try:
        for attempt in patience:
            with attempt, connect() as conn:
                Ledger.over(conn, lost.channel, lost.lease).settle(claim, settlements, clock.now())
    except psycopg.Error:
        log.warning("%s messages of claim %s could not be settled: they become unknown", len(settlements), claim.token)
