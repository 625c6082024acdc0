"""The best hour and weekday of each customer: what counts, on whose clock, as of which day, and what is said of it."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from marketflow.predictions.send_time.days import HOUR, WEEKDAY, Days, read_days, read_segments
from marketflow.predictions.send_time.run import find_send_times
from marketflow.shared import Clock
from table_rows import give

DAY = dt.date(2017, 12, 31)
SHOP = "America/New_York"
SAID = """
    SELECT customer_id, best_hour, hour_basis, best_weekday, weekday_basis, observations
    FROM models.send_times WHERE run_id = %s ORDER BY customer_id
"""


def people(conn: psycopg.Connection, *zones: str) -> None:
    give(conn, "core.customers", [{"customer_id": n, "time_zone": zone} for n, zone in enumerate(zones, start=1)])


def an_order(number: int, customer: int | None, at: dt.datetime | str, **more: Any) -> dict[str, Any]:
    """An order at an instant (UTC if a text); the day is the shop's."""
    moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    day = moment.astimezone(ZoneInfo(SHOP)).date()
    known = {"order_id": number, "external_id": str(number), "customer_id": customer, "ordered_at": moment.isoformat()}
    return known | {"ordered_on": day} | more


def an_event(number: int, customer: int | None, kind: str, at: str, source: str = "collector") -> dict[str, Any]:
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012d}", "source": source, "event_type": kind, "occurred_at": at,
        "customer_id": customer, "properties": {}, "version_at": at, "file_id": 1,
        "occurred_on": dt.datetime.fromisoformat(at).astimezone(ZoneInfo(SHOP)).date(),
    }  # fmt: skip


def days_known(conn: psycopg.Connection, as_of: dt.date = DAY, window_days: int = 365) -> Days:
    return read_days(conn, as_of=as_of, window_days=window_days, shop_zone=SHOP)


def seen(days: Days) -> dict[int, list[tuple[int, int]]]:
    """By customer: (weekday, hour) of her activity; hour -1 where it is not known."""
    found: dict[int, list[tuple[int, int]]] = {}
    for place, customer in enumerate(days.customers.tolist()):
        for n in range(int(days.starts[place]), int(days.starts[place + 1])):
            weekday = (days.as_of - dt.timedelta(days=int(days.ages[n]))).isoweekday()
            hours = [hour for hour in range(24) if days.hours[n] >> hour & 1] or [-1]
            found.setdefault(customer, []).extend((weekday, hour) for hour in hours)
    return found


def fill(
    conn: psycopg.Connection, *, customers: int = 80, days: int = 300, own: bool = True, hours: tuple[int, ...] = (),
    seed: int = 5,
) -> dict[int, int]:  # fmt: skip
    """An order every five days or so, mostly at the customer's own hour and else at any of `hours`; gives the own hours."""
    rng = random.Random(seed)
    people(conn, *[SHOP] * customers)
    hours = hours or tuple(range(8, 22))
    own_hour = {n: rng.choice(hours) for n in range(1, customers + 1)}
    rows = []
    for back in range(days):
        for n, favourite in own_hour.items():
            if rng.random() < 0.2:
                hour = favourite if own and rng.random() < 0.7 else rng.choice(hours)
                local = dt.datetime.combine(
                    DAY - dt.timedelta(days=back), dt.time(hour, rng.randrange(60), rng.randrange(60))
                )
                rows.append((len(rows) + 1, n, local.replace(tzinfo=ZoneInfo(SHOP)), local.date()))
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.orders (order_id, external_id, customer_id, ordered_at, ordered_on, source, line_count, revenue,"
            " discount, currency, file_id, kind) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, gen_random_uuid(), %s, %s, %s, 'shop', 1, 1, 0, 'USD', 1, 'sale')",
            rows,
        )
    return own_hour


def test_each_customer_has_her_own_clock_and_summer_time(conn: psycopg.Connection) -> None:
    people(conn, "America/New_York", "Asia/Tokyo", "UTC", "Asia/Kolkata")
    summer, winter = "2017-07-01T03:30:00+00:00", "2017-01-15T03:30:01+00:00"
    orders = [an_order(2 * n, n, summer) for n in (1, 2, 3, 4)] + [an_order(2 * n + 1, n, winter) for n in (1, 2, 3, 4)]
    give(conn, "core.orders", orders)
    give(conn, "core.customers", [{"customer_id": 9}])
    give(conn, "core.orders", [an_order(100 + n, 9, f"2017-05-01T0{n}:{10 + n}:00+00:00") for n in range(9)])
    found = seen(days_known(conn))
    assert found[1] == [(6, 22), (5, 23)] or found[1] == [(5, 23), (6, 22)]
    assert sorted(found[2]) == [(6, 12), (7, 12)]
    assert sorted(found[3]) == [(6, 3), (7, 3)]
    assert sorted(found[4]) == [(6, 9), (7, 9)]


