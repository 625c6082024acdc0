"""Rows for tests: what a test does not name comes from `tests/sql/defaults.yaml`."""

from __future__ import annotations

import datetime as dt
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql
from psycopg.types.json import Jsonb

NOW = dt.datetime(2018, 1, 2, 12, tzinfo=dt.UTC)


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """By table, the values of columns that a row does not name."""
    read: dict[str, dict[str, Any]] = yaml.safe_load(
        Path(__file__).with_name("sql").joinpath("defaults.yaml").read_text()
    )
    return read


# What writes lines to the tables below their views: lines side by side become an order, as the loader does it.
THROUGH_VIEWS = {
    "raw.order_lines": """
        WITH lines AS (
            SELECT
                r.*,
                n,
                n - row_number() OVER (
                    PARTITION BY
                        r.load_id, r.file_id, r.order_ref, r.customer_ref, r.store_ref, r.currency, r.ordered_at, r.kind,
                        r.original_order_ref, r.version_at, r.is_deleted, r.is_simulated
                    ORDER BY n
                ) AS run
            FROM jsonb_array_elements(%s) WITH ORDINALITY AS e (line, n)
            CROSS JOIN LATERAL jsonb_populate_record(NULL::raw.order_lines, e.line) AS r
        )
        INSERT INTO raw.orders (
            load_id, file_id, first_no, order_ref, customer_ref, store_ref, currency, ordered_at, kind, original_order_ref,
            version_at, is_deleted, line_count, amount, discount, record_nos, product_refs, quantities, amounts,
            retail_discounts, coupon_discounts, is_simulated
        )
        SELECT
            load_id, file_id, (array_agg(record_no ORDER BY n))[1], order_ref, customer_ref, store_ref, currency, ordered_at,
            kind, original_order_ref, version_at, is_deleted, count(*), sum(amount), sum(retail_discount + coupon_discount),
            array_agg(record_no ORDER BY n), array_agg(product_ref ORDER BY n), array_agg(quantity ORDER BY n),
            array_agg(amount ORDER BY n), array_agg(retail_discount ORDER BY n), array_agg(coupon_discount ORDER BY n),
            is_simulated
        FROM lines
        GROUP BY
            load_id, file_id, order_ref, customer_ref, store_ref, currency, ordered_at, kind, original_order_ref, version_at,
            is_deleted, is_simulated, run
        ORDER BY min(n)
        RETURNING line_count
    """,
    "core.order_lines": """
        INSERT INTO core.baskets (
            order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts
        )
        SELECT
            r.order_id, 1, array_agg(r.line_no ORDER BY n), array_agg(p.external_id ORDER BY n),
            array_agg(r.quantity ORDER BY n), array_agg(r.amount ORDER BY n), array_agg(r.discount ORDER BY n)
        FROM jsonb_array_elements(%s) WITH ORDINALITY AS e (line, n)
        CROSS JOIN LATERAL jsonb_populate_record(NULL::core.order_lines, e.line) AS r
        JOIN core.products AS p USING (product_id)
        GROUP BY r.order_id
        RETURNING cardinality(record_nos)
    """,
}


PARTITIONED_BY_RUN = {
    f"models.{model}"
    for model in (
        "rfm",
        "clusters",
        "customer_values",
        "churn_risks",
        "next_orders",
        "send_times",
        "sales_forecasts",
        "association_rules",
        "product_recommendations",
        "related_products",
        "campaign_recommendations",
    )
}


