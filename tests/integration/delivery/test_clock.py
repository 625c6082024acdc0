"""Clocks that jump, and machines whose clocks differ: nobody has two, nobody is lost, it only takes longer."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from ledger_fixture import SENT, Connect, HandClock, by_state, fill, mail, run, states
from marketflow.campaigns.delivery import Outcome, OutgoingMessage
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.warehouse import connect


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


@pytest.mark.parametrize("jump", [dt.timedelta(days=1), dt.timedelta(hours=-1), dt.timedelta(minutes=5)])
def test_a_clock_that_jumps_in_the_middle_of_a_run(
    conn: psycopg.Connection, opening: Connect, jump: dt.timedelta
) -> None:
    filled, clock = fill(conn, 40), HandClock()

    def jumps_at_the_tenth(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[9]:
            clock.hands[0] += jump
        return SENT

    channel = mail(jumps_at_the_tenth)
    run(opening, channel, clock, batch=20)
    assert by_state(conn)["unknown"] == 0, "the sender knows what became of the window in its hands"
    clock.pass_time(hours=2)
    run(opening, channel, clock)
    assert by_state(conn) == {"sent": 40}
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids


@pytest.mark.parametrize("jump", [dt.timedelta(days=1), dt.timedelta(hours=-1)])
def test_a_clock_that_jumps_after_a_sender_has_died(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect, jump: dt.timedelta
) -> None:
    """Back an hour: its lease is an hour longer. Nothing else."""
    clock, channel = HandClock(), mail()
    fill(conn, 20, now=clock.now() - dt.timedelta(hours=2))
    with psycopg.connect(warehouse_dsn) as other:
        ledger = Ledger.over(other, "email", dt.timedelta(seconds=60))
        claim = ledger.claim(20, clock.now())
        ledger.begin(claim, list(claim.send_ids)[:5], clock.now())
    clock.hands[0] += jump
    run(opening, channel, clock)
    clock.pass_time(minutes=62)
    run(opening, channel, clock)
    assert states(conn) == {("unknown", "sender_lost"): 5, ("sent", None): 15}
    assert len({m.send_id for m in channel.messages}) == len(channel.messages) == 15


def test_a_machine_whose_clock_is_ahead_takes_over_and_doubles_nobody(
    conn: psycopg.Connection, opening: Connect
) -> None:
    """It holds the other's leases for run out, while the other is at work; each mail still goes out once."""
    filled, ahead = fill(conn, 30), HandClock(hands=[HandClock().now() + dt.timedelta(hours=1)])
    second = mail()

    def the_other_comes_in_between(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[4]:
            run(opening, second, ahead)
        return SENT

    first = mail(the_other_comes_in_between)
    summary = run(opening, first, HandClock(), batch=20)
    assert summary.sent >= 5
    assert second.messages, "the one ahead had nothing to take over: nothing was shown"
    assert by_state(conn) == {"sent": 30}
    assert sorted(m.send_id for m in [*first.messages, *second.messages]) == filled.send_ids
