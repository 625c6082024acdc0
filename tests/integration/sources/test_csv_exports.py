"""Exports as people have them: each fault is stored with its reason, and the rows beside it arrive."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from landing_files import as_csv, write
from marketflow.privacy import BIRTH_DATE, PHONE, QUARANTINE, KeyRing
from marketflow.shared import ConfigurationError

from .conftest import Rows, Take, Write

FEEDBACK = """\
from: {folder: flat, files: "*.csv"}
time_zone: Europe/Berlin
records:
  feedback:
    columns: {feedback_id: id, rating: mark, rating_max: {constant: 10}, given_at: at, channel: channel}
"""
ROWS = "1,8,2017-10-01 12:00:00,survey\n{}\n3,9,2017-10-01T12:00:00+00:00,survey\n"


def feedback(landing: Path, line: str, more: str = "") -> None:
    write(landing, "flat/a.csv", ("id,mark,at,channel\n" + ROWS.format(line) + more).encode())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2,11,2017-10-01 12:00:00,survey", "rating is above rating_max"),
        ("2,,2017-10-01 12:00:00,survey", "neither rating nor text is given"),
        ("2,8,2017-03-26 02:30:00,survey", "given_at does not exist: the clock was put forward in Europe/Berlin"),
        ("2,8,2017-02-30 02:30:00,survey", "given_at is not a time that exists"),
        ("2,8,2017-10-01,survey", "given_at is not a time (ISO 8601)"),
        ("2,8,2018-01-03 12:00:00,survey", "given_at is more than 2 days after the business day"),
        ("id,mark,at,channel", "the header stands here again"),
    ],
)
def test_a_bad_row_and_its_neighbours(
    *, landing: Path, take: Take, rows: Rows, source: Write, line: str, reason: str
) -> None:
    feedback(landing, line)
    summary = take(source("opinions", FEEDBACK))
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows("SELECT record_no, reason FROM ops.quarantine") == [(2, reason)]
    assert rows("SELECT feedback_ref, rating, rating_max, given_at FROM raw.feedback ORDER BY record_no") == [
        ("1", Decimal(8), Decimal(10), dt.datetime(2017, 10, 1, 10, tzinfo=dt.UTC)),
        ("3", Decimal(9), Decimal(10), dt.datetime(2017, 10, 1, 12, tzinfo=dt.UTC)),
    ]


def test_a_time_without_a_zone_is_a_fault_unless_the_source_names_one(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    feedback(landing, "2,8,2017-10-01T12:00:00Z,survey")
    assert take(source("opinions", FEEDBACK.replace("time_zone: Europe/Berlin\n", ""))).loaded == 2
    assert rows("SELECT record_no, reason FROM ops.quarantine") == [
        (1, "given_at has no zone and the source names none")
    ]


def test_a_clock_one_day_ahead_is_believed_and_one_week_is_not(landing: Path, take: Take, rows: Rows) -> None:
    ahead = [
        {"order_id": "day", "ordered_at": "2018-01-01T12:00:00Z"},
        {"order_id": "week", "ordered_at": "2018-01-08T12:00:00Z"},
    ]
    write(landing, "orders/a.csv", as_csv("orders", {}, *ahead))
    assert take("orders").loaded == 2
    assert rows("SELECT order_ref FROM raw.order_lines ORDER BY 1") == [("day",), ("o1",)]


GERMAN = """\
from: {folder: flat, files: "*.csv"}
format: {encoding: windows-1252, delimiter: ";", empty: ["", "NULL", "-"]}
decimal: ","
thousands: "."
times: "%d.%m.%Y"
unused: [Bemerkung]
records:
  products:
    columns:
      product_id: Artikel
      product_name: Bezeichnung
      category: {from: Gruppe, default: Sonstiges}
      list_price: Preis
      currency: {constant: EUR}
