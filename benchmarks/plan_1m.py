"""Planning an audience of a million customers, everything on: a rule, consent, caps, quiet hours, a holdout, ledger.

Each has had one mail already, some within the days that the cap looks back on, so that what was sent is counted.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from zoneinfo import ZoneInfo

from benchmarks import Result
from benchmarks._mails import KEYS_JSON, NOW, fill_ledger
from benchmarks._peak import peak_mib
from benchmarks._warehouse import fresh_warehouse
from marketflow.campaigns import Campaign, ContactPolicy, PlanSummary, load_campaigns, plan_campaign
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import connect

CUSTOMERS = int(os.environ.get("BENCH_PLANNED", "1000000"))
LIMIT = 60.0
DAY = dt.date(2026, 11, 21)
RULE = "orders >= 1 and (in_segment('loyal') or not did('order', days => 30))"
TABLES = ("marts.customer_360", "marts.customer_days", "marts.products", "marts.product_recommendations")

# nine of ten have ordered; every third one had her mail this week, and a cap of one a week counts it
_HISTORY = """
UPDATE activation.sends
SET state = 'sent', settled_at = at, sending_at = at
FROM (SELECT s.send_id, %(now)s - (1 + s.send_id %% 21) * interval '1 day' AS at FROM activation.sends AS s) AS x
WHERE sends.send_id = x.send_id
"""
_MARTS = """
INSERT INTO marts.customer_360 (
    customer_id, segment, orders, revenue, campaigns_received, coupons_redeemed, email_contact_point_id, email_consent,
    locale, time_zone, country, is_simulated, is_test
)
SELECT
    c.customer_id, CASE c.customer_id %% 3 WHEN 0 THEN 'loyal' WHEN 1 THEN 'at_risk' END, c.customer_id %% 10, 10, 1, 0,
    p.contact_point_id, true, 'en-US', c.time_zone, 'US', false, false
FROM core.customers AS c INNER JOIN core.contact_points AS p ON c.customer_id = p.customer_id
"""
_ORDERS = """
INSERT INTO marts.customer_days (customer_id, ordered_on, product_ids, orders, revenue)
SELECT c.customer_id, %(day)s::date - (c.customer_id %% 60)::integer, ARRAY[1, 2], 1, 10 FROM core.customers AS c
"""
_ZONES = """
UPDATE core.customers
SET time_zone = (ARRAY['America/New_York', 'Europe/Berlin', 'Asia/Shanghai', 'UTC'])[1 + customer_id %% 4]
"""
_SEGMENTS = "INSERT INTO models.rfm_segment_rules VALUES (5, 5, 5, 'loyal'), (1, 1, 1, 'at_risk')"
_RECOMMENDED = """
INSERT INTO marts.product_recommendations
    (customer_id, list, rank, product_id, product_name, score, reason, model_run_id)
SELECT c.customer_id, 'discover', n, 1 + (c.customer_id + n) %% 8, 'x', 1.0 / n, 'x', 1
FROM core.customers AS c CROSS JOIN generate_series(1, 4) AS n
"""
_REFUSING = "DELETE FROM privacy.consents WHERE contact_point_id %% 20 = 0"
_FRESH = """
INSERT INTO ops.table_freshness SELECT t, %(day)s, %(now)s, 1 FROM unnest(%(tables)s::text[]) AS t
ON CONFLICT (table_name) DO UPDATE SET data_as_of = excluded.data_as_of
"""


def run() -> Result:
    """Seconds of `plan_campaign`, once with the ledger's rows and once as a dry run, beside the limit."""
    with fresh_warehouse() as bench, bench.fresh() as dsn:
        _fill(dsn)
        dry, _ = _plan(dsn, dry_run=True)
        seconds, plan = _plan(dsn, dry_run=False)
    within = seconds <= LIMIT
    return Result(
        name="plan_1m", ours=seconds, baseline=LIMIT, unit="s", more_is_better=False,
        what=f"planning {CUSTOMERS:,} customers: {plan.audience:,} selected, {plan.planned:,} planned; baseline: limit"
             + ("" if within else "; OUT OF LIMITS"),
        beside={
            "dry run, s": round(dry, 1),
            "peak memory of the planner, MiB": round(peak_mib()),
            **{f"not written to: {reason}": count for reason, count in sorted(plan.refusals.items())},
        },
    )  # fmt: skip


def _fill(dsn: str) -> None:
    fill_ledger(dsn, CUSTOMERS)
    with connect(dsn) as conn:
        for statement in (_ZONES, _HISTORY, _MARTS, _ORDERS, _SEGMENTS, _RECOMMENDED, _REFUSING, _FRESH):
            conn.execute(statement, {"day": DAY, "now": NOW, "tables": list(TABLES)})
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE")


def _plan(dsn: str, *, dry_run: bool) -> tuple[float, PlanSummary]:
    policy = ContactPolicy.model_validate(
        {
            "frequency_caps": [{"messages": 1, "days": 7}, {"messages": 3, "days": 30}],
            "quiet_hours": [{"from": "21:00", "to": "8:00"}],
            "holdout": {"share": 0.05, "salt": "bench"},
        }
    )
    clock = Clock(time_zone=ZoneInfo("UTC"), offset=NOW - dt.datetime.now(dt.UTC), pinned_day=DAY)
    with connect(dsn) as conn:
        began = time.perf_counter()
        plan = plan_campaign(
            conn, _campaign(), business_date=DAY, dry_run=dry_run, policy=policy, keys=KeyRing.from_json(KEYS_JSON),
            clock=clock,
        )  # fmt: skip
        conn.commit()
        seconds = time.perf_counter() - began
    assert plan.state == "planned", plan.reason
    return seconds, plan


def _campaign() -> Campaign:
    """The shipped win_back, with a rule that looks at columns, segments and orders."""
    shipped = next(c for c in load_campaigns() if c.name == "win_back")
    return shipped.model_copy(update={"audience": shipped.audience.model_copy(update={"where": RULE})})
