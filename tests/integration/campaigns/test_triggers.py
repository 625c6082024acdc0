"""Events that start campaigns: one run takes all that are new, late ones too, and nobody gets a message twice."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.types.json import Jsonb

from campaign_shop import RING, Desk, add_customer, add_order, fresh, write_campaign
from marketflow.campaigns import Campaign, PlanSummary, decide, plan_campaign, to_test
from marketflow.privacy import BIRTH_DATE
from marketflow.shared import Clock
from marketflow.shared.ids import event_id
from marketflow.warehouse import connect

NOON = dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC)  # noon in New York
TODAY = dt.date(2026, 11, 23)
YESTERDAY = dt.date(2026, 11, 22)
YAML = """\
name: {name}
title: A letter
owner: marketing
channel: email
purpose: marketing
approval: false
max_age_days: {max_age}
trigger:
  on: {on}
{more}
"""


@dataclass(frozen=True, kw_only=True)
class Hands(Clock):
    """The shop's clock, which is moved by hand."""

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    hands: list[dt.datetime] = field(default_factory=lambda: [NOON])

    def now(self) -> dt.datetime:
        return self.hands[0]

    def pass_time(self, **delta: float) -> None:
        self.hands[0] += dt.timedelta(**delta)


class Counter(Desk):
    """Plans as the campaign's DAG does: about the clock's business day."""

    clock: Hands

    def run(self, campaign: Campaign, **options: Any) -> PlanSummary:
        return self.plan(campaign, **{"business_date": self.clock.business_date()} | options)

    def sent(self) -> list[tuple[int, str]]:
        return self.rows("SELECT customer_id, occasion FROM activation.sends ORDER BY customer_id, occasion")

    def release(self) -> None:
        """What was planned goes out."""
        self.conn.execute("UPDATE activation.sends SET state = 'sent', settled_at = planned_at WHERE state = 'planned'")
        self.conn.commit()

    def remembered(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT customer_id, occasion, outcome FROM activation.taken_events ORDER BY 1, 2")


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def counter(shop: psycopg.Connection, clock: Hands) -> Counter:
    fresh(shop, TODAY + dt.timedelta(days=4000))
    shop.execute(
        "INSERT INTO ops.table_freshness SELECT 'marts.open_baskets', data_as_of, refreshed_at, 1"
        " FROM ops.table_freshness LIMIT 1"
    )
    shop.commit()
    return Counter(shop, clock)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Campaign]:
    def made(on: str, more: str = "", *, max_age: int = 2, name: str = "letter") -> Campaign:
        text = YAML.format(name=name, on=on, more=more, max_age=max_age)
        return write_campaign(tmp_path / f"{on}{len(more)}{max_age}" / name, yaml=text, subject="Hi", text="Hello")

    return made


def signs_up(conn: psycopg.Connection, customer: int, at: dt.datetime, *, system: str = "web") -> None:
    key = f"{system}-{customer}-{at}"
    day = at.astimezone(ZoneInfo("America/New_York")).date()
    conn.execute(
        "INSERT INTO core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties)"
        " VALUES (%s, %s, %s, 'signed_up', %s, %s, %s)",
        [day, event_id(system, key), system, customer, at, Jsonb({})],
    )
    conn.commit()


def leaves(conn: psycopg.Connection, customer: int, at: dt.datetime, product: int = 1) -> None:
    conn.execute(
        "INSERT INTO marts.open_baskets VALUES (%s, %s, %s)"
        " ON CONFLICT (customer_id, product_id) DO UPDATE SET added_at = excluded.added_at",
        [customer, product, at],
    )
    conn.commit()


def born(conn: psycopg.Connection, customer: int, day: str) -> None:
    sealed = RING.encrypt(day, BIRTH_DATE)
    conn.execute("UPDATE core.customers SET birth_date = %s WHERE customer_id = %s", [sealed, customer])
    conn.commit()


def enters(conn: psycopg.Connection, customer: int, segment: str, day: dt.date) -> None:
    conn.execute(
        "UPDATE marts.customer_360 SET segment = %s, segment_since = %s WHERE customer_id = %s",
        [segment, day, customer],
    )
    conn.commit()


