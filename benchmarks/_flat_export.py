"""The commonest export: every row is an order line with invoice, article, quantity, price, date, customer and country.

Ten lines an invoice. Of the invoices 2 % are cancellations (their numbers begin with C, quantities are negative), 25 %
have no customer, 5 % have the same line twice; of the lines 0.5 % cost nothing. Some descriptions are quoted. All
follows from the numbers themselves (`hash`), so that two runs measure the same file.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
SOURCE = Path(__file__).with_name("flat_export.yaml")
FIRST_DAY, LAST_DAY = dt.date(2024, 1, 1), dt.date(2024, 12, 31)
# A table into which \copy takes the file as it is, typed.
BARE = """CREATE TABLE public.bare (
    invoice text, stock_code text, description text, quantity integer, invoiced_at timestamp, price numeric(14, 2),
    customer_id bigint, country text
)"""

# Times are between 8 and 20 o'clock: no hour that daylight saving skips.
_EXPORT = """
COPY (
    WITH numbered AS (SELECT i, i // 10 AS v FROM range(CAST($lines AS BIGINT)) AS t (i)),
    invoices AS (
        SELECT
            *,
            hash(v * 3) % 50 = 0 AS cancelled,
            CASE WHEN hash(v * 5) % 4 > 0 THEN 12346 + hash(v * 7) % $customers END AS customer,
            -- the last line of some invoices is the one before, once more
            CASE WHEN i % 10 = 9 AND hash(v * 11) % 20 = 0 THEN i - 1 ELSE i END AS l
        FROM numbered
    ),
    made AS (SELECT *, 20000 + hash(l * 13) % 4000 AS code FROM invoices)
    SELECT
        CASE WHEN cancelled THEN 'C' ELSE '' END || (500000 + v) AS "Invoice",
        code AS "StockCode",
        CASE WHEN code % 7 = 0 THEN 'SET/6, RED "RETROSPOT" NO ' ELSE 'WHITE HANGING HEART T-LIGHT HOLDER ' END || code
            AS "Description",
        CASE WHEN cancelled THEN -1 ELSE 1 END * CAST(1 + hash(l * 17) % 24 AS INTEGER) AS "Quantity",
        strftime(
            TIMESTAMP '2024-01-01 08:00:00' + to_days(CAST(v * 10 * 366 // $lines AS INTEGER))
            + to_minutes(CAST(v % 720 AS INTEGER)), '%d/%m/%Y %H:%M'
        ) AS "InvoiceDate",
        CASE WHEN hash(l * 19) % 200 = 0 THEN '0' ELSE printf('%.2f', (10 + code % 2000) / 100.0) END AS "Price",
        customer AS "Customer ID",
        CASE
            WHEN customer % 20 = 0 THEN 'Germany'
            WHEN customer % 20 = 1 THEN 'France'
            WHEN customer % 50 = 2 THEN 'EIRE'
            ELSE 'United Kingdom'
        END AS "Country"
    FROM made
    ORDER BY i
) TO '{path}' (FORMAT csv, HEADER)
"""


def write_export(path: Path, lines: int) -> Path:
    """Write a file of so many lines and a header; 75 bytes a line."""
    import duckdb

    with duckdb.connect() as duck:
        duck.execute("SET threads = 2")
        duck.execute(_EXPORT.format(path=path), {"lines": lines, "customers": max(100, lines // 75)})
    return path


def read_export(duck: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The file as a table `export` of texts, as DuckDB's own reader takes it: to count independently of ours."""
    duck.execute(f"CREATE OR REPLACE TABLE export AS FROM read_csv('{path}', header = true, all_varchar = true)")
