"""Limits that all senders share: never broken by many at once, by clocks that jump, or by one domain that is full."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from ledger_fixture import KEYS, NOW, Connect, HandClock, by_state, fill, mail, row, run, states
from marketflow.campaigns.delivery.brakes import Brakes
from marketflow.campaigns.delivery.channel import SENT, Outcome, OutgoingMessage
from marketflow.campaigns.delivery.guard import forget_allowances
from marketflow.campaigns.delivery.limits import Limits
from marketflow.campaigns.delivery.limits_file import ChannelRules, Rates
from marketflow.shared import Clock
from marketflow.warehouse import connect

HOUR, SECOND = dt.timedelta(hours=1), dt.timedelta(seconds=1)


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


@pytest.fixture
def ledger(conn: psycopg.Connection) -> psycopg.Connection:
    """A connection as the senders have it."""
    conn.autocommit = True
    return conn


def limits(conn: psycopg.Connection, **rules: Any) -> Limits:
    return Limits(conn, "email", ChannelRules(**rules), KEYS)


def test_many_senders_cannot_break_an_hour_limit(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 300)
    clock, rules = HandClock(), ChannelRules(per_hour=100)

    def send(_: int) -> Any:
        return run(opening, mail(), clock, rules=rules, batch=40)

    with ThreadPoolExecutor(6) as senders:
        summaries = list(senders.map(send, range(6)))
    assert {s.stopped for s in summaries} == {"hour_limit"}
    assert sum(s.sent for s in summaries) == by_state(conn)["sent"] == 100
    put_off = conn.execute("SELECT DISTINCT send_after, attempts FROM activation.sends WHERE reason = 'hour_limit'")
    assert put_off.fetchall() == [(NOW + dt.timedelta(minutes=61), 0)]
    clock.pass_time(minutes=59)
    assert run(opening, mail(), clock, rules=rules).sent == 0
    clock.pass_time(minutes=2)
    assert run(opening, mail(), clock, rules=rules).sent == 100


def test_many_threads_take_exactly_the_limit(opening: Connect) -> None:
    def take(seed: int) -> int:
        chance, total = random.Random(seed), 0
        with opening() as mine:
            mine.autocommit = True
            own = limits(mine, per_day=1_000)
            while grant := own.take(chance.randint(1, 9), NOW).count:
                total += grant
        return total

    with ThreadPoolExecutor(8) as senders:
        assert sum(senders.map(take, range(8))) == 1_000


@pytest.mark.parametrize("seed", range(3))
def test_no_hour_holds_more_than_its_limit(ledger: psycopg.Connection, seed: int) -> None:
    chance, now, taken = random.Random(seed), NOW, []
    own = limits(ledger, per_hour=50, per_day=400)
    for _ in range(250):
        now += dt.timedelta(seconds=chance.choice([0.1, 30, 400, 1_700]))
        count = own.take(chance.randint(1, 20), now).count
        taken += [now] * count
    for at in taken:
        assert sum(at <= t < at + HOUR for t in taken) <= 50
        assert sum(at <= t < at + 24 * HOUR for t in taken) <= 400
    assert len(taken) > 450  # and what is free again is given


def test_a_second_holds_its_rate_and_a_quarter_at_once(ledger: psycopg.Connection) -> None:
    own, other, now = limits(ledger, per_second=20), limits(ledger, per_second=20), NOW
    taken: list[dt.datetime] = []
    for turn in range(400):
        now += dt.timedelta(milliseconds=25)
        grant = (own, other)[turn % 2].take(4, now)
        assert grant.reason is None
        assert grant.count or grant.wait > 0
        taken += [now] * grant.count
    assert max(sum(at <= t < at + SECOND for t in taken) for at in taken) <= 20 + 5 + 4  # and a window in hand
    assert 195 <= len(taken) <= 206


def test_a_slow_rate_gives_one_after_the_other(ledger: psycopg.Connection) -> None:
    own, now = limits(ledger, per_second=0.1), NOW
    assert own.take(1, now).count == 1
    grant = own.take(1, now)
    assert (grant.count, grant.wait) == (0, 10.0)
    assert own.take(1, now + dt.timedelta(seconds=9.9)).count == 0
    assert own.take(1, now + dt.timedelta(seconds=10.1)).count == 1


def test_what_is_not_used_is_used_by_the_next_window(ledger: psycopg.Connection) -> None:
    own = limits(ledger, per_hour=10)
    assert own.take(8, NOW).count == 8
    own.unused(8)
    assert [own.take(8, NOW).count, own.take(8, NOW).count] == [8, 2]
    assert own.take(8, NOW).reason == "hour_limit"


@pytest.mark.parametrize("jump", [dt.timedelta(hours=2), dt.timedelta(days=400), dt.timedelta(days=9_000)])
def test_a_clock_that_jumps_back_blocks_for_one_period_at_most(ledger: psycopg.Connection, jump: dt.timedelta) -> None:
    own = limits(ledger, per_second=50, per_hour=10)
    assert own.take(10, NOW + jump).count == 10
    after = limits(ledger, per_second=50, per_hour=10)
    grant = after.take(10, NOW)
    assert grant.reason == "hour_limit"  # what was taken a moment ago by the wrong clock was sent all the same
    assert grant.retry_at is not None
    assert NOW < grant.retry_at <= NOW + HOUR + dt.timedelta(minutes=1)
    assert after.take(10, grant.retry_at).count == 10


def test_a_clock_that_jumps_forth_is_given_one_more_period_and_no_error(ledger: psycopg.Connection) -> None:
    own = limits(ledger, per_second=50, per_hour=10)
    assert own.take(10, NOW).count == 10
    assert own.take(10, NOW + dt.timedelta(days=400)).count == 10
    assert own.take(10, NOW + dt.timedelta(days=400)).count == 0
    assert own.take(10, NOW).count == 0


def test_a_rate_per_second_recovers_at_once_from_a_clock_that_jumped(ledger: psycopg.Connection) -> None:
    assert limits(ledger, per_second=4).take(1, NOW + dt.timedelta(days=1)).count == 1
    after = limits(ledger, per_second=4)
    assert after.take(1, NOW).wait <= 0.25
    assert after.take(1, NOW + SECOND).count == 1


def test_a_run_ends_at_its_hour_limit_and_tries_nobody(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 20)
    summary = run(opening, mail(), rules=ChannelRules(per_hour=5))
    assert (summary.sent, summary.deferred, summary.stopped) == (5, 15, "hour_limit")
    assert summary.reasons == {"hour_limit": 15}


def test_a_full_domain_does_not_hold_up_the_others(conn: psycopg.Connection, opening: Connect) -> None:
    full = fill(conn, 60, domain="full.test")  # first in line
    free = fill(conn, 40, domain="free.test")
    channel, clock = mail(), HandClock()
    rules = ChannelRules(domains={"full.test": Rates(per_hour=5)})
    summary = run(opening, channel, clock, rules=rules, batch=30)
    assert (summary.sent, summary.deferred, summary.stopped) == (45, 55, None)
    assert summary.reasons == {"domain_limit": 55}
    assert {m.address for m in channel.messages} >= set(free.addresses)
    times = [row(conn, i)["send_after"] for i in full.send_ids[5:]]
    assert {row(conn, i)["attempts"] for i in full.send_ids[5:]} == {0}
    assert times[0] == NOW + dt.timedelta(minutes=61)
    # one after the other as the limit lets them, and none further than the horizon: a limit may be changed
    assert [b - a for a, b in pairwise(times[:20])] == [dt.timedelta(minutes=12)] * 19
    assert max(times) <= NOW + dt.timedelta(hours=6)
    assert run(opening, channel, clock, rules=rules).claimed == 0  # nothing spins
    sent = 5
    for _ in range(14):
        clock.pass_time(minutes=61)
        more = run(opening, channel, clock, rules=rules).sent
        assert more <= 5
        sent += more
    assert sent == 60
    assert Counter(m.address for m in channel.messages) == dict.fromkeys(full.addresses + free.addresses, 1)


def test_urgent_messages_do_not_queue_behind_a_backlog(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 100, domain="full.test")
    clock, rules = HandClock(), ChannelRules(domains={"full.test": Rates(per_hour=20)})
    assert run(opening, mail(), clock, rules=rules).sent == 20
    urgent = fill(conn, 1, domain="full.test", priority=10)
    assert run(opening, mail(), clock, rules=rules).deferred == 1
    assert row(conn, urgent.send_ids[0])["send_after"] == NOW + dt.timedelta(minutes=61)
    bulk = fill(conn, 1, domain="full.test")
    assert run(opening, mail(), clock, rules=rules).deferred == 1
    assert row(conn, bulk.send_ids[0])["send_after"] > NOW + dt.timedelta(hours=4)


def test_each_other_domain_has_an_allowance_of_its_own(conn: psycopg.Connection, opening: Connect) -> None:
    for domain in ("a.test", "b.test", "c.test"):
        fill(conn, 10, domain=domain)
    rules = ChannelRules(domains={"*": Rates(per_day=4), "c.test": Rates()})
    summary = run(opening, mail(), rules=rules)
    assert (summary.sent, summary.deferred) == (4 + 4 + 10, 12)


def test_a_run_waits_for_what_a_domain_puts_off_for_a_moment(conn: psycopg.Connection, opening: Connect) -> None:
    now = dt.datetime.now(dt.UTC)
    fill(conn, 30, domain="slow.test", now=now)
    at: list[dt.datetime] = []

    def answer(_: OutgoingMessage) -> Outcome:
        at.append(dt.datetime.now(dt.UTC))
        return SENT

    summary = run(
        opening, mail(answer), Clock(time_zone=ZoneInfo("UTC")), rules=ChannelRules(domains={"*": Rates(per_second=10)})
    )
    assert (summary.sent, by_state(conn)["sent"]) == (30, 30)
    assert dt.timedelta(seconds=1.8) < at[-1] - at[0]
    assert max(sum(t <= other < t + SECOND for other in at) for t in at) <= 21


def test_no_domain_is_kept_in_clear(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 4, domain="secretive.test")
    run(opening, mail(), rules=ChannelRules(domains={"*": Rates(per_day=2)}))
    kept = str(conn.execute("SELECT to_jsonb(b) FROM activation.rate_budgets AS b").fetchall())
    assert "domain:email:" in kept
    assert "secretive" not in kept + str(states(conn))


def test_both_limits_hold_and_what_a_domain_refuses_is_not_lost_for_the_channel(
    conn: psycopg.Connection, opening: Connect
) -> None:
    fill(conn, 20, domain="full.test")
    fill(conn, 20, domain="free.test")
    summary = run(opening, mail(), rules=ChannelRules(per_hour=10, domains={"full.test": Rates(per_hour=2)}), batch=10)
    assert (summary.sent, summary.stopped) == (10, "hour_limit")


def test_without_limits_nothing_is_asked() -> None:
    brakes = Brakes(None, "email", rules=None, keys=KEYS)  # type: ignore[arg-type]  # no connection: no statement
    assert brakes.take(32, NOW).count == 32
    assert brakes.put_off([], NOW) == {}
    assert brakes.count([], {}, NOW) is None
    assert (brakes.look(NOW, at_once=True), brakes.linger(NOW)) == (None, 0.0)
    limited = Brakes(None, "email", rules=ChannelRules(), keys=KEYS)  # type: ignore[arg-type]
    assert limited.take(32, NOW).count == 32
    assert limited.look(NOW, at_once=True) is None


def test_senders_at_work_survive_that_somebody_cleans_up(ledger: psycopg.Connection) -> None:
    own, clock = limits(ledger, per_hour=10), HandClock()
    assert own.take(4, NOW).count == 4
    clock.pass_time(days=3)
    assert forget_allowances(ledger, clock)["rate_budgets"] == 1
    assert own.take(4, clock.now()).count == 4