def give(conn: psycopg.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows, completed from the defaults; the record number of raw rows counts up by itself."""
    number = "first_no" if table == "raw.orders" else "record_no"
    numbers = [{number: n} if table.startswith("raw.") else {} for n in range(1, len(rows) + 1)]
    full = [defaults().get(table, {}) | n | row for n, row in zip(numbers, rows, strict=True)]
    if table in THROUGH_VIEWS:
        written = conn.execute(THROUGH_VIEWS[table], [as_json(full)]).fetchall()
        assert sum(lines for (lines,) in written) == len(rows), "a line's product is not there"
        return
    if table in PARTITIONED_BY_RUN:
        for run_id in sorted({row["run_id"] for row in full}):
            conn.execute("SELECT models.begin_run(%s, %s)", [table.removeprefix("models."), run_id])
    for row in full:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        insert = "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM jsonb_populate_record(NULL::{}, %s)"
        conn.execute(sql.SQL(insert).format(name(table), names, names, name(table)), [as_json(row)])


def have(conn: psycopg.Connection, table: str, columns: list[str]) -> list[str]:
    """The table's rows as sorted JSON texts, of these columns; of all when none is named."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("*")
    query = sql.SQL("SELECT to_jsonb(t)::text FROM (SELECT {} FROM {}) AS t").format(names, name(table))
    return sorted(row[0] for row in conn.execute(query))


def wanted(conn: psycopg.Connection, table: str, rows: list[dict[str, Any]], columns: list[str]) -> list[str]:
    """Expected rows by way of the table's own types, so that 1 and 1.00 are the same amount."""
    if not rows:
        return []
    assert all(list(row) == columns for row in rows), "expected rows name the same columns"
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    select = "SELECT to_jsonb(t)::text FROM (SELECT {} FROM jsonb_populate_recordset(NULL::{}, %s)) AS t"
    return sorted(row[0] for row in conn.execute(sql.SQL(select).format(names, name(table)), [as_json(rows)]))


def marts(conn: psycopg.Connection) -> dict[str, list[str]]:
    """All rows of all marts."""
    tables = conn.execute("SELECT 'marts.' || tablename FROM pg_tables WHERE schemaname = 'marts'").fetchall()
    return {table: have(conn, table, []) for (table,) in tables}


def name(table: str) -> sql.Identifier:
    """The quoted name."""
    return sql.Identifier(*table.split("."))


def as_json(value: Any) -> Jsonb:
    """JSON in which dates are texts again."""
    return Jsonb(value, dumps=lambda v: json.dumps(v, default=str))


def load(conn: psycopg.Connection, load_id: int, record: str, *, state: str = "passed") -> None:
    """A batch of a record, as the gate leaves it."""
    give(conn, "ops.loads", [{"load_id": load_id, "record": record, "state": state}])


def small_shop(conn: psycopg.Connection, *, customers: int = 40, days: int = 90) -> None:
    """Batches 1 to 4, passed and not merged: some orders a day until 2017-12-31, in pairs that go together."""
    for number, record in enumerate(("orders", "customers", "products", "behaviour"), start=1):
        load(conn, number, record)
    rng = random.Random(3)
    last = dt.datetime(2017, 12, 31, 17, tzinfo=dt.UTC)
    lines = []
    for order in range(days * 4):
        who, at = rng.randrange(customers), last - dt.timedelta(days=order // 4, minutes=order % 4)
        pair = rng.randrange(6)
        for product in {pair, pair + 6, rng.randrange(14)}:
            ref = {
                "order_ref": f"o{order}",
                "customer_ref": str(who),
                "product_ref": f"p{product}",
                "file_id": order // 4 + 1,
            }
            lines.append({**ref, "record_no": len(lines), "amount": 1 + product / 4, "ordered_at": at})
    give(conn, "raw.order_lines", lines)
    people = [{"load_id": 2, "file_id": 500, "customer_ref": str(n)} for n in range(customers)]
    for n, person in enumerate(people):
        person |= {
            "email": "\\xee",
            "email_hash": f"\\x{n:064x}",
            "email_consent": n % 5 > 0,
            "consent_at": "2017-01-01T00:00:00Z",
        }
    give(conn, "raw.customers", people)
    words = [
        "PASTA",
        "SAUCE",
        "COFFEE",
        "CREAMER",
        "BREAD",
        "BUTTER",
        "SOAP",
        "TOWELS",
        "TEA",
        "LEMONS",
        "EGGS",
        "BACON",
    ]
    catalogue = [{"load_id": 3, "file_id": 501, "product_ref": f"p{n}", "product_type": w} for n, w in enumerate(words)]
    give(conn, "raw.products", catalogue)  # p12 and p13 are sold and not in the catalogue
    events = [
        {
            "load_id": 4,
            "file_id": 502,
            "event_ref": f"e{n}",
            "customer_ref": str(n),
            "occurred_at": last - dt.timedelta(days=9 * n),
        }
        for n in range(10)
    ]
    give(conn, "raw.events", events)
