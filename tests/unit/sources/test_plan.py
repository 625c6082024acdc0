"""What the statement leaves out: texts that leave as they came, and conditions that every row is held against already."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import SourceError
from marketflow.sources import Source, load_source
from marketflow.sources.mapping import Mapper, Part, Portion, database
from marketflow.sources.mapping.plan import plan
from marketflow.sources.readers.block import Block

LATEST = dt.datetime(2018, 1, 3, tzinfo=dt.UTC)
SHOP = """
title: Flat export
owner: Tests
from: {folder: flat, files: "*.csv"}
time_zone: UTC
times: "%Y-%m-%d"
schedule: null
format: {empty: ["", "-"]}
records:
  orders:
    columns:
      order_id: Invoice
      kind: {from: Invoice, match: {"C.*": cancellation}, otherwise: sale}
      customer_id: Customer
      product_id: Code
      quantity: Quantity
      amount: {multiply: [Quantity, Price]}
      currency: {constant: GBP}
      ordered_at: Day
  products:
    columns: {product_id: Code, product_name: Name}
  customers:
    columns: {customer_id: Customer, country: {from: Country, replace: {England: GB, Nowhere: null}}}
"""
HEADER = ("Invoice", "Customer", "Code", "Name", "Quantity", "Price", "Day", "Country")
GOOD = dict(zip(HEADER, ("1", "c", "p", "Pan", "2", "1.50", "2017-12-31", "England"), strict=True))


@pytest.fixture
def shop(tmp_path: Path) -> Source:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return load_source(path)


def portion(source: Source, scratch: Path, *rows: dict[str, str | None]) -> Portion:
    import pyarrow as pa

    table = pa.table({c: pa.array([(GOOD | row)[c] for row in rows], pa.string()) for c in HEADER})
    block = Block(numbers=pa.array(range(1, len(rows) + 1), pa.int32()), rows=table)
    with database(scratch) as con:
        keys = KeyRing.from_json(generate_key_ring())
        mapper = Mapper(con, source, HEADER, keys=keys, latest=LATEST, country="GB")
        return mapper.map(1, [Part(file_id=1, version_at=LATEST, block=block)])


def test_texts_that_are_a_column_of_the_source_do_not_pass_through_duckdb(shop: Source) -> None:
    made = plan(shop, HEADER, LATEST)
    assert made.as_is == {
        "orders.order_ref": "Invoice", "orders.customer_ref": "Customer", "orders.product_ref": "Code",
        "products.product_ref": "Code", "products.product_name": "Name", "customers.customer_ref": "Customer",
    }  # fmt: skip
    results = made.sql.split(" FROM ")[0]
    assert not [target for target in made.as_is if f'AS "{target}"' in results]


@pytest.mark.parametrize("word", ["", "-", None])
def test_words_for_nothing_are_nothing_in_them(shop: Source, tmp_path: Path, word: str | None) -> None:
    made = portion(shop, tmp_path, {}, {"Customer": word, "Name": word}, {"Customer": "--"})
    assert made.copies["orders"]["customer_ref"].to_pylist() == ["c", None, "--"]
    assert made.copies["products"]["product_name"].to_pylist() == ["Pan", None]
    assert made.copies["customers"]["customer_ref"].to_pylist() == ["c", "--"]
    assert not made.bad


def test_a_condition_is_held_once_where_two_columns_are_the_same(shop: Source) -> None:
    judged = plan(shop, HEADER, LATEST).sql.split("THEN NULL::INTEGER")[0]
    assert 'length("orders.product_id$")' in judged
    assert 'length("products.product_id$")' not in judged
    assert "{1,3}0{0,9}" in judged  # the quantity's three decimals prove the factor's six
    assert "regexp_full_match(c3" not in judged
    assert "[A-Z]" not in judged  # nor can a translated country or a constant currency be anything else


def test_what_is_not_looked_at_twice_is_told_all_the_same(shop: Source, tmp_path: Path) -> None:
    long = "x" * 65
    rows = ({"Code": long}, {"Quantity": "1.1234567"}, {"Quantity": "one"}, {"Price": "1.1234567"}, {"Country": "Mars"})
    assert [(bad.column, bad.reason) for bad in portion(shop, tmp_path, *rows, {}).bad] == [
        ("product_id", "product_id is longer than 64 characters"),
        ("quantity", "quantity has too many digits (at most 3 after the point)"),
        ("quantity", "quantity is not a number"),
        ("amount", "Price has too many digits (at most 6 after the point)"),
        ("country", "country: the word is not under replace"),
    ]


def test_a_record_that_not_every_row_yields_proves_nothing_for_others(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    when = "  orders:\n    when: {column: Country, is: [England]}\n"
    path.write_text(SHOP.replace("  orders:\n", when))
    source = load_source(path)
    assert 'length("products.product_id$")' in plan(source, HEADER, LATEST).sql.split("THEN NULL::INTEGER")[0]
    (bad,) = portion(source, tmp_path, {"Code": "x" * 65, "Country": "Nowhere"}).bad
    assert (bad.record, bad.column) == ("products", "product_id")


def test_a_constant_that_breaks_a_rule_is_still_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP.replace("product_name: Name", f"product_name: {{constant: {'x' * 501}}}"))
    bad = portion(load_source(path), tmp_path, {}).bad
    assert [b.reason for b in bad] == ["product_name is longer than 500 characters"]


@pytest.mark.parametrize("half", ["_run", "_make"])
def test_words_of_duckdb_do_not_come_along(
    shop: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    """They may be a row's values, and who logs an error logs what it came of."""
    import duckdb

    def fail(*_: object) -> None:
        with duckdb.connect(":memory:") as con:
            con.execute("SELECT CAST('anna@example.org' AS INTEGER)")

    monkeypatch.setattr(Mapper, half, fail)
    with pytest.raises(SourceError) as caught:
        portion(shop, tmp_path, {})
    assert str(caught.value) == "the rows cannot be judged (ConversionException)"
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
