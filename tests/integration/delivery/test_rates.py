"""A limit per second is reached and not passed: by one sender or many, slow or fast, and with clocks that differ."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace

import psycopg
import pytest

from ledger_fixture import KEYS, NOW, SENT, Connect, HandClock, by_state, fill, mail, run
from marketflow.campaigns.delivery import OutgoingMessage, engine
from marketflow.campaigns.delivery.channel import Outcome
from marketflow.campaigns.delivery.limits import Limits
from marketflow.campaigns.delivery.limits_file import ChannelRules
from marketflow.warehouse import connect

OVERSLEPT = 0.003  # seconds; what a sleep takes longer than it was asked to


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """A clock for the engine, too: who waits moves it."""
    hands = HandClock()

    def sleep(seconds: float) -> None:
        hands.pass_time(seconds=seconds + OVERSLEPT)

    def monotonic() -> float:
        return (hands.now() - NOW).total_seconds()

    monkeypatch.setattr(engine, "time", SimpleNamespace(sleep=sleep, monotonic=monotonic))
    return hands


@pytest.mark.parametrize("pace", [0.0, 0.7], ids=["a server that takes no time", "a server that is just fast enough"])
@pytest.mark.parametrize("rate", [0.5, 1, 3, 5, 7.5, 10, 14, 20, 50, 100])
def test_one_sender_reaches_what_is_configured(
    conn: psycopg.Connection, opening: Connect, clock: HandClock, rate: float, pace: float
) -> None:
    count = max(12, int(rate * 10))
    fill(conn, count)
    handed_over: list[dt.datetime] = []

    def answer(_: OutgoingMessage) -> Outcome:
        handed_over.append(clock.now())
        clock.pass_time(seconds=pace / rate)
        return SENT

    summary = run(opening, mail(answer), clock, rules=ChannelRules(per_second=rate), window=32)
    assert (summary.sent, by_state(conn)["sent"]) == (count, count)
    at_once = 1 + int(rate / 4)
    reached = (count - at_once) / (handed_over[-1] - NOW).total_seconds()
    assert 0.97 * rate < reached <= rate


@dataclass
class Asking:
    """A sender that takes windows of so many, and waits as it is told to."""

    limits: Limits
    wanted: int
    ahead: float = 0.0  # seconds by which its clock is ahead
    at: float = 0.0
    taken: int = 0

    def ask(self) -> None:
        now = NOW + dt.timedelta(seconds=self.at + self.ahead)
        grant = self.limits.take(self.wanted, now)
        self.taken += grant.count
        self.at += grant.wait + OVERSLEPT


def drive(senders: list[Asking], seconds: float) -> int:
    """How many they take together, each asking when it is its turn."""
    while (next_one := min(senders, key=lambda s: s.at)).at < seconds:
        next_one.ask()
    return sum(s.taken for s in senders)


@pytest.fixture
def ledger(conn: psycopg.Connection) -> psycopg.Connection:
    """A connection as the senders have it."""
    conn.autocommit = True
    return conn


def asking(conn: psycopg.Connection, rate: float, wanted: int, ahead: float = 0.0) -> Asking:
    return Asking(Limits(conn, "email", ChannelRules(per_second=rate), KEYS), wanted, ahead)


@pytest.mark.parametrize("rate", [3, 14, 50])
@pytest.mark.parametrize("senders", [2, 7])
def test_many_senders_reach_it_together(ledger: psycopg.Connection, rate: float, senders: int) -> None:
    wanted = max(1, int(rate / 4))
    taken = drive([asking(ledger, rate, wanted) for _ in range(senders)], 20)
    assert 0.95 * rate * 20 - senders * wanted < taken <= rate * 20 + 1 + rate / 4


def test_who_asks_for_more_than_goes_at_once_gets_it_bit_by_bit(ledger: psycopg.Connection) -> None:
    assert 0.95 * 14 * 20 - 14 < drive([asking(ledger, 14, 14)], 20) <= 14 * 20 + 4


@pytest.mark.parametrize("ahead", [0.3, 1.0, 4.0])
def test_clocks_that_differ_do_not_give_the_rate_twice(ledger: psycopg.Connection, ahead: float) -> None:
    """The one behind is refused by what the other has taken; its questions do not give that back."""
    taken = drive([asking(ledger, 20, 5), asking(ledger, 20, 5, ahead)], 20)
    assert 0.95 * 20 * 20 - 10 < taken <= 20 * (20 + ahead) + 10
