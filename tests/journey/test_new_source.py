"""A data engineer's day on a running stack: a new source file, bad rows, a mended file, replay and rebuild."""

from __future__ import annotations

import json

import pytest

from checksums import table_checksums

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCE = """
title: Till of the outlet
owner: Data team
from: {folder: outlet, files: "*.csv"}
format: {type: csv, encoding: windows-1252, delimiter: ";"}
decimal: ","
times: "%d.%m.%Y %H:%M"
time_zone: America/New_York
schedule: null
quality: {quarantined: 0.5}
records:
  orders:
    columns:
      order_id: Invoice
      kind: {from: Invoice, match: {"C.*": cancellation}, otherwise: sale}
      customer_id: Customer
      product_id: Article
      quantity: Quantity
      amount: {multiply: [Quantity, Price]}
      currency: {constant: USD}
      ordered_at: Date
  products:
    columns: {product_id: Article, product_name: Text}
  customers:
    columns:
      customer_id: Customer
      country: {from: Country, replace: {United States: US}}
"""
LINES = """Invoice;Article;Text;Quantity;Date;Price;Customer;Country
7001;A1;Café crème;2;30.12.2017 10:00;2,50;K1;United States
7001;A1;Café crème;2;30.12.2017 10:00;2,50;K1;United States
7002;A2;Brötchen;1;30.12.2017 11:00;0,80;;United States
C7003;A1;Café crème;-2;31.12.2017 09:00;2,50;K1;United States
7004;A2;Brötchen;3;31.12.2017 09:30;0,80;K2;Freedonia
"""


# Whose orders were mended is scored anew beside today's products, and the others keep their lists of earlier days.
OF_ITS_DAY = {"marts.product_recommendations"}


def contents(conn):
    """A checksum of each table that only orders decide about."""
    return {table: rows for table, rows in table_checksums(conn, ["core", "marts"]).items() if table not in OF_ITS_DAY}


def orders(stack):
    return stack.query(
        "SELECT external_id, kind, line_count, revenue::text, ordered_on::text FROM core.orders"
        " WHERE source = 'outlet' ORDER BY 1"
    )


def merged(stack, loads: int) -> None:
    """Wait until core has so many of the outlet's loads, and all that follows has been done."""
    query = "SELECT count(*) FROM ops.loads WHERE source = 'outlet' AND state = 'merged'"
    stack.until(lambda: stack.query(query) == [(loads,)], f"{loads} merged loads", 240)
    stack.calm()


@pytest.fixture(scope="module")
def outlet(stack):
    """The stack with a source file that was not there when it started, and its export."""
    (stack.home / "sources" / "outlet.yaml").write_text(SOURCE)
    folder = stack.home / "landing" / "outlet"
    folder.mkdir()
    (folder / "december.csv").write_bytes(LINES.encode("windows-1252"))
    stack.until(lambda: "ingest_outlet" in stack.admin.dag_ids(), "the new source's DAG", 120)
    assert stack.finish("ingest_outlet")[1] == "success"
    merged(stack, 1)
    return stack


def test_the_good_lines_are_in_core_and_the_bad_one_is_in_quarantine(outlet) -> None:
    assert orders(outlet) == [
        ("7001", "sale", 2, "10.00", "2017-12-30"),
        ("7002", "sale", 1, "0.80", "2017-12-30"),
        ("C7003", "cancellation", 1, "-5.00", "2017-12-31"),
    ]
    bad = outlet.query(
        "SELECT q.record_no, q.column_name FROM ops.quarantine q JOIN ops.loads USING (load_id) WHERE source = 'outlet'"
    )
    assert bad == [(5, "country")]


def test_a_mended_source_file_lets_the_row_be_replayed_once(outlet) -> None:
    path = outlet.home / "sources" / "outlet.yaml"
    path.write_text(SOURCE.replace("{United States: US}", "{United States: US, Freedonia: FR}"))
    for _ in range(2):
        assert outlet.finish("replay_quarantine", {"source": "outlet", "dry_run": False})[1] == "success"
        merged(outlet, 2)  # the second time there is nothing left
    assert [o for o in orders(outlet) if o[0] == "7004"] == [("7004", "sale", 1, "2.40", "2017-12-31")]
    assert outlet.query(
        "SELECT count(*) FROM ops.quarantine q JOIN ops.loads l USING (load_id)"
        " WHERE l.source = 'outlet' AND q.replayed_load_id IS NULL"
    ) == [(0,)]


def test_a_rebuild_over_the_ui_changes_nothing_and_mends_what_was_damaged(outlet) -> None:
    with outlet.connect() as conn:
        before = contents(conn)
        conn.execute("UPDATE core.orders SET revenue = 0 WHERE source = 'outlet' AND external_id = '7001'")
        conn.commit()
        assert contents(conn) != before
    form = {"from": "2017-12-30", "to": "2017-12-31"}
    assert outlet.finish("rebuild_warehouse", form)[1] == "success"
    outlet.calm()
    with outlet.connect() as conn:
        assert contents(conn) == before


def test_a_broken_source_file_is_told_in_airflow_and_the_others_go_on(outlet) -> None:
    (outlet.home / "sources" / "mistaken.yaml").write_text(SOURCE.replace("order_id", "ordre_id"))

    def told() -> str:
        return json.dumps(outlet.admin.call("GET", "importErrors"))

    outlet.until(lambda: "mistaken.yaml" in told(), "the import error", 120)
    assert "did you mean 'order_id'" in told()
    assert outlet.finish("ingest_outlet")[1] == "success"
