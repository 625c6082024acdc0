"""Clocks that jump, and machines whose clocks differ: nobody has two, nobody is lost, it only takes longer."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from ledger_fixture import SENT, Connect, HandClock, by_state, fill, mail, run, states
from marketflow.campaigns.delivery import Outcome, OutgoingMessage
from marketflow.campaigns.delivery.clocks import WrongClockError
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


@pytest.mark.parametrize("ahead", [dt.timedelta(days=1), dt.timedelta(days=400)])
def test_what_a_sender_held_that_died_while_its_clock_was_far_ahead_is_taken_up_at_once(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect, ahead: dt.timedelta
) -> None:
    """Its leases end a day or a year from now; those of living senders never end so late."""
    clock, channel = HandClock(), mail()
    fill(conn, 20, lifetime=dt.timedelta(days=500))
    with psycopg.connect(warehouse_dsn) as other:
        ledger = Ledger.over(other, "email", dt.timedelta(seconds=60))
        claim = ledger.claim(20, clock.now() + ahead)
        ledger.begin(claim, list(claim.send_ids)[:5], clock.now() + ahead)
    summary = run(opening, channel, clock)
    assert (summary.swept_unknown, summary.swept_released, summary.sent) == (5, 15, 15)
    assert states(conn) == {("unknown", "sender_lost"): 5, ("sent", None): 15}


def test_leases_longer_than_a_day_are_let_be(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 4)
    others: list[int] = []

    def meet(_: OutgoingMessage) -> Outcome:
        others.append(run(opening, mail(), lease=dt.timedelta(hours=30)).swept_unknown)
        return SENT

    assert run(opening, mail(meet), lease=dt.timedelta(hours=30)).sent == 4
    assert others == [0] * 4


class WrongMachine(HandClock):
    """A given clock on a machine whose own is a day ahead, as the given one then is too."""

    def machine(self) -> dt.datetime:
        return super().machine() + dt.timedelta(days=1)


def test_a_machine_whose_clock_is_far_from_the_databases_sends_nothing_and_ends_nothing(
    conn: psycopg.Connection, opening: Connect
) -> None:
    fill(conn, 5, lifetime=dt.timedelta(hours=3))
    wrong, channel = WrongMachine(hands=[HandClock().now() + dt.timedelta(days=1)]), mail()
    with pytest.raises(WrongClockError, match="24 hours ahead of the database server's"):
        run(opening, channel, wrong)
    assert (channel.messages, by_state(conn)) == ([], {"released": 5})


def test_a_given_clock_may_be_years_from_the_machines(conn: psycopg.Connection, opening: Connect) -> None:
    """The demo stands at the end of its data."""
    then = HandClock(hands=[dt.datetime(2017, 12, 31, 9, tzinfo=dt.UTC)])
    fill(conn, 5, now=then.now())
    assert run(opening, mail(), then).sent == 5


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
