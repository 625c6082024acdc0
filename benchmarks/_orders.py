"""A shop's year of orders, as Parquet of lines and of orders with their totals; few customers buy very often.

Everything follows from the numbers themselves (`hash`), so that two runs measure the same rows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

LAST_DAY = dt.date(2025, 12, 31)
DAYS = 365

# One order of ten is a guest's, one of 33 brings something back. An order has 1 to `most` lines, half of that on
# average. The square makes the skew: half of the orders are of a quarter of the customers' numbers, the busiest have
# thousands.
_ORDERS = """
CREATE TEMP TABLE o AS SELECT
    i AS order_id,
    CASE WHEN hash(i) % 10 > 0
    THEN 1 + CAST(floor($customers * pow(hash(i * 2 + 1) / pow(2.0, 64), 2)) AS BIGINT) END AS customer_id,
    CAST($last AS DATE) - $days + 1 + CAST(floor((i - 1) * $days / $orders) AS INTEGER) AS ordered_on,
    CASE WHEN hash(i * 5 + 3) % 33 = 0 THEN 'return' ELSE 'sale' END AS kind,
    CAST(1 + hash(i * 11) % $most AS BIGINT) AS line_count
FROM range(1, $orders + 1) AS t (i)
"""
_LINES = """
COPY (
    SELECT
        o.order_id,
        l.line_no,
        o.customer_id,
        o.ordered_on,
        o.kind,
        CAST(hash(o.order_id * 64 + l.line_no) % 20000 + 1 AS BIGINT) AS product_id,
        CAST(1 + hash(o.order_id * 128 + l.line_no) % 5 AS DECIMAL(14, 3)) AS quantity,
        CAST(
            (CASE WHEN o.kind = 'sale' THEN 1 ELSE -1 END) * (hash(o.order_id * 256 + l.line_no) % 5000) / 100.0
            AS DECIMAL(14, 2)
        ) AS amount
    FROM o, LATERAL (SELECT unnest(range(1, o.line_count + 1)) AS line_no) AS l
) TO '{lines}' (FORMAT parquet)
"""
_TOTALS = """
COPY (
    SELECT
        order_id, customer_id, ordered_on, kind, count(*) AS line_count, CAST(sum(amount) AS DECIMAL(14, 2)) AS revenue
    FROM '{lines}' GROUP BY ALL ORDER BY order_id
) TO '{orders}' (FORMAT parquet)
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The files, and how much is in them."""

    lines: Path
    orders: Path
    line_count: int
    order_count: int
    customer_count: int


def write_shop(
    duck: duckdb.DuckDBPyConnection, folder: Path, *, orders: int, customers: int, most_lines: int = 19
) -> Shop:
    """Write both files; `customers` is how many numbers there are, not all of which buy."""
    files = {"lines": folder / "lines.parquet", "orders": folder / "orders.parquet"}
    sizes = {"orders": orders, "customers": customers, "days": DAYS, "most": most_lines}
    duck.execute(_ORDERS, {**sizes, "last": LAST_DAY.isoformat()})
    duck.execute(_LINES.format(**files))
    duck.execute("DROP TABLE o")
    duck.execute(_TOTALS.format(**files))
    counts = duck.execute(f"SELECT sum(line_count), count(*), max(customer_id) FROM '{files['orders']}'").fetchone()
    assert counts is not None
    return Shop(**files, line_count=int(counts[0]), order_count=int(counts[1]), customer_count=int(counts[2]))
