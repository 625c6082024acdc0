"""RFM of a year's orders, scored, named and stored: ours in PostgreSQL, against DuckDB from Parquet, results equal.

Measured are, in turn, on the same orders:

* ours, the daily run: yesterday's totals per customer are kept (features.purchase_summaries), today's are brought up to
  date by the customers that something changed for, all are scored, and a row per customer is stored, committed;
* ours from nothing: the totals of all customers from core.orders, then the same;
* DuckDB from Parquet of the same grain as core.orders, and from Parquet of the order lines; two threads, the scores as
  plain window functions, the result stored as a table of a database file, committed.

Beside it stands what it costs to have orders with their totals: summing up the lines by order.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg

from benchmarks import Result
from benchmarks._orders import DAYS, LAST_DAY, Shop, write_shop
from benchmarks._warehouse import Bench, fresh_warehouse
from marketflow.segments import load_segments, segment_customers, segment_of_triples
from marketflow.segments.rfm import score_customers
from marketflow.shared import Clock
from marketflow.warehouse import connect, start_run

if TYPE_CHECKING:
    import duckdb

ORDERS = int(os.environ.get("BENCH_ORDERS", "1500000"))
CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
CLOCK = Clock(time_zone=ZoneInfo("UTC"), pinned_day=LAST_DAY)

_FROM_ORDERS = """
SELECT customer_id, ordered_on, kind, revenue FROM '{orders}'
"""
_FROM_LINES = """
SELECT
    any_value(customer_id) AS customer_id,
    any_value(ordered_on) AS ordered_on,
    any_value(kind) AS kind,
    sum(amount) AS revenue
FROM '{lines}'
GROUP BY order_id
"""
_DUCKDB = """
CREATE OR REPLACE TABLE result AS
WITH orders AS ({source}),
summaries AS (
    SELECT
        customer_id,
        count(*) FILTER (kind = 'sale') AS frequency,
        CAST(sum(revenue) AS DECIMAL(14, 2)) AS monetary,
        min(ordered_on) FILTER (kind = 'sale') AS first_order_on,
        max(ordered_on) FILTER (kind = 'sale') AS last_order_on
    FROM orders
    WHERE customer_id IS NOT NULL AND ordered_on <= DATE '{last}' AND ordered_on > DATE '{last}' - {days}
    GROUP BY customer_id
    HAVING count(*) FILTER (kind = 'sale') > 0
),
ranked AS (
    SELECT
        *,
        count(*) OVER () AS n,
        rank() OVER (ORDER BY last_order_on) AS r, count(*) OVER (PARTITION BY last_order_on) AS rc,
        rank() OVER (ORDER BY frequency) AS f, count(*) OVER (PARTITION BY frequency) AS fc,
        rank() OVER (ORDER BY monetary) AS m, count(*) OVER (PARTITION BY monetary) AS mc
    FROM summaries
),
scored AS (
    SELECT
        customer_id,
        date_diff('day', last_order_on, DATE '{last}') AS recency_days,
        frequency, monetary, first_order_on, last_order_on,
        (5 * (2 * r + rc - 2) + 2 * n - 1) // (2 * n) AS recency_score,
        (5 * (2 * f + fc - 2) + 2 * n - 1) // (2 * n) AS frequency_score,
        (5 * (2 * m + mc - 2) + 2 * n - 1) // (2 * n) AS monetary_score
    FROM ranked
)
SELECT * FROM scored JOIN rules USING (recency_score, frequency_score, monetary_score)
"""
_COLUMNS = """
customer_id, recency_days, frequency, monetary, first_order_on, last_order_on, recency_score, frequency_score,
monetary_score, segment
"""


def run() -> Result:
    """Seconds of the daily run beside DuckDB from Parquet of orders; the others stand beside."""
    import duckdb

    with fresh_warehouse() as bench, duckdb.connect(bench.folder / "rfm.duckdb") as duck:
        duck.execute("SET threads = 2")
        shop = write_shop(duck, bench.folder, orders=ORDERS, customers=CUSTOMERS)
        _rules(duck)
        _fill(bench, duck, shop)
        kept = _keeping(bench, duck, shop)
        whole = _whole_run(bench)
        timed = _in_turns(bench, duck, shop)
    seconds = {name: median(found) for name, found in timed.items()}
    ours, baseline = seconds.pop("daily"), seconds.pop("DuckDB, orders")
    beside = {name: round(s, 3) for name, s in (seconds | kept).items()} | {"first run, with its backtest": whole}
    return Result(
        name="rfm_vs_duckdb", ours=ours, baseline=baseline, unit="s", more_is_better=False, beside=beside,
        what=f"RFM with scores of {shop.order_count:,} orders, daily run, stored; baseline: DuckDB from Parquet",
    )  # fmt: skip


def _in_turns(bench: Bench, duck: duckdb.DuckDBPyConnection, shop: Shop) -> dict[str, list[float]]:
    """Seconds by what was measured; the rows of each round are compared."""
    measured: dict[str, list[float]] = {}
    with connect(bench.dsn) as conn:
        ways: dict[str, Callable[[], float]] = {
            "daily": lambda: _ours(conn, is_test=False),
            "DuckDB, orders": lambda: _duckdb(duck, _FROM_ORDERS, shop),
            "from nothing": lambda: _ours(conn, is_test=True),
            "DuckDB, lines": lambda: _duckdb(duck, _FROM_LINES, shop),
        }
        for _ in range(ROUNDS):
            for name, way in ways.items():
                measured.setdefault(name, []).append(way())
                _compare(bench, duck, keep=name.startswith("DuckDB"))
    return measured


def _ours(conn: psycopg.Connection, *, is_test: bool) -> float:
    """Seconds of a run of the last day, committed; a test run keeps nothing and sums up all orders."""
    conn.execute("TRUNCATE models.rfm")
    # The rows kept are of the last day already. Said to be of the day before, they are brought up to date again: the
    # same customers are looked up, summed up and written as if the last day's orders had just come.
    conn.execute("UPDATE features.purchase_windows SET as_of = as_of - 1 WHERE NOT %s", [is_test])
    conn.commit()
    started = time.perf_counter()
    run = start_run(conn, "rfm", clock=CLOCK, as_of=None, parameters={}, window_days=DAYS, is_test=is_test)
    score_customers(conn, run, DAYS, CLOCK)
    conn.commit()
    return time.perf_counter() - started


def _duckdb(duck: duckdb.DuckDBPyConnection, source: str, shop: Shop) -> float:
    files = {"orders": shop.orders, "lines": shop.lines}
    statement = _DUCKDB.format(source=source.format(**files), last=LAST_DAY, days=DAYS)
    started = time.perf_counter()
    duck.execute(statement)
    return time.perf_counter() - started


def _compare(bench: Bench, duck: duckdb.DuckDBPyConnection, *, keep: bool) -> None:
    """Hold ours against DuckDB's, row by row; with `keep` it is DuckDB that has just written, ours is there already."""
    path = bench.folder / "ours.csv"
    if not keep:
        query = f"COPY (SELECT {_COLUMNS} FROM models.rfm) TO STDOUT (FORMAT csv, HEADER)"
        with connect(bench.dsn) as conn, conn.cursor() as cursor, cursor.copy(query) as rows:
            path.write_bytes(b"".join(rows))
        return
    ours, theirs = f"SELECT {_COLUMNS} FROM '{path}'", f"SELECT {_COLUMNS} FROM result"
    for one, other in ((ours, theirs), (theirs, ours)):
        row = duck.execute(
            f"SELECT (SELECT count(*) FROM ({one})), count(*) FROM ({one} EXCEPT ALL {other})"
        ).fetchone()
        assert row is not None
        assert row[1] == 0 < row[0], f"{row[1]} of {row[0]} rows differ"