def happen(conn: psycopg.Connection, on: str, customer: int, day: dt.date) -> str:
    """Let it happen to the customer on that day, at nine in New York; the occasion that it makes."""
    at = dt.datetime.combine(day, dt.time(9), tzinfo=ZoneInfo("America/New_York"))
    if on == "order_placed":
        add_order(conn, customer, [1], day)
        return day.isoformat()
    if on == "cart_abandoned":
        leaves(conn, customer, at)
        return f"cart-{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    if on == "signed_up":
        signs_up(conn, customer, at)
        return "signed_up"
    if on == "birthday":
        born(conn, customer, f"1980-{day:%m-%d}")
        return f"birthday-{day.year}"
    enters(conn, customer, "at_risk", day)
    return f"at_risk-{day}"


MORE = {"entered_segment": "  segment: at_risk"}
ALL = ["order_placed", "cart_abandoned", "signed_up", "birthday", "entered_segment"]


@pytest.mark.parametrize("on", ALL)
def test_one_run_takes_all_events_since_the_last_and_each_is_its_customers_occasion(
    counter: Counter, make: Callable[..., Campaign], on: str
) -> None:
    campaign = make(on, MORE.get(on, ""))
    people = [add_customer(counter.conn, name, segment="loyal")[0] for name in ("Ada", "Bo", "Cy")]
    assert counter.run(campaign).audience == 0  # switched on; nothing has happened yet
    counter.clock.pass_time(days=2)
    want = [(c, happen(counter.conn, on, c, TODAY + dt.timedelta(days=n % 2))) for n, c in enumerate(people)]
    plan = counter.run(campaign)
    assert (plan.planned, plan.audience, plan.refusals) == (3, 3, {})
    assert counter.sent() == sorted(want)
    assert [o for _, o, _ in counter.remembered()] == [o for _, o in sorted(want)]
    members = counter.rows("SELECT customer_id, occasion FROM activation.plan_members ORDER BY 1")
    assert members == sorted(want)


@pytest.mark.parametrize("on", ALL)
def test_the_first_run_begins_with_the_last_complete_day(
    counter: Counter, make: Callable[..., Campaign], on: str
) -> None:
    """Switching a campaign on must not mail the whole past, though it may be ninety days old."""
    campaign = make(on, MORE.get(on, ""), max_age=90)
    old, new = (add_customer(counter.conn, name, segment="loyal")[0] for name in ("Ada", "Bo"))
    happen(counter.conn, on, old, YESTERDAY - dt.timedelta(days=1))
    occasion = happen(counter.conn, on, new, YESTERDAY)
    assert counter.run(campaign).audience == 1
    assert counter.sent() == [(new, occasion)]
    counter.clock.pass_time(days=1)
    counter.run(campaign)
    assert counter.sent() == [(new, occasion)]


@pytest.mark.parametrize("on", ALL)
def test_a_run_again_a_replay_and_a_backfill_send_nothing_twice(
    counter: Counter, make: Callable[..., Campaign], on: str
) -> None:
    campaign = make(on, MORE.get(on, ""))
    ada = add_customer(counter.conn, "Ada", segment="loyal")[0]
    occasion = happen(counter.conn, on, ada, YESTERDAY)
    assert counter.run(campaign).planned == 1
    counter.release()
    assert counter.run(campaign).planned == 0
    counter.clock.pass_time(days=1)
    assert counter.run(campaign).planned == 0
    replayed = counter.run(campaign, business_date=YESTERDAY)
    assert (replayed.planned, replayed.refusals) == (0, {"already_planned": 1})
    counter.conn.execute(
        "TRUNCATE activation.taken_events"
    )  # what is remembered saves work; the ledger's key is the promise
    assert counter.run(campaign).planned == 0
    assert counter.sent() == [(ada, occasion)]


@pytest.mark.parametrize("on", ALL)
def test_a_dry_run_takes_nothing(counter: Counter, make: Callable[..., Campaign], on: str) -> None:
    campaign = make(on, MORE.get(on, ""))
    happen(counter.conn, on, add_customer(counter.conn, "Ada", segment="loyal")[0], YESTERDAY)
    assert counter.run(campaign, dry_run=True).planned == 1
    assert (counter.remembered(), counter.sent()) == ([], [])
    assert counter.rows("SELECT * FROM activation.event_watermarks") == []
    assert counter.run(campaign).planned == 1