"""


def test_windows_1252_with_semicolons_decimal_commas_and_words_for_nothing(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    text = (
        "Artikel;Bezeichnung;Gruppe;Preis;Bemerkung\n"
        "1;Löffel, groß;Küche;1.234,50;x\n"
        "2;Kännchen 5€;-;NULL;x\n"
        "3;Topf;;12.50;x\n"
        "4;Pfanne;;12,505;x\n"
        '5;"Zeile eins\nZeile ""zwei""";Küche;0,5;x\n'
    )
    write(landing, "flat/a.csv", text.encode("cp1252") + b"6;\x81;;1;x\n7;Ende;;1;x\n")
    summary = take(source("katalog", GERMAN))
    assert (summary.read, summary.loaded, summary.quarantined) == (7, 4, 3)
    assert rows("SELECT product_ref, product_name, category, list_price FROM raw.products ORDER BY 1") == [
        ("1", "Löffel, groß", "Küche", Decimal("1234.50")),
        ("2", "Kännchen 5€", "Sonstiges", None),
        ("5", 'Zeile eins\nZeile "zwei"', "Küche", Decimal("0.50")),
        ("7", "Ende", "Sonstiges", Decimal("1.00")),
    ]
    assert rows("SELECT record_no, reason, payload_kind FROM ops.quarantine ORDER BY 1") == [
        (3, "list_price is not a number", "fields"),  # and not 1,250
        (4, "list_price has too many digits (at most 2 after the point)", "fields"),
        (6, "the record is not windows-1252", "bytes"),
    ]


def test_a_byte_order_mark_and_quoted_line_ends(landing: Path, take: Take, rows: Rows) -> None:
    data = as_csv(
        "products", {"product_id": "1", "category": "two\nlines"}, {"product_id": "2", "category": "crlf\r\nend"}
    )
    write(landing, "products/a.csv", b"\xef\xbb\xbf" + data)
    assert take("products").loaded == 2
    assert rows("SELECT category FROM raw.products ORDER BY product_ref") == [("two\nlines",), ("crlf\r\nend",)]


def test_a_new_column_stops_the_file_and_says_what_to_do(landing: Path, take: Take, rows: Rows, source: Write) -> None:
    write(landing, "flat/a.csv", b"Artikel;Bezeichnung;Gruppe;Preis;Bemerkung;Farbe\n1;a;b;1;x;rot\n")
    write(landing, "flat/b.csv", b"Artikel;Bezeichnung;Gruppe;Preis;Bemerkung\n1;a;b;1;x\n")
    summary = take(source("katalog", GERMAN))
    assert (summary.refused_files, summary.loaded) == (1, 1)
    assert rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused'") == [
        ("flat/a.csv", "column 'Farbe' is new: map it, or list it under unused")
    ]
    assert take(source("katalog", GERMAN.replace("[Bemerkung]", "any"))).loaded == 1


