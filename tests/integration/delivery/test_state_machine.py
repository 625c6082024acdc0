"""Promise 3 against a model: whatever senders, time, people and crashes do, each message is where the rules say."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ledger_fixture import NOW, Filled, fill
from marketflow.campaigns.delivery.ledger import Claim, Ledger, Settlement

LEASE = dt.timedelta(seconds=60)
LIFETIME = dt.timedelta(minutes=20)
ROWS = 5
FINAL = ("sent", "failed", "skipped", "expired")


@dataclass
class Row:
    """What the ledger should say."""

    send_after: dt.datetime
    expires_at: dt.datetime
    state: str = "released"
    token: uuid.UUID | None = None
    lease_until: dt.datetime | None = None
    attempts: int = 0
    consent: bool = True
    suppressed: bool = False
    handed_over: int = field(default=0)  # times that the transport may have taken it

    def due(self, now: dt.datetime) -> bool:
        return self.state in ("released", "deferred") and self.send_after <= now < self.expires_at


class LedgerMachine(RuleBasedStateMachine):
    """Senders that claim, begin, settle, sleep and die; people who withdraw and pause; time."""

    conn: psycopg.Connection
    filled: Filled

    def __init__(self) -> None:
        super().__init__()
        self.conn.execute("UPDATE activation.sends SET state = 'cancelled'")  # what the example before has left
        self.conn.execute("DELETE FROM activation.campaign_states")
        self.filled = fill(self.conn, ROWS, lifetime=LIFETIME)
        self.ledger = Ledger(conn=self.conn, channel="email", lease=LEASE)
        self.now, self.paused = NOW, False
        self.rows = {i: Row(send_after=NOW, expires_at=NOW + LIFETIME) for i in self.filled.send_ids}
        self.claims: list[Claim] = []

    @rule(seconds=st.sampled_from([1, 59, 61, 600]))
    def time_passes(self, seconds: int) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @rule(limit=st.integers(1, ROWS))
    def claim(self, limit: int) -> None:
        claim = self.ledger.claim(limit, self.now)
        due = [i for i, r in self.rows.items() if r.due(self.now) and not self.paused]
        due.sort(key=lambda i: (self.rows[i].send_after, i))
        assert sorted(claim.send_ids) == sorted(due[:limit])
        for i in claim.send_ids:
            self.rows[i].state, self.rows[i].token = "claimed", claim.token
            self.rows[i].lease_until = self.now + LEASE
        self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        ids = data.draw(st.lists(st.sampled_from(self.filled.send_ids), unique=True))  # others' rows as well
        expected = {i: self._begin(self.rows[i]) for i in ids if self._is_begun(claim, self.rows[i])}
        assert self.ledger.begin(claim, ids, self.now) == expected

    def _is_begun(self, claim: Claim, r: Row) -> bool:
        return (
            r.state == "claimed" and r.token == claim.token and r.lease_until is not None and r.lease_until > self.now
        )

    def _begin(self, r: Row) -> str:
        if r.expires_at <= self.now:
            r.state = "expired"
        elif self.paused:
            r.state = "released"
        elif r.suppressed or not r.consent:
            r.state = "skipped"
        else:
            r.state, r.attempts, r.lease_until = "sending", r.attempts + 1, self.now + LEASE
            r.handed_over += 1
            return r.state
        r.token = r.lease_until = None
        return r.state

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), state=st.sampled_from(["sent", "failed", "unknown", "deferred"]), tried=st.booleans())
    def settle(self, data: st.DataObject, state: str, tried: bool) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        i = data.draw(st.sampled_from(self.filled.send_ids))
        wait = data.draw(st.sampled_from([0, 30, 3600])) if state == "deferred" else None
        retry_at = None if wait is None else self.now + dt.timedelta(seconds=wait)
        done = self.ledger.settle(
            claim, [Settlement(send_id=i, state=state, reason="why", retry_at=retry_at, is_tried=tried)], self.now
        )
        r = self.rows[i]
        if r.state not in ("sending", "unknown") or r.token != claim.token:
            assert done == {}
            return
        r.attempts -= 0 if tried else 1
        r.lease_until = None
        r.state = "expired" if retry_at and retry_at >= r.expires_at else state
        if retry_at:
            r.handed_over -= 1  # the sender knows that the transport has not taken it
            r.send_after, r.token = retry_at, None
        assert done == {i: r.state}

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), wait=st.sampled_from([None, 30]))
    def give_back(self, data: st.DataObject, wait: int | None) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        retry_at = None if wait is None else self.now + dt.timedelta(seconds=wait)
        mine = [r for r in self.rows.values() if r.state == "claimed" and r.token == claim.token]
        assert self.ledger.give_back(claim, self.filled.send_ids, reason="why", retry_at=retry_at) == len(mine)
        for r in mine:
            r.state, r.token, r.lease_until = ("released" if wait is None else "deferred"), None, None
            r.send_after = retry_at or r.send_after

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        mine = [r for r in self.rows.values() if r.token == claim.token and r.state in ("claimed", "sending")]
        held = [r for r in mine if r.lease_until is not None and r.lease_until > self.now]
        assert self.ledger.renew(claim, self.filled.send_ids, self.now) == len(held)
        for r in held:
            r.lease_until = self.now + LEASE

    @rule()
    def sweep(self) -> None:
        self.ledger.sweep(self.now)
        for r in self.rows.values():
            if r.state in ("claimed", "sending") and r.lease_until is not None and r.lease_until <= self.now:
                r.lease_until = None
                if r.state == "claimed":
                    r.state, r.token = "released", None
                else:
                    r.state = "unknown"
            if r.state in ("released", "deferred") and r.expires_at <= self.now:
                r.state = "expired"

    @rule(data=st.data(), granted=st.booleans())
    def a_person_decides(self, data: st.DataObject, granted: bool) -> None:
        n = data.draw(st.integers(0, ROWS - 1))
        contact = self.filled.contact_ids[n]
        self.conn.execute("UPDATE privacy.consents SET granted = %s WHERE contact_point_id = %s", [granted, contact])
        self.rows[self.filled.send_ids[n]].consent = granted

    @rule(n=st.integers(0, ROWS - 1))
    def an_address_is_suppressed(self, n: int) -> None:
        self.conn.execute(
            "INSERT INTO privacy.suppressions SELECT channel, address_hash, 'manual', %s FROM core.contact_points"
            " WHERE contact_point_id = %s ON CONFLICT DO NOTHING",
            [self.now, self.filled.contact_ids[n]],
        )
        self.rows[self.filled.send_ids[n]].suppressed = True

    @rule(paused=st.booleans())
    def the_switch_is_turned(self, paused: bool) -> None:
        self.conn.execute(
            "INSERT INTO activation.campaign_states VALUES ('thank_you', %s, %s, 'ada') ON CONFLICT (campaign)"
            " DO UPDATE SET is_paused = excluded.is_paused",
            [paused, self.now],
        )
        self.paused = paused

    @invariant()
    def the_ledger_is_as_the_model_says(self) -> None:
        found = self.conn.execute(
            "SELECT send_id, state, claim_token, lease_until, attempts FROM activation.sends WHERE plan_id = %s",
            [self.filled.plan_id],
        ).fetchall()
        for i, state, token, lease_until, attempts in found:
            r = self.rows[i]
            assert (state, lease_until, attempts) == (r.state, r.lease_until, r.attempts)
            if r.state in ("claimed", "sending", "unknown"):
                assert token == r.token

    @invariant()
    def nobody_gets_two(self) -> None:
        assert all(r.handed_over in (0, 1) for r in self.rows.values())

    @invariant()
    def what_is_final_was_handed_over_or_never_was(self) -> None:
        for r in self.rows.values():
            assert r.handed_over == (1 if r.state in ("sending", "unknown", "sent", "failed") else 0)


def test_the_ledger_keeps_its_rules(conn: psycopg.Connection) -> None:
    conn.autocommit = True
    machine: Any = type("Bound", (LedgerMachine,), {"conn": conn})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