def _rules(duck: duckdb.DuckDBPyConnection) -> None:
    rows = [[*triple, segment] for triple, segment in segment_of_triples(load_segments()).items()]
    names = "recency_score INTEGER, frequency_score INTEGER, monetary_score INTEGER, segment VARCHAR"
    duck.execute(f"CREATE TABLE rules ({names})")
    duck.executemany("INSERT INTO rules VALUES (?, ?, ?, ?)", rows)


def _fill(bench: Bench, duck: duckdb.DuckDBPyConnection, shop: Shop) -> None:
    """Customers and orders into core, statistics and visibility as autovacuum leaves them."""
    path = bench.folder / "orders.csv"
    duck.execute(f"""COPY (
        SELECT order_id, 'shop', 'o' || order_id, customer_id, ordered_on || 'T12:00:00Z', ordered_on, line_count,
            revenue, 0, 'EUR', 1, kind, revenue FROM '{shop.orders}'
    ) TO '{path}' (HEADER false)""")
    with connect(bench.dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO core.customers (customer_id, first_seen_at, updated_at) OVERRIDING SYSTEM VALUE "
            "SELECT n, now(), now() FROM generate_series(1, %s) AS n", [shop.customer_count]
        )  # fmt: skip
        columns = (
            "order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, "
            "currency, file_id, kind, base_revenue"
        )
        _copy(conn, f"COPY core.orders ({columns}) FROM STDIN (FORMAT csv)", path)
        conn.execute("VACUUM ANALYZE core.orders")


def _copy(conn: psycopg.Connection, statement: str, path: Path) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as copy, path.open("rb") as rows:
        while block := rows.read(1 << 20):
            copy.write(block)


def _keeping(bench: Bench, duck: duckdb.DuckDBPyConnection, shop: Shop) -> dict[str, float]:
    """Seconds to sum up all lines by order: PostgreSQL, which does so for the orders of each load, and DuckDB."""
    path = bench.folder / "lines.csv"
    columns = "order_id, customer_id, ordered_on, amount"
    duck.execute(f"COPY (SELECT {columns} FROM '{shop.lines}') TO '{path}' (HEADER false)")
    with connect(bench.dsn, autocommit=True) as conn:
        conn.execute("SET work_mem = '128MB'")
        types = "order_id bigint, customer_id bigint, ordered_on date, amount numeric(14, 2)"
        conn.execute(f"CREATE TABLE public.lines ({types})")
        _copy(conn, "COPY public.lines FROM STDIN (FORMAT csv)", path)
        conn.execute("VACUUM ANALYZE public.lines")
        ours = _seconds(lambda: conn.execute(
            "CREATE TABLE public.totals AS "
            "SELECT order_id, min(customer_id) AS customer_id, min(ordered_on) AS ordered_on, count(*) AS line_count, "
            "sum(amount) AS revenue FROM public.lines GROUP BY order_id"
        ))  # fmt: skip
        conn.execute("DROP TABLE public.lines, public.totals")
    path.unlink()
    theirs = _seconds(lambda: duck.execute(
        f"CREATE TABLE totals AS SELECT order_id, any_value(customer_id), any_value(ordered_on), count(*), sum(amount) "
        f"FROM '{shop.lines}' GROUP BY order_id"
    ))  # fmt: skip
    duck.execute("DROP TABLE totals")
    return {"lines to orders": ours, "lines to orders, DuckDB": theirs}


def _whole_run(bench: Bench) -> float:
    """Seconds of the first run as the DAG makes it; it leaves the kept summaries for the daily ones."""
    with connect(bench.dsn) as conn:
        return round(_seconds(lambda: segment_customers(conn, clock=CLOCK, window_days=DAYS)), 3)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