@pytest.mark.parametrize("zone", ["Mars/Base", "localtime", "", "-03"])
def test_a_zone_that_is_none_is_taken_for_the_shops(conn: psycopg.Connection, zone: str) -> None:
    people(conn, zone)
    give(conn, "core.orders", [an_order(n, 1, f"2017-07-01T{n + 10}:3{n}:00+00:00") for n in range(6)])
    assert sorted(seen(days_known(conn))[1]) == [(6, hour) for hour in range(6, 12)]


def test_only_her_own_doing_counts(conn: psycopg.Connection) -> None:
    people(conn, "UTC", "UTC")
    conn.execute("UPDATE core.customers SET merged_into = 1 WHERE customer_id = 2")
    kinds = {"page": 8, "product_viewed": 9, "cart_viewed": 10, "campaign_received": 11, "email_opened": 12,
             "link_clicked": 13, "order_shipped": 14, "identify": 15}  # fmt: skip
    rows = []
    for number, (kind, hour) in enumerate(kinds.items()):
        rows += [
            an_event(10 * number + n, who, kind, f"2017-07-0{n + 1}T{hour:02}:{5 * number + n:02}:00+00:00")
            for n, who in enumerate((1, 1, 1, 1, 1, 2, None))
        ]
    give(conn, "core.events", rows)
    orders = [
        an_order(n, 1, f"2017-07-0{n}T16:0{n}:00+00:00", kind=k) for n, k in enumerate(("return", "cancellation"), 1)
    ]
    orders += [an_order(n, 1, f"2017-07-0{n}T17:0{n}:00+00:00", revenue=-5, base_revenue=-5) for n in range(3, 8)]
    give(conn, "core.orders", [*orders, an_order(50, None, "2017-07-01T18:00:00+00:00")])
    days = days_known(conn)
    assert days.customers.tolist() == [1]
    assert set(days.tally(HOUR)[0].nonzero()[0].tolist()) == {8, 9, 10, 17}


def test_a_thousand_orders_in_an_hour_are_one_hour(conn: psycopg.Connection) -> None:
    people(conn, "UTC")
    give(conn, "core.orders", [an_order(n, 1, f"2017-07-01T15:{n // 60:02}:{n % 60:02}+00:00") for n in range(1_000)])
    give(conn, "core.events", [an_event(n, 1, "page", f"2017-07-01T15:10:{n}+00:00") for n in range(10, 40)])
    days = days_known(conn)
    assert days.tally(HOUR).sum() == days.tally(WEEKDAY).sum() == 1


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Tokyo"])
def test_a_source_of_days_has_no_hours(conn: psycopg.Connection, zone: str) -> None:
    """Noon in New York is two times of day in UTC, and on the clocks of Tokyo."""
    people(conn, zone, zone)
    noon = dt.time(12, tzinfo=ZoneInfo(SHOP))
    orders = [an_order(n, 1, dt.datetime.combine(DAY - dt.timedelta(days=7 * n), noon)) for n in range(50)]
    tills = [an_order(100 + n, 2, f"2017-06-01T{n:02}:{n + 20}:00+00:00", source="tills") for n in range(20)]
    give(conn, "core.orders", orders + tills)
    days = days_known(conn)
    hours, weekdays = days.tally(HOUR), days.tally(WEEKDAY)
    assert hours[0].sum() == 0
    assert weekdays[0].sum() == 50
    assert hours[1].sum() == 20


def test_placeholders_among_real_times_are_left_out(conn: psycopg.Connection) -> None:
    people(conn, "UTC")
    midnight = [an_order(n, 1, f"2017-06-{n:02}T00:00:00+00:00") for n in range(1, 29)]
    real = [an_order(100 + n, 1, f"2017-08-{n:02}T{n % 12 + 8:02}:{n + 10}:00+00:00") for n in range(1, 20)]
    give(conn, "core.orders", midnight + real)
    days = days_known(conn)
    assert days.tally(HOUR)[0, 0] == 0
    assert days.tally(HOUR).sum() == 19
    assert days.tally(WEEKDAY).sum() == 47