def test_the_newest_version_is_told_by_the_record_the_name_or_the_clock(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    dated = GERMAN.replace('"*.csv"', '"*.csv", dated: "katalog-%Y-%m-%d.csv"').replace(
        "    columns:\n", "    columns:\n      updated_at: {from: Stand, time_zone: Europe/Berlin}\n"
    )
    head = "Artikel;Bezeichnung;Gruppe;Preis;Bemerkung;Stand\n"
    write(landing, "flat/katalog-2017-12-02.csv", f"{head}1;neu;b;1;x;\n2;neu;b;1;x;05.12.2017\n".encode())
    write(landing, "flat/katalog-2017-12-01.csv", f"{head}1;alt;b;1;x;\n".encode())
    write(landing, "flat/whatever.csv", f"{head}1;alt;b;1;x;\n3;y;b;1;x;\n".encode())
    katalog = source("katalog", dated)
    assert take(katalog).refused_files == 1
    assert rows("SELECT product_name, version_at FROM raw.products ORDER BY version_at") == [
        ("alt", dt.datetime(2017, 12, 1, 5, tzinfo=dt.UTC)),  # the shop's midnight
        ("neu", dt.datetime(2017, 12, 2, 5, tzinfo=dt.UTC)),
        ("neu", dt.datetime(2017, 12, 4, 23, tzinfo=dt.UTC)),
    ]
    assert rows("SELECT reason FROM ops.landing_files WHERE state = 'refused'") == [
        ("the file's name is not of the form katalog-%Y-%m-%d.csv",)
    ]


WHEN = """\
from: {folder: flat, files: "*.csv"}
format: {header: false, columns: [type, id, name, mail, phone, card, born, country]}
records:
  customers:
    when: {column: type, is: [person]}
    columns: {customer_id: id, given_name: name, email: mail, phone: phone, loyalty_number: card, birth_date: born, country: country}
  products:
    when: {column: type, is: product}
    columns: {product_id: id, product_name: name}
"""


def test_rows_of_several_kinds_in_a_file_without_header(
    *, landing: Path, take: Take, rows: Rows, source: Write, keys: KeyRing
) -> None:
    text = (
        "person,1,Ottoline,o@example.com,020 7946 0123,LC-1,1980-05-01,GB\n"
        "product,2,Clock,,,,,\n"
        "other,3,x,,,,,\n"
        "person,4,Otto,nonsense,212-555-0100,,,\n"
        "person,5,Olga,,12,,,FR\n"
        "person,6,Ole,,,,2030-01-01,FR\n"
    )
    write(landing, "flat/a.csv", text.encode())
    summary = take(source("mixed", WHEN))
    assert (summary.read, summary.loaded, summary.records) == (6, 4, {"customers": 3, "products": 1})
    assert rows("SELECT record_no, record, reason FROM ops.quarantine ORDER BY 1") == [
        (3, "customers", "the row gives no record: no `when` holds for it, or the keys are absent"),
        (6, "customers", "birth_date is more than 2 days after the business day"),
    ]
    found = rows(
        "SELECT phone, phone_hash, phone_refusal, email_refusal, birth_date, loyalty_hash FROM raw.customers ORDER BY 1 IS NULL, record_no"
    )
    assert [keys.decrypt_text(p, PHONE) if p else r for p, _, r, *_ in found] == [
        "+442079460123",
        "+12125550100",
        "malformed",
    ]
    assert found[0][1] == keys.keyed_hash("+442079460123")
    assert [r for *_, r, _, _ in found] == [None, "malformed", None]
    assert keys.decrypt_text(found[0][4], BIRTH_DATE) == "1980-05-01"
    assert [h for *_, h in found] == [keys.keyed_hash("LC-1"), None, None]
    ((payload,),) = rows("SELECT payload FROM ops.quarantine WHERE record_no = 3")
    assert json.loads(keys.decrypt(payload, QUARANTINE))["type"] == "other"


def test_a_pattern_that_duckdb_cannot_read_is_an_error_of_the_source(landing: Path, take: Take, source: Write) -> None:
    text = GERMAN.replace(
        "{from: Gruppe, default: Sonstiges}", '{from: Gruppe, match: {"a{1,5000}": x}, otherwise: null}'
    )
    write(landing, "flat/a.csv", b"Artikel;Bezeichnung;Gruppe;Preis;Bemerkung\n1;a;b;1;x\n")
    with pytest.raises(ConfigurationError, match="katalog: the mapping cannot be carried out"):
        take(source("katalog", text))


def test_odd_names_of_columns_and_hostile_words_are_only_text(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    evil = "x'); DROP TABLE seen; --"
    text = (
        'from: {folder: flat, files: "*.csv"}\nunused: any\nrecords:\n  products:\n    columns:\n'
        f'      product_id: {{from: "{evil}"}}\n'
        '      product_name: {from: \'""\', replace: {"a\'b": "c\'\'d", "{}": "%s"}, otherwise: "\'"}\n'
    )
    write(landing, "flat/a.csv", f'"{evil}","""""","{{}}"\n1,a\'b,\n2,{{}},\n3,z,\n'.encode())
    assert take(source("odd", text)).loaded == 3
    assert rows("SELECT product_ref, product_name FROM raw.products ORDER BY 1") == [
        ("1", "c''d"),
        ("2", "%s"),
        ("3", "'"),
    ]


def test_words_that_stand_for_times_elsewhere_are_no_times(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    columns = "{customer_id: id, birth_date: {from: born, format: '%d %b %Y'}}"
    people = source("people", f"from: {{folder: flat}}\nrecords: {{customers: {{columns: {columns}}}}}\n")
    words = ["infinity", "-infinity", "epoch", " Infinity", "1 Feb 1990", "01 Feb 1990"]
    lines = "".join(f"{n},{word}\n" for n, word in enumerate(words))
    write(landing, "flat/a.csv", ("id,born\n" + lines).encode())
    summary = take(people)
    assert (summary.loaded, summary.quarantined) == (2, 4)
    assert rows("SELECT DISTINCT reason FROM ops.quarantine") == [("birth_date is not a day of the form %d %b %Y",)]


def test_braces_may_mean_absent(landing: Path, take: Take, rows: Rows, source: Write) -> None:
    braces = source("braces", "from: {folder: flat}\nformat: {empty: ['', '{}', '{0}']}\nrecords: {products: {}}\n")
    write(landing, "flat/a.csv", as_csv("products", {"brand": "{}"}, {"product_id": "p2", "brand": "{0}"}))
    assert take(braces).loaded == 2
    assert rows("SELECT DISTINCT brand FROM raw.products") == [(None,)]
