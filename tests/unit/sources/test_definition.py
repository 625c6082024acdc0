"""A source file: what is right loads fast, what is wrong says where, and which word was meant."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from marketflow.shared import DefinitionError
from marketflow.sources import find_sources, load_source, load_sources
from marketflow.sources.definition import source_schema
from marketflow.sources.definition.model import schema_text

GOOD = """\
title: Web shop, order lines
owner: Data team
from: {folder: web_shop, files: "*.csv"}
format: {type: csv, encoding: windows-1252, delimiter: ";"}
decimal: ","
times: "%d.%m.%Y %H:%M"
time_zone: Europe/London
schedule: "*/15 * * * *"
records:
  orders:
    columns:
      order_id: Invoice
      kind: {from: Invoice, match: {"C.*": cancellation}, otherwise: sale}
      customer_id: Customer
      product_id: Article
      quantity: Quantity
      amount: {multiply: [Quantity, Price]}
      currency: {constant: GBP}
      ordered_at: {join: [Date, Time], with: " "}
  customers:
    columns:
      customer_id: Customer
      country: {from: Country, replace: {United Kingdom: GB}, otherwise: null}
"""
WRONG = [
    ("owner: D", "ownr: D", ":2: ownr: there is no such field; did you mean 'owner'?"),
    ("owner: Data team\n", "", ":1: owner: is missing"),
    ("folder: web_shop", "foldr: web_shop", ":3: from.foldr: there is no such field; did you mean 'folder'?"),
    ("folder: web_shop", "folder: ../web", ":3: from.folder: must be a folder below the landing folder"),
    ("folder: web_shop", "folder: a, url: s3://b", ":3: from: give exactly one of folder, url, sql, collector"),
    ("folder: web_shop", "url: ftp://b", ":3: from.url: begins with none of s3://, gs://, abfs://, file://"),
    ("type: csv", "type: cvs", ":4: format.type: 'cvs' is not one of csv, jsonl, parquet; did you mean 'csv'?"),
    ("type: csv", "type: parquet", ":4: format.encoding: is for csv only, and the type is parquet"),
    ("windows-1252", "windoze", ":4: format.encoding: 'windoze' is not an encoding of texts that Python knows"),
    ("windows-1252", "rot13", ":4: format.encoding: 'rot13' is not an encoding of texts that Python knows"),
    ('delimiter: ";"', 'delimiter: ";;"', ":4: format.delimiter: must be one character"),
    ('decimal: ","', 'decimal: ";"', ":5: decimal: must be a point or a comma"),
    ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%Q", ":6: times: %Q is no format code that is known here"),
    ("%d.%m.%Y %H:%M", "%H:%M", ":6: times: the format must give year, month and day"),
    ("Europe/London", "Europe/Lodnon", ":7: time_zone: 'Europe/Lodnon' is not a time zone"),
    ("time_zone: Europe/London\n", "", ":18: records.orders.columns.ordered_at: the format has no %z and no time_zone"),
    ('"*/15 * * * *"', "hourly", ":8: schedule: is not a cron expression of five fields"),
    ("  orders:", "  ordrs:", ":10: records.ordrs: there is no such record; did you mean 'orders'?"),
    ("order_id: Inv", "ordr_id: Inv", ":12: records.orders.columns.ordr_id: orders has no such column; did you mean 'order_id'?"),
    ("      order_id: Invoice\n", "", ":11: records.orders.columns: order_id is missing: orders need it"),
    ("multiply:", "multply:", ":17: records.orders.columns.amount.multply: there is no such field; did you mean 'multiply'?"),
    ("{constant: GBP}", "{constant: GBP, from: X}", ":18: records.orders.columns.currency: give exactly one of from, path, constant"),
    ("{constant: GBP}", "{constant: pound}", ":18: records.orders.columns.currency.constant: 'pound' is not three capital letters"),
    ('"C.*": cancellation', '"C.*": cancelation', "match.C.*: 'cancelation' is not one of sale, return, cancellation; did you mean 'cancellation'?"),
    ('"C.*"', '"(?=C).*"', ":13: records.orders.columns.kind.match.(?=C).*: the pattern uses what RE2 does not have"),
    ('"C.*"', '"(C"', ":13: records.orders.columns.kind.match.(C: is not a pattern that can be read"),
    ("order_id: Invoice", 'order_id: {from: Invoice, format: "%Y%m%d"}', "order_id.format: is for instant and day columns, and order_id is a text"),
    ("order_id: Invoice", "order_id: {path: a.b}", "order_id.path: is for JSON; a csv has columns: from"),
    ("order_id: Invoice", "order_id: {from: Invoice, otherwise: x}", "order_id.otherwise: goes with match or replace"),
    ("title: Web", "title: W\ntitle: Web", "is not YAML that can be read: title stands twice"),
]  # fmt: skip


def make(folder: Path, text: str = GOOD, name: str = "web_shop") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_source_with_its_defaults(tmp_path: Path) -> None:
    source = load_source(make(tmp_path))
    assert (source.name, source.system, source.primary) == ("web_shop", "web_shop", "orders")
    assert source.used_columns == (
        "Invoice", "Customer", "Article", "Quantity", "Price", "Date", "Time", "Country",
    )  # fmt: skip
    assert source.quality.volume == 0.5
    assert source.format.empty == ("",)
    assert source.records["customers"].columns is not None
    assert source.records["customers"].columns["country"].has_otherwise


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[s[:60] for _, _, s in WRONG])
def test_errors_name_file_line_field_and_the_nearest_word(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(DefinitionError) as info:
        load_source(make(tmp_path, GOOD.replace(old, new, 1)))
    assert said in str(info.value)
    assert str(info.value).startswith(str(tmp_path / "web_shop.yaml"))


@pytest.mark.parametrize("text", ["", "[]", "just words", "\x00", "&a [*a]", "[" * 5000, "- " * 30_000])
def test_what_is_no_source_is_an_error_of_ours(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match="web_shop"):
        load_source(make(tmp_path, text))


def test_a_file_that_is_wrong_does_not_stop_the_others(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, "title: x", "broken")
    make(tmp_path, GOOD, "Bad-Name")
    found = find_sources(tmp_path)
    assert [s.name for s in found.good] == ["web_shop"]
    assert len(found.errors) == 2
    with pytest.raises(DefinitionError, match="small letters"):
        load_sources(tmp_path)


def test_sql_sources_name_table_or_query_and_their_bounds(tmp_path: Path) -> None:
    text = GOOD.replace('{folder: web_shop, files: "*.csv"}', "{sql: {connection: db, watermark: at, WHAT}}")
    text = text.replace('format: {type: csv, encoding: windows-1252, delimiter: ";"}\n', "")
    window = "query: SELECT 1 WHERE at > :since AND at <= :until"
    assert load_source(make(tmp_path, text.replace("WHAT", window))).from_.sql
    for what, said in (
        ("table: public.orders", "from.sql.table: gives the lines that changed, and an order must come whole"),
        ("lag_seconds: 5", "give exactly one of table, query"),
        ("query: SELECT 1", "the query must use :since and :until"),
    ):
        with pytest.raises(DefinitionError, match=said):
            load_source(make(tmp_path, text.replace("WHAT", what)))


def test_the_shipped_sources() -> None:
    shipped = {s.name: s for s in load_sources()}
    assert {"orders", "customers", "products", "behaviour"} <= set(shipped)
    assert {shipped[n].system for n in ("orders", "customers", "products", "behaviour")} == {"shop"}


def test_the_schema_file_is_the_model_s() -> None:
    """After a change: python -m marketflow.sources.definition > include/sources/source.schema.json."""
    assert (ROOT / "include/sources/source.schema.json").read_text() == schema_text()
    assert "description" in source_schema()["properties"]["time_zone"]
    assert {"from", "records"} <= set(source_schema()["required"])
    done = subprocess.run(
        [sys.executable, "-m", "marketflow.sources.definition"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == source_schema()


def test_loading_needs_no_heavy_library_and_little_time(tmp_path: Path) -> None:
    """A DAG file loads all sources each time that it is parsed."""
    code = (
        "import sys; from marketflow.sources import load_sources; load_sources();"
        "print(sorted({'duckdb', 'pyarrow', 'pandas', 'phonenumbers', 'great_expectations'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for n in range(10):
        make(tmp_path, name=f"source_{n}")
    started = time.process_time()
    load_sources(tmp_path)
    assert time.process_time() - started < 0.5  # 15 ms on a quiet machine
