"""Senders and databases that go away in the middle: who was in flight is known or `unknown`, nobody is lost or doubled."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from ledger_fixture import (
    KEYS,
    SENT,
    Connect,
    HandClock,
    by_state,
    fill,
    mail,
    options,
    row,
    run,
    states,
    withdraw,
)
from marketflow.campaigns.content import Renderer
from marketflow.campaigns.delivery import ChannelError, Outcome, OutgoingMessage, deliver
from marketflow.campaigns.delivery.ledger import Ledger, Settlement
from marketflow.warehouse import connect


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


@pytest.fixture
def ledger(warehouse_dsn: str) -> Any:
    with psycopg.connect(warehouse_dsn) as mine:
        yield Ledger.over(mine, "email", dt.timedelta(seconds=60))


def test_a_channel_that_raises_is_a_fault_that_hurts_one_message(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 10)

    def broken(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[2]:
            raise RuntimeError(f"cannot write to {message.address}")
        return SENT

    with pytest.raises(ChannelError) as info:
        run(opening, mail(broken), window=4)
    assert "example.com" not in str(info.value)
    assert info.value.__cause__ is None
    assert info.value.__context__ is None
    assert by_state(conn) == {"sent": 2, "unknown": 1, "deferred": 1, "released": 6}
    assert row(conn, filled.send_ids[2])["reason"] == "interrupted"
    assert run(opening, mail()).sent == 7


def test_a_polite_kill_leaves_one_unknown_at_most(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 10)

    def killed(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[5]:
            raise SystemExit(143)
        return SENT

    with pytest.raises(SystemExit):
        run(opening, mail(killed))
    assert by_state(conn) == {"sent": 5, "unknown": 1, "deferred": 2, "released": 2}
    assert run(opening, mail()).sent == 4


def test_a_sender_that_slept_between_looking_and_sending_looks_again(
    conn: psycopg.Connection, opening: Connect
) -> None:
    filled = fill(conn, 8)

    def sleepy(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[1]:
            withdraw(conn, filled.contact_ids[2])
            time.sleep(0.06)
        return SENT

    summary = run(opening, mail(sleepy), stale_after=dt.timedelta(milliseconds=50))
    assert (summary.sent, summary.skipped) == (7, 1)
    assert row(conn, filled.send_ids[2])["state"] == "skipped"
    assert row(conn, filled.send_ids[7])["attempts"] == 1


def test_a_machine_that_was_suspended_between_looking_and_sending_looks_again(
    conn: psycopg.Connection, opening: Connect
) -> None:
    """The monotonic clock stands still meanwhile; the one on the wall does not."""
    filled, clock = fill(conn, 8), HandClock()

    def suspended(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[1]:
            withdraw(conn, filled.contact_ids[2])
            clock.pass_time(hours=2)
        return SENT

    summary = run(opening, mail(suspended), clock)
    assert (summary.sent, summary.skipped) == (7, 1)
    assert row(conn, filled.send_ids[2])["state"] == "skipped"


def test_an_orphan_may_say_what_it_knows_and_touch_nothing_else(conn: psycopg.Connection, ledger: Ledger) -> None:
    filled, clock = fill(conn, 4), HandClock()
    orphan = ledger.claim(3, clock.now())
    begun, waiting, told = filled.send_ids[:3]
    assert ledger.begin(orphan, [begun, told], clock.now()) == {begun: "sending", told: "sending"}
    clock.pass_time(minutes=2)
    assert ledger.sweep(clock.now()) == {"unknown": 2, "released": 1}
    heir = ledger.claim(10, clock.now())
    assert sorted(heir.send_ids) == [waiting, filled.send_ids[3]]
    assert ledger.begin(orphan, [begun, waiting, told], clock.now()) == {}
    sent = [Settlement(send_id=i, state="sent") for i in (begun, waiting)]
    assert ledger.settle(orphan, sent, clock.now()) == {begun: "sent"}
    assert ledger.settle(heir, [Settlement(send_id=told, state="sent")], clock.now()) == {}
    assert states(conn) == {("sent", None): 1, ("unknown", "sender_lost"): 1, ("claimed", "lease_expired"): 1, ("claimed", None): 1}  # fmt: skip


def test_a_lease_that_ran_out_begins_nothing_even_before_a_sweep(conn: psycopg.Connection, ledger: Ledger) -> None:
    filled, clock = fill(conn, 1), HandClock()
    claim = ledger.claim(1, clock.now())
    clock.pass_time(seconds=60)
    assert ledger.begin(claim, filled.send_ids, clock.now()) == {}


def test_a_slow_sender_holds_on_to_its_claim(conn: psycopg.Connection, opening: Connect, ledger: Ledger) -> None:
    """Its lease is shorter than its batch takes, and a sweeper is at work all the time; a busy machine may stop for seconds."""
    filled = fill(conn, 12)
    clock = _Running()

    def slow(_: OutgoingMessage) -> Outcome:
        time.sleep(0.8)
        ledger.sweep(clock.now())
        return SENT

    channel = mail(slow)
    summary = run(opening, channel, clock, window=2, lease=dt.timedelta(seconds=8))
    assert (summary.claimed, summary.sent, summary.lost) == (12, 12, 0)
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids


def test_what_another_holds_locked_for_a_moment_goes_out_in_the_same_run(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect
) -> None:
    """`begin` passes over what is locked (a claim of another sender may look at it); it must not wait for the lease then."""
    filled = fill(conn, 12)
    with psycopg.connect(warehouse_dsn) as other:

        def lock_for_a_window(message: OutgoingMessage) -> Outcome:
            if message.send_id == filled.send_ids[0]:
                other.execute("SELECT 1 FROM activation.sends WHERE send_id = %s FOR UPDATE", [filled.send_ids[5]])
            if message.send_id == filled.send_ids[8]:
                other.rollback()
            return SENT

        channel = mail(lock_for_a_window)
        summary = run(opening, channel, window=4)
    assert (summary.sent, summary.lost) == (12, 0)
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids
    assert channel.messages[-1].send_id == filled.send_ids[5]


def test_a_sender_that_is_suspended_in_a_transaction_keeps_nobody_waiting_for_long(
    conn: psycopg.Connection, ledger: Ledger
) -> None:
    """Its locks are on people whom other senders have messages for. It has sent a part of its pipeline, and no more."""
    fill(conn, 1)
    assert ledger.conn.execute("SHOW transaction_timeout").fetchone() == ("30s",)
    ledger.conn.execute("SET transaction_timeout = '300ms'")
    with pytest.raises(psycopg.OperationalError), ledger.conn.pipeline(), ledger.conn.transaction():  # noqa: PT012
        ledger.conn.execute("SELECT FROM activation.sends FOR UPDATE")
        conn.execute("SELECT FROM activation.sends FOR UPDATE")  # waits for the lock, and gets it


class _Running(HandClock):
    """A hand clock that runs."""

    def now(self) -> dt.datetime:
        return self.hands[0] + dt.timedelta(seconds=time.monotonic())


def test_a_database_that_goes_away_doubles_nothing_and_the_window_is_settled(
    conn: psycopg.Connection, opening: Connect, pg_server: Any
) -> None:
    filled = fill(conn, 20)

    def cut(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[9]:
            with psycopg.connect(pg_server.dsn(), autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                    [conn.info.dbname, conn.info.backend_pid],
                )
        return SENT

    channel = mail(cut)
    with pytest.raises(psycopg.OperationalError):
        run(opening, channel)
    assert by_state(conn) == {"sent": 16, "claimed": 4}
    clock = HandClock()
    clock.pass_time(minutes=5)
    assert run(opening, channel, clock).sent == 4
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids


def test_a_fault_between_two_windows_loses_nothing_of_the_one_before(
    conn: psycopg.Connection, warehouse_dsn: str
) -> None:
    """A window is settled when the next one begins: whatever prevents that, what became of it is written down."""
    fill(conn, 8)
    fill(conn, 4, campaign="another")

    def renderer(definition: Any) -> Renderer:
        if definition["campaign"]["name"] == "another":
            raise psycopg.OperationalError("the database was gone for a moment")
        return Renderer(definition)

    with pytest.raises(psycopg.OperationalError):
        deliver(
            lambda: connect(warehouse_dsn), mail(), keys=KEYS, clock=HandClock(), options=options(window=8),
            renderer=renderer,
        )  # fmt: skip
    assert by_state(conn) == {"sent": 8, "released": 4}


def test_a_window_is_settled_before_the_next_message_goes_out(conn: psycopg.Connection, opening: Connect) -> None:
    """However many windows there are, only one is `sending`: a crash can leave no more unknown."""
    fill(conn, 24)
    seen: list[int] = []

    def look(_: OutgoingMessage) -> Outcome:
        seen.append(by_state(conn)["sending"])
        return SENT

    assert run(opening, mail(look), window=8).sent == 24
    assert seen == [8] * 24


def test_a_database_that_stays_away_leaves_a_window_unknown(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    fill(conn, 20)
    opened: list[psycopg.Connection] = []

    def opening() -> AbstractContextManager[psycopg.Connection]:
        if opened:
            raise psycopg.OperationalError("no database")
        opened.append(psycopg.connect(warehouse_dsn))
        return opened[0]

    def cut(_: OutgoingMessage) -> Outcome:
        opened[0].close()
        return SENT

    with pytest.raises(psycopg.OperationalError):
        run(opening, mail(cut), rescue_seconds=0.0)
    assert by_state(conn) == {"sending": 8, "claimed": 12}
    clock = HandClock()
    clock.pass_time(minutes=5)
    summary = run(lambda: connect(warehouse_dsn), mail(), clock)
    assert (summary.swept_unknown, summary.swept_released, summary.sent) == (8, 12, 12)
    assert states(conn) == {("unknown", "sender_lost"): 8, ("sent", None): 12}


def test_a_row_that_is_locked_for_a_moment_is_not_left_lying(conn: psycopg.Connection, opening: Connect) -> None:
    """The last look passes over what another transaction has locked just then; it goes out in the same run."""
    filled = fill(conn, 3)
    with opening() as other:

        def meddle(message: OutgoingMessage) -> Outcome:
            if message.send_id == filled.send_ids[0]:
                other.execute("SELECT 1 FROM activation.sends WHERE send_id = %s FOR UPDATE", [filled.send_ids[1]])
            else:
                other.rollback()
            return SENT

        channel = mail(meddle)
        summary = run(opening, channel, window=1)
    assert [m.send_id for m in channel.messages] == [filled.send_ids[n] for n in (0, 2, 1)]
    assert (summary.sent, summary.released, summary.lost) == (3, 1, 0)
    assert by_state(conn) == {"sent": 3}
