"""Every bad row ends in quarantine with its reason, its file and its number; its neighbours arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from landing_files import ORDER, as_csv, write
from marketflow.privacy import QUARANTINE, KeyRing

from .conftest import Rows, Take

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
    ({"ordered_at": "2017-12-31T10:00:00"}, "ordered_at", "ordered_at is not a time with an offset (ISO 8601)"),
    ({"ordered_at": "tomorrow"}, "ordered_at", "ordered_at is not a time with an offset (ISO 8601)"),
    ({"ordered_at": "2017-02-30T10:00:00Z"}, "ordered_at", "ordered_at is not a time that exists"),
    ({"ordered_at": "0001-01-01T00:00:00+00:00"}, "ordered_at", "ordered_at is before 2000-01-01"),
    ({"ordered_at": "9999-12-31T23:59:59Z"}, "ordered_at", "ordered_at is more than 2 days after the business day"),
    ({"ordered_at": "2018-01-03T05:00:00Z"}, "ordered_at", "ordered_at is more than 2 days after the business day"),
]


@pytest.mark.parametrize(("change", "column", "reason"), ORDERS, ids=[r for _, _, r in ORDERS])
def test_a_bad_order_line(
    *, landing: Path, take: Take, rows: Rows, keys: KeyRing, change: dict[str, str], column: str, reason: str
) -> None:
    bad = as_csv("orders", change).removeprefix(HEADER)
    write(landing, "orders/day.csv", HEADER + GOOD_1 + bad + GOOD_2)
    summary = take("orders")
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT record_no, order_ref FROM raw.order_lines ORDER BY 1") == [(1, "good-1"), (3, "good-2")]
    ((found_reason, found_column, number, path, payload, size),) = rows(
        "SELECT q.reason, q.column_name, q.record_no, f.path, q.payload, q.payload_bytes"
        " FROM ops.quarantine AS q JOIN ops.landing_files AS f USING (file_id)"
    )
    assert (found_reason, found_column, number, path) == (reason, column, 2, "orders/day.csv")
    assert keys.decrypt(payload, QUARANTINE) == bad
    assert size == len(bad)


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
    ((found, column, number, payload, size),) = rows(
        "SELECT reason, column_name, record_no, payload, payload_bytes FROM ops.quarantine"
    )
    assert (found, column, number, size) == (reason, None, 2, len(damage))
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
    ("behaviour", {"event_type": "opened"}, "event_type is none of: campaign_received, coupon_redeemed"),
    ("behaviour", {"event_id": ""}, "event_id is missing"),
    ("behaviour", {"occurred_at": "2017-12-30"}, "occurred_at is not a time with an offset (ISO 8601)"),
    ("products", {"department": ""}, "department is missing"),
    ("products", {"category": "x" * 101}, "category is longer than 100 characters"),
    ("customers", {"customer_id": ""}, "customer_id is missing"),
    ("customers", {"time_zone": "Mars/Olympus"}, "time_zone is not a time zone"),
    ("customers", {"time_zone": "'; DROP TABLE raw.customers"}, "time_zone is not a time zone"),
    ("customers", {"locale": "English"}, "locale is not a language tag such as en-US (BCP 47)"),
    ("customers", {"country": "usa"}, "country is longer than 2 characters"),
    ("customers", {"email_consent": "maybe"}, "email_consent is neither true nor false"),
    ("customers", {"consent_at": ""}, "consent_at is missing although email_consent is yes"),
    ("customers", {"given_name": "x" * 201}, "given_name is longer than 200 characters"),
    ("customers", {"is_simulated": "2"}, "is_simulated is neither true nor false"),
]


@pytest.mark.parametrize(("record", "change", "reason"), OTHERS, ids=[f"{r}: {x}" for r, _, x in OTHERS])
def test_a_bad_row_of_another_record(
    *, landing: Path, take: Take, rows: Rows, record: str, change: dict[str, str], reason: str
) -> None:
    write(landing, f"{record}/a.csv", as_csv(record, {}, change, {}))
    summary = take(record)
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT reason, record_no, record FROM ops.quarantine") == [(reason, 2, record)]
