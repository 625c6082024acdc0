"""Numbers as people write them: what is read, and what is not a number."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from marketflow.sources.contracts import contract_of
from marketflow.sources.definition import ColumnMapping, Source
from marketflow.sources.mapping.kinds import number_pattern
from marketflow.sources.mapping.texts import text_of

PRICE = contract_of("products").column("list_price")
PLAIN = {
    "title": "abc",
    "owner": "a",
    "from": {"folder": "a"},
    "schedule": None,
    "records": {"products": {}},
    "name": "a",
}


def read(text: str, decimal: str, thousands: str) -> Decimal | None:
    source = Source.model_validate({**PLAIN, "decimal": decimal, "thousands": thousands})
    made = text_of(source, PRICE, ColumnMapping.model_validate("x"), {"x": "c0"})
    row = duckdb.execute(
        f"SELECT CASE WHEN regexp_full_match({made.sql}, '{number_pattern(2)}') THEN TRY_CAST({made.sql} AS DECIMAL(13, 2)) END"
        " FROM (SELECT ? AS c0)", [text],
    ).fetchone()  # fmt: skip
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value"),
    [
        ("1234.5", ".", "", "1234.5"), ("1,234.50", ".", ",", "1234.50"), ("1234.50", ".", ",", "1234.50"),
        ("1.234,50", ",", ".", "1234.50"), ("-1.234.567,5", ",", ".", "-1234567.5"), ("0,5", ",", ".", "0.5"),
        ("12.50", ",", ".", None), ("1.2345", ",", ".", None), ("1,234", ".", "", None), ("1.234", ",", "", None),
        ("1 234,50", ",", " ", "1234.50"), ("1'234.50", ".", "'", "1234.50"), ("1.5", ",", " ", None),
        ("1,5", ",", "", "1.5"), ("1,,5", ",", "", None), ("1,234,56", ".", ",", None), ("^1", ".", "^", None),
        ("1e3", ".", "", None), ("0x1F", ".", "", None), ("NaN", ".", "", None), ("1_000", ".", "", None),
        ("+1", ".", "", None), (".5", ".", "", None), ("5.", ".", "", None), (" 1", ".", "", None),
        ("٣", ".", "", None), ("1.5000", ".", "", "1.50"), ("1.505", ".", "", None), ("--1", ".", "", None),
        ("99999999999", ".", "", "99999999999"), ("999999999999", ".", "", None), ("1]2", ".", "]", None),
    ],
)  # fmt: skip
def test_numbers(text: str, decimal: str, thousands: str, value: str | None) -> None:
    assert read(text, decimal, thousands) == (None if value is None else Decimal(value))
