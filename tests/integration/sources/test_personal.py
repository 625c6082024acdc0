"""Names and addresses are encrypted before any table sees them, whatever they are made of, and can be read again."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import psycopg
import pytest

from landing_files import as_csv, write
from marketflow.embedded.postgres import binaries
from marketflow.privacy import EMAIL, FAMILY_NAME, GIVEN_NAME, KeyRing

from .conftest import Rows, Take

NAMES = [
    "O'Quackenbush-Ångström", 'Otto "Otti" Quackenbush', "Otto\nQuackenbush", "Otto\r\nQuackenbush", "🦆 Quackenbush 👩‍👩‍👧",
    "אוטו קוואקנבוש", "\u202eQuackenbush", "{{ 7*7 }}", "<script>alert(1)</script>", "'; DROP TABLE raw.customers; --",
    "a,b;c\td", "\\N", "\\.", "NULL", " Quackenbush ",
]  # fmt: skip


def test_any_name_goes_in_and_comes_out(landing: Path, take: Take, rows: Rows, keys: KeyRing) -> None:
    changes = [{"customer_id": str(n), "given_name": name, "family_name": name[::-1]} for n, name in enumerate(NAMES)]
    write(landing, "customers/a.csv", as_csv("customers", *changes))
    assert take("customers").loaded == len(NAMES)
    stored = rows("SELECT given_name, family_name FROM raw.customers ORDER BY record_no")
    assert [keys.decrypt_text(given, GIVEN_NAME) for given, _ in stored] == NAMES
    assert [keys.decrypt_text(family, FAMILY_NAME) for _, family in stored] == [n[::-1] for n in NAMES]


def test_an_address_is_normalised_encrypted_and_found_by_its_hash(
    landing: Path, take: Take, rows: Rows, keys: KeyRing
) -> None:
    write(landing, "customers/a.csv", as_csv("customers", {"email": " Ottoline.QUACKENBUSH@Example.COM "}))
    take("customers")
    ((email, digest, refusal),) = rows("SELECT email, email_hash, email_refusal FROM raw.customers")
    assert keys.decrypt_text(email, EMAIL) == "ottoline.quackenbush@example.com"
    assert digest == keys.keyed_hash("ottoline.quackenbush@example.com")
    assert refusal is None


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("otto@example.com\r\nBcc: all@example.com", "line_break"),
        ("otto\n@example.com", "line_break"),
        ("quackenbush", "malformed"),
        ("otto quackenbush@example.com", "malformed"),
        ("a" * 300 + "@example.com", "too_long"),
        ("", None),
    ],
)
def test_a_bad_address_is_dropped_with_a_code_and_the_record_stays(
    landing: Path, take: Take, rows: Rows, address: str, code: str | None
) -> None:
    write(landing, "customers/a.csv", as_csv("customers", {}, {"customer_id": "c2", "email": address}))
    assert take("customers").loaded == 2
    assert rows("SELECT email, email_hash, email_refusal FROM raw.customers WHERE customer_ref = 'c2'") == [
        (None, None, code)
    ]
    assert rows("SELECT count(*) FROM raw.customers WHERE email IS NOT NULL") == [(1,)]


def test_absent_values_get_the_contracts_defaults(landing: Path, take: Take, rows: Rows) -> None:
    nothing = dict.fromkeys(
        ("given_name", "family_name", "email", "locale", "time_zone", "country", "email_consent", "consent_at",
         "consent_text", "is_simulated"), "",
    )  # fmt: skip
    write(landing, "customers/a.csv", as_csv("customers", nothing))
    take("customers")
    assert rows(
        "SELECT given_name, email, locale, time_zone, country, email_consent, consent_at, is_simulated FROM raw.customers"
    ) == [(None, None, None, None, None, None, None, False)]


def test_no_name_and_no_address_is_in_a_dump_or_a_log(
    landing: Path, take: Take, warehouse_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good = as_csv("customers", {}, {"customer_id": "c2", "email": "quackenbush\n@example.com"})
    bad = b"Ottoline,Quackenbush\n" + as_csv("customers", {"country": "quackenbush"}).split(b"\n", 1)[1]
    write(landing, "customers/a.csv", good + bad)
    write(landing, "customers/b.csv", b"ottoline,quackenbush@example.com\n")
    summary = take("customers")
    assert (summary.loaded, summary.quarantined, summary.refused_files) == (2, 2, 1)
    dump = subprocess.run([binaries() / "pg_dump", warehouse_dsn], check=True, capture_output=True).stdout
    assert b"c2" in dump  # it is the right dump
    for text in (dump.lower(), caplog.text.lower().encode()):
        assert b"quackenbush" not in text
        assert b"ottoline" not in text
        assert b"quackenbush".hex().encode() not in text


def test_memory_holds_one_block_and_blocks_join_without_a_seam(
    landing: Path, take: Take, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketflow.sources.readers.delimited.BLOCK_ROWS", 7)
    monkeypatch.setattr("marketflow.sources.load.BLOCK_ROWS", 7)
    changes = [{"customer_id": f"c{n}", "country": "??" if n % 5 == 0 else "US"} for n in range(1, 51)]
    write(landing, "customers/a.csv", as_csv("customers", *changes))
    assert (take("customers").loaded, take("customers").load_id) == (40, None)
    assert rows("SELECT record_no FROM ops.quarantine ORDER BY 1") == [(n,) for n in range(5, 51, 5)]
    assert rows("SELECT count(*) FROM raw.customers WHERE customer_ref = 'c' || record_no") == [(40,)]


def test_encryption_and_row_stay_together_for_the_loader_only(
    landing: Path, take: Take, loader: psycopg.Connection
) -> None:
    write(landing, "customers/a.csv", as_csv("customers", {}))
    take("customers")
    loader.execute("RESET ROLE")
    loader.execute("SET ROLE marketflow_analyst")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        loader.execute("SELECT * FROM raw.customers")
