"""RFM of a year's orders: our SQL over core, against pandas on the same orders read out of the same database.

Both give every customer's recency, frequency, monetary value and the three scores; the results must be equal.
"""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from benchmarks import Result
from benchmarks._warehouse import Bench, fresh_warehouse
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.segments import segment_customers
from marketflow.shared import Clock
from marketflow.sources import take_in
from marketflow.sources.complete_journey import write_landing
from marketflow.warehouse import build_core, connect, load_transforms, run_steps

ROUNDS = 3  # the best of each: other work on the machine can only slow things down
CLOCK = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(2017, 12, 31))
WINDOW_DAYS = 365
ORDERS = "SELECT customer_id, ordered_on, revenue::float8 FROM core.orders WHERE ordered_on > %(since)s"
OURS = """
SELECT customer_id, recency_days, frequency, monetary::float8, recency_score, frequency_score, monetary_score
FROM features.purchase_summaries JOIN models.rfm USING (run_id, customer_id)
WHERE run_id = %(run_id)s ORDER BY customer_id
"""


def run() -> Result:
    """Seconds for all customers, storing included in ours and not in the baseline."""
    with fresh_warehouse() as bench:
        _fill(bench)
        with connect(bench.dsn) as conn:
            run_id = segment_customers(conn, clock=CLOCK, window_days=WINDOW_DAYS).run_id
        ours = min(_ours(bench, run_id) for _ in range(ROUNDS))
        with connect(bench.dsn) as conn:
            stored = np.array(conn.execute(OURS, {"run_id": run_id}).fetchall(), dtype=float)
            timed = [_baseline(conn) for _ in range(ROUNDS)]
    assert np.allclose(stored, timed[0][1])
    what = f"recency, frequency, monetary value and scores of {len(stored):,} customers from core; baseline: pandas"
    return Result(
        name="rfm_seconds", ours=ours, baseline=min(s for s, _ in timed), unit="s", what=what, more_is_better=False
    )


def _fill(bench: Bench) -> None:
    """The demo's orders and customers in core."""
    landing = bench.folder / "landing"
    write_landing(landing, bad_rows=False)
    keys = KeyRing.from_json(generate_key_ring())
    with connect(bench.dsn) as conn:
        for record in ("orders", "customers"):
            take_in(conn, record, landing=landing, keys=keys, clock=CLOCK)
        conn.execute("UPDATE ops.loads SET state = 'passed'")
        build_core(conn, clock=CLOCK)


def _ours(bench: Bench, run_id: int) -> float:
    """Seconds of the two transforms with their checks, committed."""
    transforms = load_transforms()
    params = {"run_id": run_id, "as_of": CLOCK.business_date(), "window_days": WINDOW_DAYS}
    started = time.perf_counter()
    with connect(bench.dsn) as conn:
        for table in ("features.purchase_summaries", "models.rfm"):
            run_steps(conn, transforms[table], params)
    return time.perf_counter() - started


def _baseline(conn: psycopg.Connection) -> tuple[float, np.ndarray]:
    """Seconds, and what came out, in the columns and order of OURS."""
    import pandas as pd

    as_of = CLOCK.business_date()
    started = time.perf_counter()
    rows = conn.execute(ORDERS, {"since": as_of - dt.timedelta(days=WINDOW_DAYS)}).fetchall()
    orders = pd.DataFrame(rows, columns=["customer", "day", "revenue"])
    orders["day"] = pd.to_datetime(orders["day"])
    by = orders.groupby("customer").agg(last=("day", "max"), frequency=("day", "size"), monetary=("revenue", "sum"))
    by["recency"] = (pd.Timestamp(as_of) - by["last"]).dt.days
    values = {"r": -by["recency"], "f": by["frequency"], "m": by["monetary"].round(2)}
    scores = {name: np.ceil(5 * (column.rank(method="average") - 0.5) / len(by)) for name, column in values.items()}
    result = pd.DataFrame({"r": by["recency"], "f": by["frequency"], "m": by["monetary"]}).reset_index()
    table = np.column_stack([result.to_numpy(dtype=float), *(score.to_numpy() for score in scores.values())])
    return time.perf_counter() - started, table