def test_what_is_known_is_as_of_the_day(conn: psycopg.Connection, clock: Clock) -> None:
    """Row by row the same as in a warehouse that ends on that day."""
    fill(conn, customers=60)
    give(conn, "core.events", [an_event(n, n % 60 + 1, "page", f"2017-{n % 12 + 1:02}-1{n % 9}T{n % 24:02}:{n % 60:02}:00+00:00")
                               for n in range(300)])  # fmt: skip
    stays = [
        {"customer_id": n, "segment": "ab"[n % 2], "entered_on": "2017-03-01", "left_on": "2017-11-01"}
        for n in range(1, 50)
    ]
    stays += [{"customer_id": n, "segment": "ba"[n % 2], "entered_on": "2017-11-01"} for n in range(1, 50)]
    give(conn, "models.segment_memberships", stays)
    cut = dt.date(2017, 9, 30)
    before, run = days_known(conn, cut, 120), find_send_times(conn, clock=clock, as_of=cut, window_days=200)
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [cut])
    conn.execute("DELETE FROM core.events WHERE occurred_on > %s", [cut])
    conn.execute("DELETE FROM models.segment_memberships WHERE entered_on > %s", [cut])
    conn.execute("UPDATE models.segment_memberships SET left_on = NULL")
    after, again = days_known(conn, cut, 120), find_send_times(conn, clock=clock, as_of=cut, window_days=200)
    assert len(before) == 60
    for name in ("customers", "starts", "ages", "hours"):
        assert getattr(before, name).tolist() == getattr(after, name).tolist()
    assert conn.execute(SAID, [run.run_id]).fetchall() == conn.execute(SAID, [again.run_id]).fetchall()
    assert run.metrics == again.metrics
    assert not run.published


def test_the_window_has_two_ends(conn: psycopg.Connection) -> None:
    people(conn, SHOP)
    days = [DAY, DAY - dt.timedelta(days=364), DAY - dt.timedelta(days=365), DAY + dt.timedelta(days=1)]
    give(conn, "core.orders", [an_order(n, 1, f"{day}T1{n + 5}:3{n}:00+00:00") for n, day in enumerate(days)])
    assert sorted(days_known(conn).ages.tolist()) == [0, 364]


def test_own_hours_are_found_and_published(conn: psycopg.Connection, clock: Clock) -> None:
    own = fill(conn)
    run = find_send_times(conn, clock=clock)
    assert run.published, run.reason
    said = conn.execute(SAID, [run.run_id]).fetchall()
    assert len(said) == run.rows == len(own)
    assert sum(hour == own[customer] for customer, hour, *_ in said) >= 0.95 * len(own)
    assert sum(basis == "customer" for _, _, basis, *_ in said) >= 0.9 * len(own)
    assert {(weekday, basis) for *_, weekday, basis, _ in said} == {(None, "none")}  # days of the week are all alike
    assert all(count > 0 for *_, count in said)
    hour = next(score for score in run.metrics["scores"] if score["metric"] == "log_loss_hour")
    assert hour["decides"]
    assert hour["ours"] < hour["baseline_value"]
    assert run.metrics["hour"]["difference_to_everybody"][1] < 0
    assert not next(score for score in run.metrics["scores"] if score["metric"] == "log_loss_weekday")["decides"]
    patterns = conn.execute(
        "SELECT dimension, count(*), sum(share), sum(observations) FROM models.send_time_patterns WHERE run_id = %s"
        " GROUP BY dimension ORDER BY dimension",
        [run.run_id],
    ).fetchall()
    assert [(name, slots) for name, slots, *_ in patterns] == [("hour", 24), ("weekday", 7)]
    assert all(share == pytest.approx(1) for _, _, share, _ in patterns)
    assert int(patterns[1][3]) == sum(count for *_, count in said)


def test_a_pattern_that_all_share_is_published_as_everybodys(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, own=False, hours=(9, 10, 17, 17, 17, 18))
    run = find_send_times(conn, clock=clock)
    assert run.published, run.reason
    assert {row[1:3] for row in conn.execute(SAID, [run.run_id])} == {(17, "everybody")}
    assert run.baseline == {"no pattern": run.baseline["no pattern"]}


def test_without_a_pattern_nothing_is_said_or_published(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, own=False, hours=tuple(range(24)))
    run = find_send_times(conn, clock=clock)
    assert not run.published
    assert "not better than the baseline" in str(run.reason)
    assert {row[1:5] for row in conn.execute(SAID, [run.run_id])} == {(None, "none", None, "none")}


