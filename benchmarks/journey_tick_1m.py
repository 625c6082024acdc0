"""A tick of a journey with a million people inside, of whom 50,000 are due; and the same with two million.

Those who are due come from a wait, pass a branch by a rule, and four of five get a mail before their next wait: by
consent, caps, quiet hours, a holdout, products and the ledger, as ever. Everybody has had a mail already.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from benchmarks import Result
from benchmarks._mails import KEYS_JSON, NOW, fill_ledger
from benchmarks._warehouse import fresh_warehouse
from marketflow.campaigns import ContactPolicy, load_campaigns
from marketflow.campaigns.journeys import Journey, load_journey, tick
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import connect

ENROLLED = int(os.environ.get("BENCH_ENROLLED", "1000000"))
DUE = ENROLLED // 20
LIMIT, GROWTH = 10.0, 2.2
DAY = dt.date(2026, 11, 21)
_JOURNEY = """
name: bench
title: A journey that is measured
owner: bench
entry: {on: signed_up}
goal: {event: order_placed}
steps:
  pause: {wait: {for: 3 days}}
  known: {branch: {where: "orders >= 1 and not did('order', days => 1)", then: offer, otherwise: patience}}
  offer: {send: {recommend: {list: discover, limit: 4}}, next: buys}
  buys: {wait: {event: order_placed, at_most: 7 days, then: thanks, otherwise: patience}}
  patience: {wait: {until: "10:00", on: [monday, thursday]}}
  thanks: {exit: {reason: bought}}
"""
_VERSION = """
INSERT INTO activation.journey_versions (journey, version, definition, first_run_at) VALUES ('bench', %s, %s, %s)
"""
_STATE = """
INSERT INTO activation.journey_states (journey, started_on, ticked_at, looked_at)
VALUES ('bench', '2026-10-01', %(now)s - interval '5 minutes', %(now)s - interval '5 minutes')
"""
_STEPS = "INSERT INTO activation.journey_steps (journey, step, number) VALUES ('bench', 'offer', 1)"
# one of twenty is due; the others stand on all the waits
_VISITS = """
INSERT INTO activation.journey_visits (
    journey, version, customer_id, occasion, occasion_on, state, step, due_at, entered_at, event_at, arrived_at, moves
)
SELECT
    'bench', %(version)s, c.customer_id, 'signed_up', %(day)s, 'waiting',
    CASE
        WHEN c.customer_id %% 20 = 0 THEN 'pause'
        ELSE (ARRAY['pause', 'buys', 'patience'])[1 + c.customer_id %% 3]
    END,
    %(now)s + CASE WHEN c.customer_id %% 20 = 0 THEN -1 ELSE c.customer_id %% 97 + 1 END * interval '1 hour',
    %(now)s - interval '3 days', %(now)s - interval '3 days', %(now)s - interval '3 days', 2
FROM core.customers AS c
"""
_MOVES = """
INSERT INTO activation.journey_moves
SELECT v.visit_id, n, v.journey, v.version, NULL, v.step, 'entered', v.entered_at, 0
FROM activation.journey_visits AS v CROSS JOIN generate_series(1, 2) AS n
"""
_MARTS = """
INSERT INTO marts.customer_360 (
    customer_id, segment, orders, revenue, campaigns_received, coupons_redeemed, email_contact_point_id, email_consent,
    locale, time_zone, country, is_simulated, is_test
)
SELECT
    c.customer_id, 'loyal', CASE WHEN c.customer_id %% 100 < 80 THEN 1 ELSE 0 END, 10, 1, 0,
    p.contact_point_id, true, 'en-US', c.time_zone, 'US', false, false
FROM core.customers AS c INNER JOIN core.contact_points AS p ON c.customer_id = p.customer_id
"""
_ZONES = """
UPDATE core.customers
SET time_zone = (ARRAY['America/New_York', 'Europe/Berlin', 'Asia/Shanghai', 'UTC'])[1 + customer_id %% 4]
"""
_DAYS = """
INSERT INTO marts.customer_days (customer_id, ordered_on, product_ids, orders, revenue)
SELECT c.customer_id, %(day)s::date - (c.customer_id %% 59)::integer, ARRAY[1, 2], 1, 10 FROM core.customers AS c
"""
_ORDERS = """
INSERT INTO core.orders (
    order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, file_id
) OVERRIDING SYSTEM VALUE
SELECT
    c.customer_id, 'shop', c.customer_id::text, c.customer_id, %(now)s - (4 + c.customer_id %% 59) * interval '1 day',
    (%(now)s - (4 + c.customer_id %% 59) * interval '1 day')::date, 1, 10, 0, 'USD', 1
