"""Every bad row ends in quarantine with its reason, its file and its number; its neighbours arrive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from landing_files import GOOD, ORDER, as_csv, write
from marketflow.privacy import QUARANTINE, KeyRing

from .conftest import Rows, Take, Write

HEADER = ",".join(ORDER).encode() + b"\n"
GOOD_1 = b"good-1,c1,s1,p1,1,2.50,0.00,0.10,USD,2017-12-31T10:00:00-05:00\n"
GOOD_2 = b"good-2,,,p2,0,-1,,,EUR,2017-12-31 10:00:00.5Z\n"

ORDERS = [
    ({"order_id": ""}, "order_id", "order_id is missing"),
    ({"product_id": "  "}, "product_id", "product_id is missing"),
    ({"quantity": ""}, "quantity", "quantity is missing"),
    ({"ordered_at": ""}, "ordered_at", "ordered_at is missing"),
    ({"quantity": "-1"}, "quantity", "negative quantity"),
    ({"quantity": "1.0005"}, "quantity", "quantity has too many digits (at most 3 after the point)"),
    ({"quantity": "100000000"}, "quantity", "quantity is above 99999999"),
    ({"amount": "two dollars"}, "amount", "amount is not a number"),
    ({"amount": "NaN"}, "amount", "amount is not a number"),
    ({"amount": "1e3"}, "amount", "amount is not a number"),
    ({"amount": "٣"}, "amount", "amount is not a number"),
    ({"amount": "1.005"}, "amount", "amount has too many digits (at most 2 after the point)"),
    ({"amount": "9" * 500}, "amount", "amount has too many digits (at most 2 after the point)"),
    ({"retail_discount": "-0.5"}, "retail_discount", "negative retail_discount"),
    ({"currency": "dollars"}, "currency", "currency is longer than 3 characters"),
    ({"currency": "usd"}, "currency", "currency is not three capital letters (ISO 4217)"),
    ({"order_id": "x" * 65}, "order_id", "order_id is longer than 64 characters"),
    ({"ordered_at": "2017-12-31T10:00:00"}, "ordered_at", "ordered_at has no zone and the source names none"),
    ({"ordered_at": "2017-12-31T10:00:00-05"}, "ordered_at", "ordered_at is not a time with an offset (ISO 8601)"),
    ({"ordered_at": "2017-12-31"}, "ordered_at", "ordered_at is not a time with an offset (ISO 8601)"),
    ({"ordered_at": "tomorrow"}, "ordered_at", "ordered_at is not a time with an offset (ISO 8601)"),
    ({"ordered_at": "2017-02-30T10:00:00Z"}, "ordered_at", "ordered_at is not a time that exists"),
    ({"ordered_at": "0001-01-01T00:00:00+00:00"}, "ordered_at", "ordered_at is before 1990-01-01"),
    ({"ordered_at": "9999-12-31T23:59:59Z"}, "ordered_at", "ordered_at is more than 2 days after the business day"),
    ({"ordered_at": "2018-01-03T05:00:00Z"}, "ordered_at", "ordered_at is more than 2 days after the business day"),
]


@pytest.mark.parametrize(("change", "column", "reason"), ORDERS, ids=[r for _, _, r in ORDERS])
def test_a_bad_order_line(
    *, landing: Path, take: Take, rows: Rows, keys: KeyRing, change: dict[str, str], column: str, reason: str
) -> None:
    bad = as_csv("orders", change).removeprefix(HEADER)
    fields = json.dumps({**ORDER, **change}, separators=(",", ":"), ensure_ascii=False).encode()
    write(landing, "orders/day.csv", HEADER + GOOD_1 + bad + GOOD_2)
    summary = take("orders")
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT record_no, order_ref FROM raw.order_lines ORDER BY 1") == [(1, "good-1"), (3, "good-2")]
    ((found_reason, found_column, number, path, payload, size, kind),) = rows(
        "SELECT q.reason, q.column_name, q.record_no, f.path, q.payload, q.payload_bytes, q.payload_kind"
        " FROM ops.quarantine AS q JOIN ops.landing_files AS f USING (file_id)"
    )
    assert (found_reason, found_column, number, path) == (reason, column, 2, "orders/day.csv")
    assert (keys.decrypt(payload, QUARANTINE), size, kind) == (fields, len(fields), "fields")


DAMAGE = [
    (b"o,c,s,p,1\n", "5 fields instead of 10"),
    (b"o,c,s,p,1,1,0,0,USD,2017-12-31T10:00:00Z,more\n", "11 fields instead of 10"),
    (b"o\xff,c,s,p,1,1,0,0,USD,2017-12-31T10:00:00Z\n", "the record is not UTF-8"),
    (b"o\0,c,s,p,1,1,0,0,USD,2017-12-31T10:00:00Z\n", "the record holds a NUL byte"),
    (b'"o,c,s,p,1,1,0,0,USD,2017-12-31T10:00:00Z\n', "a quote is never closed"),
    (b"o,c,s," + b"x" * (10 << 20) + b",1,1,0,0,USD,2017-12-31T10:00:00Z\n", "the record is longer than 1 MiB"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGE, ids=[r for _, r in DAMAGE])
def test_damage_in_the_middle_of_a_file(
    *, landing: Path, take: Take, rows: Rows, keys: KeyRing, damage: bytes, reason: str
) -> None:
    write(landing, "orders/day.csv", HEADER + GOOD_1 + damage + GOOD_2)
    summary = take("orders")
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT order_ref FROM raw.order_lines ORDER BY 1") == [("good-1",), ("good-2",)]
    ((found, column, number, payload, size, kind),) = rows(
        "SELECT reason, column_name, record_no, payload, payload_bytes, payload_kind FROM ops.quarantine"
    )
    assert (found, column, number, size, kind) == (reason, None, 2, len(damage), "bytes")
    assert keys.decrypt(payload, QUARANTINE) == damage[:65_536]


@pytest.mark.parametrize("cut", [10, 30, 60])
def test_a_truncated_file_loses_only_its_last_record(landing: Path, take: Take, rows: Rows, cut: int) -> None:
    write(landing, "orders/day.csv", (HEADER + GOOD_2 + GOOD_1)[:-cut])
    assert take("orders").loaded == 1
    ((reason,),) = rows("SELECT reason FROM ops.quarantine")
    assert reason.startswith("truncated: the file ends within this record")


def test_a_last_record_without_line_end_is_loaded_and_noted(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/day.csv", (HEADER + GOOD_1)[:-1])
    assert take("orders").loaded == 1
    ((state, reason),) = rows("SELECT state, reason FROM ops.landing_files")
    assert state == "loaded"
    assert "does not end with a line end" in reason


def test_values_arrive_as_they_are_meant(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/a.csv", HEADER + GOOD_1.replace(b"2.50", b"2.500") + GOOD_2)
    write(landing, "orders/b.csv", HEADER + GOOD_1.replace(b"good-1", b'"o ""1"", {{ 7*7 }}"').replace(b"\n", b"\r\n"))
    assert take("orders").loaded == 3
    found = rows(
        "SELECT order_ref, quantity, amount, retail_discount, ordered_at::text FROM raw.order_lines ORDER BY 5, 1"
    )
    assert [(o, str(q), str(a), str(d)) for o, q, a, d, _ in found] == [
        ("good-2", "0.000", "-1.00", "0.00"),
        ("good-1", "1.000", "2.50", "0.00"),
        ('o "1", {{ 7*7 }}', "1.000", "2.50", "0.00"),
    ]


OTHERS = [
    ("behaviour", {"event_type": ""}, "event_type is missing"),
    ("behaviour", {"event_id": "x" * 201}, "event_id is longer than 200 characters"),
    ("behaviour", {"event_id": ""}, "event_id is missing"),
    ("behaviour", {"occurred_at": "2017-12-30"}, "occurred_at is not a time with an offset (ISO 8601)"),
    ("behaviour", {"properties": "{}" * 20_000}, "properties is longer than 32768 bytes"),
    ("behaviour", {"properties": '{"a":' * 5_000 + "1" + "}" * 5_000}, "properties is nested more than 32 deep"),
    ("behaviour", {"properties": "[1]"}, "properties is not a JSON object"),
    ("behaviour", {"properties": '{"a": NaN}'}, "properties is not JSON"),
    ("behaviour", {"properties": '{"a": 1,}'}, "properties is not JSON"),
    ("behaviour", {"properties": r'{"a": "\ud800"}'}, "properties is not JSON"),
    ("behaviour", {"properties": r'{"a": "x\u0000y"}'}, "properties holds a NUL character"),
    ("behaviour", {"properties": '{"a": 1e999999}'}, "properties holds a number that is too large"),
    (
        "products",
        {"product_url": "javascript:alert(1)"},
        "product_url is not an address that begins with http:// or https://",
    ),
    ("products", {"category": "x" * 101}, "category is longer than 100 characters"),
    (
        "products",
        {"availability": "sold out"},
        "availability is none of: in_stock, out_of_stock, preorder, backorder, available_for_order, discontinued",
    ),
    ("products", {"list_price": "-1"}, "negative list_price"),
    ("customers", {"customer_id": ""}, "customer_id is missing"),
    ("customers", {"time_zone": "Mars/Olympus"}, "time_zone is not a time zone"),
    ("customers", {"time_zone": "'; DROP TABLE raw.customers"}, "time_zone is not a time zone"),
    ("customers", {"locale": "English"}, "locale is not a language tag such as en-US (BCP 47)"),
    ("customers", {"country": "usa"}, "country is longer than 2 characters"),
    ("customers", {"email_consent": "maybe"}, "email_consent is neither true nor false"),
    ("customers", {"consent_at": ""}, "consent_at is missing although email_consent is yes"),
    ("customers", {"given_name": "x" * 201}, "given_name is longer than 200 characters"),
    ("customers", {"birth_date": "1899-12-31"}, "birth_date is before 1900-01-01"),
    ("customers", {"birth_date": "1980-02-30"}, "birth_date is not a day that exists"),
    ("customers", {"birth_date": "30.2.1980"}, "birth_date is not a day (ISO 8601)"),
    ("customers", {"is_simulated": "2"}, "is_simulated is neither true nor false"),
]


@pytest.mark.parametrize(("record", "change", "reason"), OTHERS, ids=[f"{r}: {x}" for r, _, x in OTHERS])
def test_a_bad_row_of_another_record(
    *, landing: Path, take: Take, rows: Rows, record: str, change: dict[str, str], reason: str
) -> None:
    header = list(dict.fromkeys([*GOOD[record], *change]))
    write(
        landing,
        f"{record}/a.csv",
        as_csv(record, *({**dict.fromkeys(change, ""), **GOOD[record], **c} for c in ({}, change, {})), header=header),
    )
    summary = take(record)
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT reason, record_no, record FROM ops.quarantine") == [(reason, 2, record)]


def test_words_of_feeds_are_taken_in_whatever_spelling(landing: Path, take: Take, rows: Rows) -> None:
    """Google writes out_of_stock, Meta out of stock; an empty field says nothing."""
    words = [
        "in_stock",
        "In Stock",
        "OUT OF STOCK",
        "out-of-stock",
        " Discontinued ",
        "PreOrder",
        "in__stock",
        "instock",
        "",
    ]
    changes = [{"product_id": str(n), "availability": word} for n, word in enumerate(words)]
    write(landing, "products/a.csv", as_csv("products", *changes, header=[*GOOD["products"], "availability"]))
    summary = take("products")
    assert (summary.loaded, summary.quarantined) == (7, 2)
    assert rows("SELECT availability FROM raw.products ORDER BY product_ref") == [
        ("in_stock",), ("in_stock",), ("out_of_stock",), ("out_of_stock",), ("discontinued",), ("preorder",), (None,)
    ]  # fmt: skip


def test_a_source_may_have_other_words_for_them(landing: Path, take: Take, rows: Rows, source: Write) -> None:
    shop = source(
        "shop",
        "from: {folder: flat, files: '*.csv'}\n"
        "records:\n  products:\n    columns:\n      product_id: id\n"
        "      availability: {from: stock, replace: {Sold Out: out_of_stock, '5': in_stock}}\n",
    )
    write(landing, "flat/a.csv", b"id,stock\na,Sold Out\nb,5\nc,out_of_stock\n")
    assert take(shop).quarantined == 1
    assert rows("SELECT availability FROM raw.products ORDER BY product_ref") == [("out_of_stock",), ("in_stock",)]
