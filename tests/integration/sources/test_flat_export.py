"""An export in which every row is an order line becomes orders, products and customers by one source file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from landing_files import write
from marketflow.sources import Source

from .conftest import Rows, Take, Write

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
FLAT = """\
from: {folder: flat, files: "*.csv"}
times: "%m/%d/%Y %H:%M"
time_zone: Europe/London
records:
  orders:
    columns:
      order_id: Invoice
      kind: {from: Invoice, match: {"C.*": cancellation}, otherwise: sale}
      customer_id: Customer ID
      product_id: StockCode
      quantity: Quantity
      amount: {multiply: [Quantity, Price]}
      currency: {constant: GBP}
      ordered_at: InvoiceDate
  products:
    columns: {product_id: StockCode, product_name: Description}
  customers:
    columns:
      customer_id: Customer ID
      country: {from: Country, replace: {United Kingdom: GB, EIRE: IE, France: FR}}
"""
LINES = [
    '536365,85123A,"WHITE HANGING HEART, T-LIGHT",6,12/1/2010 8:26,2.55,17850,United Kingdom',
    "536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom",
    "536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom",  # legitimate: the same line again
    "C536379,D,Discount,-1,12/1/2010 9:41,27.50,14527,United Kingdom",
    "536414,22139,,56,12/1/2010 11:52,0,,United Kingdom",  # a guest, no description, no price
    "536540,22968,CLOCK,-1,12/1/2010 14:05,4.25,14911,EIRE",  # a sale of less than nothing
    "536541,22968,CLOCK,1,12/1/2010 14:06,4.25,14912,Atlantis",
    "536542,85123A,CREAM HANGING HEART,1,3/27/2011 1:30,2.55,12682,France",  # the clock was put forward
    "536543,22968,CLOCK,1,10/30/2011 1:30,4.25,12682,France",  # comes twice: the first is meant
]


@pytest.fixture
def flat(source: Write) -> Source:
    return source("web_shop", FLAT)


def test_every_line_is_accounted_for(landing: Path, take: Take, rows: Rows, flat: Source) -> None:
    write(landing, "flat/2010.csv", (HEADER + "\n".join(LINES) + "\n").encode())
    summary = take(flat)
    assert (summary.read, summary.loaded, summary.quarantined) == (9, 6, 3)
    assert summary.records == {"orders": 6, "products": 5, "customers": 3}
    assert rows("SELECT record_no, record, reason FROM ops.quarantine ORDER BY 1") == [
        (6, "orders", "negative quantity"),
        (7, "customers", "country: the word is not under replace"),
        (8, "orders", "ordered_at does not exist: the clock was put forward in Europe/London"),
    ]
    assert rows(
        "SELECT record_no, order_ref, kind, customer_ref, product_ref, quantity, amount, currency, ordered_at"
        " FROM raw.order_lines ORDER BY 1"
    ) == [
        (1, "536365", "sale", "17850", "85123A", Decimal(6), Decimal("15.30"), "GBP", at(2010, 12, 1, 8, 26)),
        (2, "536365", "sale", "17850", "71053", Decimal(6), Decimal("20.34"), "GBP", at(2010, 12, 1, 8, 26)),
        (3, "536365", "sale", "17850", "71053", Decimal(6), Decimal("20.34"), "GBP", at(2010, 12, 1, 8, 26)),
        (4, "C536379", "cancellation", "14527", "D", Decimal(-1), Decimal("-27.50"), "GBP", at(2010, 12, 1, 9, 41)),
        (5, "536414", "sale", None, "22139", Decimal(56), Decimal("0.00"), "GBP", at(2010, 12, 1, 11, 52)),
        (9, "536543", "sale", "12682", "22968", Decimal(1), Decimal("4.25"), "GBP", at(2011, 10, 30, 0, 30)),
    ]


def test_what_is_the_same_in_many_rows_is_stored_once_per_file(
    landing: Path, take: Take, rows: Rows, flat: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketflow.sources.readers.delimited.BLOCK_ROWS", 2)
    monkeypatch.setattr("marketflow.sources.load.BLOCK_ROWS", 2)
    write(landing, "flat/1.csv", (HEADER + "\n".join(LINES) + "\n").encode())
    write(landing, "flat/2.csv", (HEADER + "\n".join(LINES[:2]) + "\n").encode())
    assert take(flat).records == {"orders": 8, "products": 7, "customers": 4}
    assert rows("SELECT product_ref, product_name FROM raw.products ORDER BY file_id, record_no") == [
        ("85123A", "WHITE HANGING HEART, T-LIGHT"), ("71053", "WHITE METAL LANTERN"), ("D", "Discount"),
        ("22139", None), ("22968", "CLOCK"), ("85123A", "WHITE HANGING HEART, T-LIGHT"), ("71053", "WHITE METAL LANTERN"),
    ]  # fmt: skip
    assert rows("SELECT customer_ref, country, record_no FROM raw.customers ORDER BY file_id, record_no") == [
        ("17850", "GB", 1), ("14527", "GB", 4), ("12682", "FR", 9), ("17850", "GB", 1),
    ]  # fmt: skip


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]