def test_a_refused_plan_takes_nothing(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("order_placed")
    happen(counter.conn, "order_placed", add_customer(counter.conn, "Ada")[0], YESTERDAY)
    fresh(counter.conn, YESTERDAY - dt.timedelta(days=1))
    assert counter.run(campaign).refusals == {"stale_data": 1}
    assert counter.remembered() == []
    fresh(counter.conn, YESTERDAY)
    assert counter.run(campaign).planned == 1


def test_late_events_are_taken_and_those_too_old_are_counted_once(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("order_placed", max_age=3)
    ada, bo = (add_customer(counter.conn, name)[0] for name in ("Ada", "Bo"))
    counter.run(campaign)
    counter.clock.pass_time(days=6)  # the business day is 28 November
    happen(counter.conn, "order_placed", ada, dt.date(2026, 11, 25))
    happen(counter.conn, "order_placed", bo, dt.date(2026, 11, 24))
    plan = counter.run(campaign)
    assert (plan.planned, plan.refusals) == (1, {"occasion_too_old": 1})
    assert counter.sent() == [(ada, "2026-11-25")]
    counter.release()
    assert counter.run(campaign).audience == 0


def test_after_a_long_pause_old_events_do_not_fire(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up")
    people = [add_customer(counter.conn, name)[0] for name in ("Ada", "Bo", "Cy")]
    counter.run(campaign)
    counter.clock.pass_time(days=100)
    for customer, days in zip(people, (90, 20, 1), strict=True):
        signs_up(counter.conn, customer, counter.clock.now() - dt.timedelta(days=days))
    plan = counter.run(campaign)
    assert (plan.planned, plan.refusals) == (1, {"occasion_too_old": 1})  # what is older still is not even looked for
    assert [c for c, _ in counter.sent()] == [people[2]]


def test_a_late_event_of_somebody_who_has_had_a_newer_one(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("order_placed", max_age=5)
    ada = add_customer(counter.conn, "Ada")[0]
    counter.run(campaign)
    counter.clock.pass_time(days=3)
    happen(counter.conn, "order_placed", ada, dt.date(2026, 11, 25))
    counter.run(campaign)
    counter.release()
    happen(counter.conn, "order_placed", ada, dt.date(2026, 11, 24))
    assert counter.run(campaign).planned == 1
    assert counter.sent() == [(ada, "2026-11-24"), (ada, "2026-11-25")]


def test_two_events_of_a_customer_in_one_run_make_one_message_about_the_newest(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("order_placed", max_age=5)
    ada = add_customer(counter.conn, "Ada")[0]
    counter.run(campaign)
    counter.clock.pass_time(days=3)
    for day in (24, 25):
        happen(counter.conn, "order_placed", ada, dt.date(2026, 11, day))
    assert counter.run(campaign).planned == 1
    assert counter.remembered() == [(ada, "2026-11-24", "superseded"), (ada, "2026-11-25", "planned")]
    counter.release()
    counter.run(campaign)
    assert counter.sent() == [(ada, "2026-11-25")]


def test_a_run_that_died_between_its_plan_and_the_release_loses_nobody(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("signed_up")
    ada = add_customer(counter.conn, "Ada")[0]
    happen(counter.conn, "signed_up", ada, TODAY)
    first, second = counter.run(campaign), counter.run(campaign)
    assert (first.planned, second.planned) == (1, 1)
    assert counter.ledger() == [(ada, second.plan_id, "planned")]


def test_a_rejected_plan_does_not_ask_again(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up")
    happen(counter.conn, "signed_up", add_customer(counter.conn, "Ada")[0], TODAY)
    counter.run(campaign)
    counter.conn.execute("UPDATE activation.sends SET state = 'cancelled', reason = 'plan_rejected'")
    counter.conn.commit()
    assert counter.run(campaign).audience == 0


def test_who_consents_or_gets_an_address_in_time_is_welcomed(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up")
    ada, point = add_customer(counter.conn, "Ada", consent=None)
    happen(counter.conn, "signed_up", ada, TODAY)
    assert counter.run(campaign).refusals == {"no_consent": 1}
    counter.conn.execute("INSERT INTO privacy.consents VALUES (%s, 'email', 'marketing', true, %s)", [point, NOON])
    assert counter.run(campaign).planned == 1
    counter.release()
    assert counter.run(campaign).audience == 0


def test_who_is_not_in_the_marts_yet_is_not_lost(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up")
    ada = add_customer(counter.conn, "Ada")[0]
    happen(counter.conn, "signed_up", ada, TODAY)
    counter.conn.execute("CREATE TEMPORARY TABLE aside AS SELECT * FROM marts.customer_360")
    counter.conn.execute("DELETE FROM marts.customer_360")
    assert counter.run(campaign).audience == 0
    counter.conn.execute("INSERT INTO marts.customer_360 SELECT * FROM aside")
    assert counter.run(campaign).planned == 1


def test_the_condition_filters_those_whom_the_event_brought(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up", "audience:\n  where: \"segment = 'new'\"")
    ada, bo, cy = (
        add_customer(counter.conn, n, segment=s)[0] for n, s in (("Ada", "new"), ("Bo", "loyal"), ("Cy", "new"))
    )
    for customer in (ada, bo):
        happen(counter.conn, "signed_up", customer, TODAY)
    assert counter.run(campaign).audience == 1
    assert [c for c, _ in counter.sent()] == [ada]
    assert cy not in {c for c, _, _ in counter.remembered()}
    enters(counter.conn, bo, "new", TODAY)  # fits it later, and in time
    counter.release()
    assert counter.run(campaign).planned == 1


def test_a_condition_beside_an_event_may_be_true_of_everybody_else(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("signed_up", 'audience:\n  where: "orders >= 0"')
    people = [add_customer(counter.conn, None)[0] for _ in range(120)]
    happen(counter.conn, "signed_up", people[7], TODAY)
    plan = counter.run(campaign)
    assert (plan.state, plan.audience) == ("planned", 1)


def test_two_planners_at_once(counter: Counter, make: Callable[..., Campaign], warehouse_dsn: str) -> None:
    campaign = make("signed_up")
    people = [add_customer(counter.conn, str(n))[0] for n in range(200)]
    for customer in people:
        happen(counter.conn, "signed_up", customer, TODAY)
    found: list[PlanSummary] = []

    def plan(name: str | None) -> None:
        with connect(warehouse_dsn) as conn:
            day = counter.clock.business_date()
            found.append(plan_campaign(
                conn, campaign, business_date=day, dry_run=False, audience_limit=None, subject=name, keys=RING,
                clock=counter.clock,
            ))  # fmt: skip

    threads = [threading.Thread(target=plan, args=(f"S{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert counter.rows("SELECT count(*), count(DISTINCT customer_id) FROM activation.sends") == [(200, 200)]
    assert len({p for _, p, _ in counter.ledger()}) == 1  # the last one has them all


def test_planners_of_several_occasions_at_once_share_one_budget(
    counter: Counter, make: Callable[..., Campaign], warehouse_dsn: str
) -> None:
    budget = "budget: {amount: 100, currency: EUR, cost_per_message: 1}"
    campaign = make("manual", f'audience: {{where: "orders > 0"}}\n{budget}')
    for n in range(80):
        add_customer(counter.conn, str(n))
    counter.conn.commit()
    begin = threading.Barrier(4)

    def plan(name: str) -> None:
        with connect(warehouse_dsn) as conn:
            begin.wait(30)
            day = counter.clock.business_date()
            plan_campaign(
                conn, campaign, business_date=day, occasion=name, dry_run=False, keys=RING, clock=counter.clock
            )

    threads = [threading.Thread(target=plan, args=(f"occasion {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counter.rows("SELECT count(*) FROM activation.sends") == [(100,)]
    assert counter.rows("SELECT sum((refusals ->> 'budget')::int) FROM activation.plans") == [(220,)]


def test_a_basket_is_left_when_nothing_was_put_into_it_for_so_long(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("cart_abandoned", "  after: 90 minutes")
    ada = add_customer(counter.conn, "Ada")[0]
    leaves(counter.conn, ada, NOON - dt.timedelta(minutes=120), product=1)
    leaves(counter.conn, ada, NOON - dt.timedelta(minutes=60), product=2)
    assert counter.run(campaign).audience == 0
    counter.clock.pass_time(minutes=31)
    assert counter.run(campaign).planned == 1
    counter.release()
    counter.conn.execute("DELETE FROM marts.open_baskets WHERE product_id = 2")  # out again: no new event
    assert counter.run(campaign).planned == 0
    leaves(counter.conn, ada, counter.clock.now(), product=3)
    counter.clock.pass_time(minutes=91)
    assert counter.run(campaign).planned == 1
    assert make("cart_abandoned").trigger.waits == dt.timedelta(hours=4)


def test_two_systems_that_tell_of_one_registration_welcome_once(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("signed_up")
    ada = add_customer(counter.conn, "Ada")[0]
    signs_up(counter.conn, ada, NOON - dt.timedelta(minutes=5))
    assert counter.run(campaign).planned == 1
    counter.release()
    signs_up(counter.conn, ada, NOON - dt.timedelta(minutes=4), system="server")
    assert counter.run(campaign).planned == 0


def test_birthdays(counter: Counter, make: Callable[..., Campaign], caplog: pytest.LogCaptureFixture) -> None:
    """Of 29 February too; a value that cannot be decrypted keeps nobody else from being greeted, and no date is told."""
    counter.clock.hands[0] = dt.datetime(2027, 2, 28, 14, tzinfo=dt.UTC)
    campaign = make("birthday")
    people = [add_customer(counter.conn, str(n))[0] for n in range(4)]
    for customer, day in zip(people, ("1980-02-29", "1990-02-28", "1990-03-01", "x"), strict=True):
        born(counter.conn, customer, day)
    counter.conn.execute("UPDATE core.customers SET birth_date = '\\x00' WHERE customer_id = %s", [people[3]])
    assert counter.run(campaign).planned == 2
    assert counter.sent() == [(people[0], "birthday-2027"), (people[1], "birthday-2027")]
    assert "1 dates of birth cannot be decrypted" in caplog.text
    assert "1980" not in caplog.text
    counter.release()
    counter.clock.pass_time(days=1)
    assert counter.run(campaign).planned == 1
    counter.release()
    counter.clock.pass_time(days=365)
    assert counter.run(campaign).planned >= 2  # 28 and 29 February of the leap year, within two days
    assert (people[0], "birthday-2028") in counter.sent()


def test_entering_again_is_another_occasion_and_leaving_at_once_is_none(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("entered_segment", "  segment: at_risk")
    ada, bo = (add_customer(counter.conn, n, segment="loyal")[0] for n in ("Ada", "Bo"))
    enters(counter.conn, ada, "at_risk", YESTERDAY)
    enters(counter.conn, bo, "loyal", YESTERDAY)
    assert counter.run(campaign).planned == 1
    counter.release()
    counter.clock.pass_time(days=10)
    enters(counter.conn, ada, "at_risk", counter.clock.business_date())
    assert counter.run(campaign).planned == 1
    assert counter.sent() == [(ada, "at_risk-2026-11-22"), (ada, "at_risk-2026-12-02")]


def test_a_person_who_names_an_occasion_reaches_those_of_that_day_again(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("order_placed")
    ada = add_customer(counter.conn, "Ada")[0]
    happen(counter.conn, "order_placed", ada, YESTERDAY)
    counter.run(campaign)
    counter.release()
    assert counter.run(campaign, occasion="excuse us").planned == 1
    assert counter.sent() == [(ada, "2026-11-22"), (ada, "excuse us")]
    assert counter.run(campaign, occasion="excuse us").planned == 1  # not released yet: comes over to the new plan
    assert len(counter.sent()) == 2


def test_what_goes_with_a_late_order_is_about_that_order(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("order_placed", "content:\n  recommend:\n    list: goes_with", max_age=5)
    ada = add_customer(counter.conn, "Ada")[0]
    counter.run(campaign)
    counter.clock.pass_time(days=3)
    happen(counter.conn, "order_placed", ada, dt.date(2026, 11, 23))  # product 1, which goes with 4, 2 and 3
    counter.run(campaign)
    assert counter.rows("SELECT content FROM activation.sends") == [({"product_ids": [2, 4, 3]},)]


# --- start, end, budget and limits ---


def test_before_its_start_and_after_its_end_nothing_is_planned(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("manual", 'audience: {where: "orders > 0"}\nstart: 2026-11-24\nend: 2026-11-25')
    add_customer(counter.conn, "Ada")
    early = counter.run(campaign)
    assert (early.state, early.refusals) == ("refused", {"not_started": 1})
    assert early.reason == "letter starts on 2026-11-24; today is 2026-11-23"
    counter.clock.pass_time(days=2)
    assert counter.run(campaign).planned == 1
    [(expires_at,)] = counter.rows("SELECT expires_at FROM activation.sends")
    assert expires_at == dt.datetime(2026, 11, 26, tzinfo=ZoneInfo("America/New_York"))  # the end of the last day
    counter.clock.pass_time(days=1)
    assert counter.run(campaign).refusals == {"ended": 1}


def test_events_before_the_start_do_not_count(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up", "start: 2026-11-24", max_age=5)
    ada, bo = (add_customer(counter.conn, n)[0] for n in ("Ada", "Bo"))
    signs_up(counter.conn, ada, NOON)
    assert counter.run(campaign).state == "refused"
    counter.clock.pass_time(days=1)
    signs_up(counter.conn, bo, NOON + dt.timedelta(hours=20))
    assert counter.run(campaign).planned == 1
    assert [c for c, _ in counter.sent()] == [bo]


def test_the_budget_pays_for_so_many_messages_whatever_the_occasions(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    budget = "budget: {amount: 0.50, currency: EUR, cost_per_message: 0.1}"
    campaign = make("manual", f'audience: {{where: "orders > 0"}}\n{budget}')
    for name in "abcd":
        add_customer(counter.conn, name)
    assert counter.run(campaign).planned == 4
    assert counter.run(campaign).planned == 4  # comes over to the new plan, and costs once
    plan = counter.run(campaign, occasion="again")
    assert (plan.planned, plan.refusals) == (1, {"budget": 3})
    counter.release()
    assert counter.run(campaign, occasion="third").refusals == {"budget": 4}
    counter.conn.execute(
        "UPDATE activation.sends SET state = 'skipped', reason = 'no_consent' WHERE occasion = 'again'"
    )
    assert counter.run(campaign, occasion="third").planned == 1


def test_what_a_plan_that_nobody_decided_held_of_the_budget_comes_back(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    budget = "budget: {amount: 3, currency: EUR, cost_per_message: 1}"
    campaign = make("manual", f'audience: {{where: "orders > 0"}}\n{budget}')
    for name in "abc":
        add_customer(counter.conn, name)
    assert counter.run(campaign, approval=True).planned == 3
    counter.clock.pass_time(days=1)
    assert counter.run(campaign, occasion="second").refusals == {"budget": 3}, "somebody may still say yes"
    counter.clock.pass_time(days=1)
    assert counter.run(campaign, occasion="second").planned == 3, "who says yes now is too late: it has expired"


def test_a_dry_run_and_a_test_before_the_start_show_what_would_be(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("manual", 'audience: {where: "orders > 0"}\nstart: 2026-11-24\nend: 2026-11-25')
    add_customer(counter.conn, "Ada")
    early = counter.run(campaign, dry_run=True)
    assert (early.state, early.planned, early.warnings) == (
        "planned", 1, ["not yet: letter starts on 2026-11-24; today is 2026-11-23"],
    )  # fmt: skip
    assert counter.run(campaign, trial=to_test(["ada@example.com"], "ada")).test_plan_id is not None
    assert counter.run(campaign).refusals == {"not_started": 1}
    counter.clock.pass_time(days=1)
    assert counter.run(campaign, dry_run=True).warnings == []
    counter.clock.pass_time(days=2)
    assert counter.run(campaign, dry_run=True).refusals == {"ended": 1}


def test_the_limit_of_a_day_and_of_an_occasion(counter: Counter, make: Callable[..., Campaign]) -> None:
    limits = "limits: {audience: 3, per_day: 4}"
    campaign = make("manual", f'audience: {{where: "orders > 0"}}\n{limits}')
    for name in "abcde":
        add_customer(counter.conn, name)
    assert counter.run(campaign).refusals == {"audience_limit": 2}
    assert counter.run(campaign, audience_limit=1, dry_run=True, occasion="x").refusals == {"audience_limit": 4}
    counter.release()
    second = counter.run(campaign, occasion="second")
    assert (second.planned, second.refusals) == (1, {"audience_limit": 2, "daily_limit": 2})
    counter.clock.pass_time(days=1)
    assert counter.run(campaign, occasion="second").planned == 3


def test_who_was_over_the_limit_of_a_day_has_the_next_one(counter: Counter, make: Callable[..., Campaign]) -> None:
    campaign = make("signed_up", "limits: {per_day: 1}")
    for name in "ab":
        happen(counter.conn, "signed_up", add_customer(counter.conn, name)[0], TODAY)
    assert counter.run(campaign).refusals == {"daily_limit": 1}
    counter.release()
    assert counter.run(campaign).refusals == {"daily_limit": 1}
    counter.clock.pass_time(days=1)
    assert counter.run(campaign).planned == 1
    assert len(counter.sent()) == 2


def test_a_limit_is_for_one_run_of_a_campaign_that_events_start_and_loses_nobody(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    """All welcomes have one occasion: those of last month take nobody's place, and who is over the limit comes next."""
    campaign = make("signed_up", "limits: {audience: 2}")
    for name in "abc":
        happen(counter.conn, "signed_up", add_customer(counter.conn, name)[0], TODAY)
    first = counter.run(campaign)
    assert (first.planned, first.refusals) == (2, {"audience_limit": 1})
    again = counter.run(campaign)  # the first run died before its release: the same people come over, and they only
    assert (again.planned, again.refusals, len(counter.sent())) == (2, {"audience_limit": 1}, 2)
    counter.release()
    assert counter.run(campaign).planned == 1
    counter.release()
    assert len(counter.sent()) == 3
    happen(counter.conn, "signed_up", add_customer(counter.conn, "d")[0], TODAY)
    assert counter.run(campaign).planned == 1


def test_a_careful_first_run_by_the_form_leaves_the_others_to_the_next(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("signed_up")
    for name in "abc":
        happen(counter.conn, "signed_up", add_customer(counter.conn, name)[0], TODAY)
    assert counter.run(campaign, audience_limit=1).refusals == {"audience_limit": 2}
    counter.release()
    assert counter.run(campaign).planned == 2


def test_a_limit_of_an_occasion_that_a_person_named_is_for_all_of_it(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    campaign = make("order_placed", "limits: {audience: 2}")
    for name in "abc":
        happen(counter.conn, "order_placed", add_customer(counter.conn, name)[0], YESTERDAY)
    assert counter.run(campaign, occasion="excuse us").planned == 2
    counter.release()
    again = counter.run(campaign, occasion="excuse us")
    assert (again.planned, again.refusals) == (0, {"already_planned": 2, "audience_limit": 1})


def test_what_happened_while_the_first_plans_were_refused_is_not_lost(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    """The data were stale, or the rule was wrong: the campaign was on, and its events count from that day."""
    campaign = make("signed_up", max_age=5)
    ada, bo, cy = (add_customer(counter.conn, name)[0] for name in ("Ada", "Bo", "Cy"))
    happen(counter.conn, "signed_up", ada, YESTERDAY - dt.timedelta(days=1))
    happen(counter.conn, "signed_up", bo, YESTERDAY)
    fresh(counter.conn, YESTERDAY - dt.timedelta(days=1))
    assert counter.run(campaign, dry_run=True).state == counter.run(campaign, business_date=TODAY).state == "refused"
    assert counter.rows("SELECT * FROM activation.event_watermarks") == [], "only looked at, or about another day"
    assert counter.run(campaign).refusals == {"stale_data": 1}
    counter.clock.pass_time(days=3)
    happen(counter.conn, "signed_up", cy, TODAY)
    assert counter.run(campaign).refusals == {"stale_data": 2}
    fresh(counter.conn, TODAY + dt.timedelta(days=9))
    assert counter.run(campaign).planned == 2
    assert [c for c, _ in counter.sent()] == [bo, cy]
    assert counter.rows("SELECT started_on, taken_until FROM activation.event_watermarks") == [
        (YESTERDAY, counter.clock.now())
    ]


def test_a_mended_campaign_takes_the_events_of_the_plan_that_was_rejected(
    counter: Counter, make: Callable[..., Campaign]
) -> None:
    """The same campaign does not ask again about the same people; they are not lost when it has been mended."""
    campaign = make("signed_up")
    mended = campaign.model_copy(update={"title": "A better letter"})
    assert campaign.definition_version != mended.definition_version
    ada = add_customer(counter.conn, "Ada")[0]
    happen(counter.conn, "signed_up", ada, TODAY)
    plan = counter.run(campaign, approval=True)
    decide(counter.conn, plan.plan_id, approved=False, by="bo", clock=counter.clock)
    assert counter.run(campaign).audience == 0
    again = counter.run(mended)
    assert (again.planned, counter.ledger()) == (1, [(ada, again.plan_id, "planned")])
    decide(counter.conn, again.plan_id, approved=False, by="bo", clock=counter.clock)
    assert counter.run(mended).audience == 0, "rejected too"
