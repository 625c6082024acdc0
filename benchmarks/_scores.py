"""All scores of many customers: the shop's orders and lines straight into core, then each model as its task runs it.

`python -m benchmarks._scores DSN MODEL` runs one model and prints what it took as JSON: a process of its own, as in
Airflow, so that one model's memory is not the next one's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from benchmarks._orders import LAST_DAY, Shop, write_shop
from benchmarks._warehouse import Bench, fresh_warehouse
from marketflow.embedded.memory import PeakMemory
from marketflow.shared import Clock
from marketflow.warehouse import build_marts, connect, record_changes

if TYPE_CHECKING:
    import duckdb
    import psycopg

CLOCK = Clock(time_zone=ZoneInfo("UTC"), pinned_day=LAST_DAY)
_ORDERS_EACH, _MOST_LINES = 5, 7  # five orders a customer's number, four lines an order: twenty lines a customer
_NUMBERS = 1.06  # some numbers never buy
_ROOT = Path(__file__).parents[1]

# Half of the orders come at the hour that the customer's number names, so that there is something to find.
_ORDER_ROWS = """
COPY (
    SELECT
        order_id, 'shop', 'o' || order_id, customer_id,
        strftime(
            ordered_on + to_seconds(CAST(
                (
                    CASE WHEN hash(order_id * 13) % 2 = 0
                    THEN coalesce(customer_id, 12) % 24 ELSE hash(order_id * 17) % 24 END
                ) * 3600
                + hash(order_id * 19) % 3600 AS BIGINT
            )), '%Y-%m-%dT%H:%M:%SZ'
        ),
        ordered_on, line_count, revenue, 0, 'EUR', 1, kind, revenue
    FROM '{orders}'
) TO '{target}' (HEADER false)
"""
_BASKET_ROWS = """
COPY (
    SELECT
        order_id, 1,
        '{{' || string_agg(line_no, ',' ORDER BY line_no) || '}}',
        '{{' || string_agg('p' || product_id, ',' ORDER BY line_no) || '}}',
        '{{' || string_agg(quantity, ',' ORDER BY line_no) || '}}',
        '{{' || string_agg(amount, ',' ORDER BY line_no) || '}}'
    FROM '{lines}' GROUP BY order_id
) TO '{target}' (HEADER false)
"""
_ORDER_COLUMNS = (
    "order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, "
    "file_id, kind, base_revenue"
)
_BASKET_COLUMNS = "order_id, first_no, record_nos, product_refs, quantities, amounts"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What it took: seconds by step, the peak memory of the model and the server together, MiB, and what was scored."""

    customers: int
    lines: int
    steps: dict[str, float]
    peaks: dict[str, float]

    @property
    def seconds(self) -> float:
        """All steps."""
        return sum(self.steps.values())


@cache
def score_all(customers: int) -> Scored:
    """Fill a warehouse with about so many customers who buy, and run everything."""
    import duckdb

    with fresh_warehouse() as bench:
        with duckdb.connect(bench.folder / "shop.duckdb") as duck:
            duck.execute("SET threads = 2")
            sizes = {"orders": customers * _ORDERS_EACH, "customers": round(customers * _NUMBERS)}
            shop = write_shop(duck, bench.folder, **sizes, most_lines=_MOST_LINES)
            _fill(bench, duck, shop)
        steps, peaks = {}, {}
        for name in _models():
            with PeakMemory(lambda: [_me(), _server(bench)]) as memory:
                steps[name] = _in_a_process(bench.dsn, name)
            peaks[name] = memory.peak
            print(f"  {name}: {steps[name]:.1f} s, {peaks[name]:,.0f} MiB", file=sys.stderr, flush=True)
        with connect(bench.dsn) as conn:
            scored = conn.execute("SELECT count(*) FROM marts.customer_360 WHERE segment IS NOT NULL").fetchone()
    assert scored is not None
    return Scored(customers=scored[0], lines=shop.line_count, steps=steps, peaks=peaks)


def _models() -> dict[str, Callable[..., Any]]:
    from marketflow import predictions, segments

    return {
        "rfm": segments.segment_customers,
        "memberships": segments.remember_segments,
        "clusters": segments.cluster_customers,
        "customer_values": predictions.value_customers,
        "churn_risks": predictions.foresee_churn,
        "next_orders": predictions.foresee_next_orders,
        "send_times": predictions.find_send_times,
        "sales_forecasts": lambda conn, clock: predictions.forecast_sales(conn, clock=clock, country="DE"),
        "marts": build_marts,
    }


def _in_a_process(dsn: str, name: str) -> float:
    command = [sys.executable, "-m", "benchmarks._scores", dsn, name]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def _me() -> int:
    import os

    return os.getpid()


def _server(bench: Bench) -> int:
    (file,) = bench.folder.glob("pg/**/postmaster.pid")
    return int(file.read_text().split("\n", 1)[0])


def _fill(bench: Bench, duck: duckdb.DuckDBPyConnection, shop: Shop) -> None:
    """Customers, products, orders and baskets into core, statistics as autovacuum leaves them."""
    orders, baskets = bench.folder / "orders.csv", bench.folder / "baskets.csv"
    duck.execute(_ORDER_ROWS.format(orders=shop.orders, target=orders))
    duck.execute(_BASKET_ROWS.format(lines=shop.lines, target=baskets))
    with connect(bench.dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO core.customers (customer_id, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
            "SELECT n, now(), now() FROM generate_series(1, %s) AS n", [shop.customer_count]
        )  # fmt: skip
        conn.execute(
            "INSERT INTO core.products (product_id, source, external_id, department, in_catalogue, updated_at) "
            "OVERRIDING SYSTEM VALUE "
            "SELECT n, 'shop', 'p' || n, 'Department ' || mod(n, 20), true, now() FROM generate_series(1, 20000) AS n"
        )
        _copy(conn, f"COPY core.orders ({_ORDER_COLUMNS}) FROM STDIN (FORMAT csv)", orders)
        _copy(conn, f"COPY core.baskets ({_BASKET_COLUMNS}) FROM STDIN (FORMAT csv)", baskets)
        days = [str(d) for (d,) in conn.execute("SELECT DISTINCT o.ordered_on FROM core.orders AS o")]
        record_changes(conn, "day", days, CLOCK.now())
        conn.execute("VACUUM ANALYZE")
    for file in (orders, baskets, shop.lines, shop.orders):
        file.unlink()


def _copy(conn: psycopg.Connection, statement: str, path: Path) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for block in _blocks(path):
            copy.write(block)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as rows:
        while block := rows.read(1 << 20):
            yield block


def _run_one(dsn: str, name: str) -> float:
    door = _models()[name]
    with connect(dsn) as conn:
        began = time.perf_counter()
        summary = door(conn, clock=CLOCK)
        conn.commit()
        seconds = time.perf_counter() - began
    print(f"  {name}: {summary}"[:400], file=sys.stderr)
    return seconds


if __name__ == "__main__":
    print(json.dumps({"seconds": _run_one(sys.argv[1], sys.argv[2])}))