def test_all_in_one_hour_is_that_hour(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, own=False, hours=(9,))
    run = find_send_times(conn, clock=clock)
    assert run.published
    assert {row[1] for row in conn.execute(SAID, [run.run_id])} == {9}


def test_who_has_days_only_gets_a_weekday_only(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, own=False, hours=(9, 10, 17, 17, 17, 18))
    give(conn, "core.customers", [{"customer_id": 500}])
    give(
        conn,
        "core.orders",
        [an_order(90_000 + n, 500, f"2017-12-{n + 1:02}T00:00:00+00:00", source="paper") for n in range(20)],
    )
    run = find_send_times(conn, clock=clock)
    *_, (customer, hour, basis, _, _, observations) = conn.execute(SAID, [run.run_id]).fetchall()
    assert (customer, hour, basis, observations) == (500, None, "none", 20)
    assert run.metrics["days_without_hour"] == 20


def test_segments_speak_for_their_customers(conn: psycopg.Connection, clock: Clock) -> None:
    fill(conn, own=False, hours=(9, 10, 17, 17, 17, 18))
    conn.execute("UPDATE core.orders SET ordered_at = ordered_at - interval '6 hours' WHERE mod(customer_id, 2) = 0")
    stays = [{"customer_id": n, "segment": ("early", "late")[n % 2], "entered_on": "2017-03-01"} for n in range(1, 81)]
    give(conn, "models.segment_memberships", stays)
    run = find_send_times(conn, clock=clock)
    said = {row[0]: row[1:3] for row in conn.execute(SAID, [run.run_id])}
    assert {said[n] for n in range(1, 81) if n % 2} == {(17, "segment")}
    assert {said[n] for n in range(1, 81) if not n % 2} == {(11, "segment")}
    named = conn.execute(
        "SELECT DISTINCT segment FROM models.send_time_patterns WHERE run_id = %s", [run.run_id]
    ).fetchall()
    assert {name for (name,) in named} == {"everybody", "early", "late"}


def test_segments_are_those_of_the_day(conn: psycopg.Connection) -> None:
    people(conn, "UTC", "UTC", "UTC")
    give(conn, "core.orders", [an_order(n, n % 3 + 1, f"2017-10-0{n + 1}T1{n}:1{n}:00+00:00") for n in range(9)])
    stays = [("old", 1, "2017-01-01", "2017-11-03"), ("new", 1, "2017-11-03", None), ("old", 2, "2017-11-04", None),
             ("everybody", 3, "2017-01-01", None)]  # fmt: skip
    columns = ("segment", "customer_id", "entered_on", "left_on")
    give(conn, "models.segment_memberships", [dict(zip(columns, stay, strict=True)) for stay in stays])
    days = days_known(conn)
    found = [read_segments(conn, days, dt.date(2017, 11, day)) for day in (2, 3, 4)]
    assert [segments.names for segments in found] == [("old",), ("new",), ("new", "old")]
    assert [segments.codes.tolist() for segments in found] == [[0, 1, 1], [0, 1, 1], [0, 1, 2]]


def test_no_behaviour_is_refused(conn: psycopg.Connection, clock: Clock) -> None:
    people(conn, "UTC")
    run = find_send_times(conn, clock=clock)
    assert (run.published, run.rows) == (False, 0)
    assert "no customer did anything" in str(run.reason)
    state = conn.execute("SELECT state, reason FROM models.runs WHERE run_id = %s", [run.run_id]).fetchone()
    assert state == ("refused", run.reason)


@pytest.mark.parametrize("years_ago", [0, 100], ids=["one customer", "a gap of months before the day"])
def test_too_little_is_stored_and_says_nothing(conn: psycopg.Connection, clock: Clock, years_ago: int) -> None:
    if years_ago:
        fill(conn, days=200)
        conn.execute("DELETE FROM core.orders WHERE ordered_on > '2017-10-31'")
    else:
        people(conn, "UTC")
        give(conn, "core.orders", [an_order(n, 1, f"2017-{n:02}-03T1{n % 9}:{n + 10}:00+00:00") for n in range(1, 13)])
    run = find_send_times(conn, clock=clock)
    assert not run.published
    assert ("the newest orders are of" if years_ago else "too little history") in str(run.reason)
    assert run.rows == (0 if years_ago else 1)
    nothing = set() if years_ago else {(None, "none", None, "none")}
    assert {row[1:5] for row in conn.execute(SAID, [run.run_id])} == nothing
    assert conn.execute("SELECT count(*) FROM models.send_time_patterns WHERE share = 'NaN'").fetchone() == (0,)