FROM core.customers AS c
"""
_RECOMMENDED = """
INSERT INTO marts.product_recommendations
    (customer_id, list, rank, product_id, product_name, score, reason, model_run_id)
SELECT c.customer_id, 'discover', n, 1 + (c.customer_id + n) %% 8, 'x', 1.0 / n, 'x', 1
FROM core.customers AS c CROSS JOIN generate_series(1, 4) AS n
"""
_FRESH = """
INSERT INTO ops.table_freshness (table_name, data_as_of, refreshed_at, row_count)
SELECT t, %(day)s, %(now)s, 1 FROM unnest(ARRAY['core.orders', 'marts.customer_360', 'marts.customer_days']) AS t
"""


def run() -> Result:
    """Seconds of one tick over ENROLLED people, beside the limit, and of one over twice as many with as many due."""
    with fresh_warehouse() as bench:
        seconds, beside = [], {}
        for factor in (1, 2):
            with bench.fresh() as dsn:
                _fill(dsn, ENROLLED * factor, due_of=20 * factor)
                took, done = _tick(dsn)
            seconds.append(took)
            if factor == 1:
                beside = {f"moved: {why}": float(n) for why, n in sorted(done.items())}
    one, two = seconds
    within = one <= LIMIT and two <= GROWTH * one
    return Result(
        name="journey_tick_1m", ours=one, baseline=LIMIT, unit="s", more_is_better=False,
        what=f"a tick over {ENROLLED:,} people of whom {DUE:,} are due; baseline: limit"
             + ("" if within else "; OUT OF LIMITS"),
        beside={"the same with twice as many inside, s": round(two, 2), "ratio": round(two / one, 2), **beside},
    )  # fmt: skip


def _fill(dsn: str, people: int, due_of: int) -> None:
    fill_ledger(dsn, people)
    journey = _journey()
    values = {"now": NOW, "day": DAY, "version": journey.version}
    with connect(dsn) as conn:
        conn.execute(_VERSION, [journey.version, Jsonb(journey.frozen), NOW])
        conn.execute(_STEPS)
        conn.execute(_STATE, values)
        for statement in (
            _ZONES,
            _VISITS.replace("%% 20", f"%% {due_of}"),
            _MOVES,
            _MARTS,
            _DAYS,
            _ORDERS,
            _RECOMMENDED,
            _FRESH,
        ):
            conn.execute(statement, values)
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE")


def _tick(dsn: str) -> tuple[float, dict[str, int]]:
    policy = ContactPolicy.model_validate(
        {
            "frequency_caps": [{"messages": 3, "days": 7}],
            "quiet_hours": [{"from": "21:00", "to": "8:00"}],
            "holdout": {"share": 0.05, "salt": "bench"},
        }
    )
    clock = Clock(time_zone=ZoneInfo("UTC"), offset=NOW - dt.datetime.now(dt.UTC), pinned_day=DAY)
    with connect(dsn) as conn:
        conn.autocommit = True
        began = time.perf_counter()
        done = tick(conn, "bench", policy=policy, keys=KeyRing.from_json(KEYS_JSON), clock=clock)
        seconds = time.perf_counter() - began
    assert done.people == DUE, done
    return seconds, dict(done.counts)


def _journey() -> Journey:
    """A journey of its own, with the mail of the shipped win_back."""
    shipped = next(c for c in load_campaigns() if c.name == "win_back")
    root = Path(tempfile.mkdtemp(prefix="marketflow-bench-"))
    try:
        (root / "bench/offer").mkdir(parents=True)
        (root / "bench/journey.yaml").write_text(_JOURNEY)
        (root / "bench/offer/subject.txt").write_text(shipped.templates.subject)
        (root / "bench/offer/body.html").write_text(shipped.templates.html or "")
        return load_journey(root / "bench")
    finally:
        shutil.rmtree(root)
