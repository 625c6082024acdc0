"""Whatever the fields hold, a row arrives or is quarantined, and the load goes on: what DuckDB passes PostgreSQL takes."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landing_files import GOOD, write
from marketflow.sources import Source, contract_of, load_source
from marketflow.sources.contracts import CONTRACTS, Column

from .conftest import Take

TEXTS = ["1", "abc", " lead", "trail ", "é" * 32, "é" * 65, "\u00a0", "\u200b", '"q"', 'in"ch', "a\tb", "", " ", "x" * 64,
         "x" * 65, "\\N", "\\.", "NULL", "🎉", "'", "#", "campaign_received", "USD", "\ufeff", "\x7f", "\r", "a\nb"]  # fmt: skip
NUMBERS = ["0", "1", "-1", "-0", "1.5", "1.50", "1.5000000000", "1.505", "1.5050", "1e3", "NaN", "Infinity", "+1", ".5",
           "5.", "007", "99999999", "99999999.00", "99999999.01", "100000000", "0x1F", "1_000", "٣", "", " 1", "1 ",
           "-99999999", "-99999999.01", "00000000000", "000000000001", "9" * 40]  # fmt: skip
INSTANTS = ["2017-12-31T10:00:00-05:00", "2017-12-31 10:00:00Z", "2017-12-31T10:00:00.123456+14:00", "2017-12-31T10:00Z",
            "2017-12-31T24:00:00Z", "2017-12-31T23:59:60Z", "2017-02-29T00:00:00Z", "2016-02-29T00:00:00Z",
            "2017-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z",
            "2017-12-31T10:00:00", "2017-12-31T10:00:00-05", "2017-12-31T10:00:00-99:99", "2017-12-31T10:00:00+15:59",
            "2017-12-31T10:00:00 EST", "infinity", "now", "2018-01-03T04:59:59.999999Z", "2018-01-03T05:00:00Z",
            "1989-12-31T23:59:59Z", "1990-01-01T00:00:00Z", "2017-12-31T10:00:00.1234567Z", "epoch"]  # fmt: skip
DAYS = ["2017-12-31", "2017-02-30", "9999-12-31", "0001-01-01", "2018-06-01", "31.12.2017", "today", "1980-05-01"]
JSONS = ["{}", '{"a": [1, {"b": null}]}', "[1]", '{"a": 1e400}', '{"a": "\\u0000"}', '{"a": "\\\\u0000"}', '{"a": 1,}',
         '{"a": "\\ud83c"}', '{"a": 1, "a": 2}', "nul", '{"a": 1e-400}', '{"a": "' + "\\\\" * 20 + '"}', '{"\x00": 1}',
         '{"a": 123456789012345678901234567890}', "{'a': 1}", '{"a": /* x */ 1}', '{"a": Infinity}']  # fmt: skip
POOLS = {"text": TEXTS, "number": NUMBERS, "instant": INSTANTS, "day": DAYS, "json": JSONS, "key": TEXTS,
         "flag": ["true", "FALSE", "yes", "0", "2", "t", "Ja"], "zone": ["UTC", "Europe/London", "europe/london", "x/y"]}  # fmt: skip


def value(column: Column) -> st.SearchStrategy[str]:
    anything = st.text(st.characters(codec="utf-8"), max_size=6)
    return st.one_of(st.sampled_from(POOLS[column.kind]), st.sampled_from(POOLS[column.kind]), anything)


@st.composite
def rows_of(draw: st.DrawFn, record: str) -> list[dict[str, str]]:
    """Rows that are good but for a few fields."""
    found = []
    for _ in range(draw(st.integers(1, 30))):
        row = {c.name: "" for c in contract_of(record).columns} | GOOD.get(record, {})
        for column in draw(st.lists(st.sampled_from(contract_of(record).columns), max_size=3)):
            row[column.name] = draw(value(column))
        found.append(row)
    return found


@pytest.fixture
def named(tmp_path: Path) -> dict[str, Source]:
    """A source of each record, by the contract's names."""
    found = {}
    for record in CONTRACTS:
        (tmp_path / f"all_{record}.yaml").write_text(
            f"title: All\nowner: tests\nschedule: null\nfrom: {{folder: flat}}\nrecords: {{{record}: {{}}}}\n"
        )
        found[record] = load_source(tmp_path / f"all_{record}.yaml")
    return found


@pytest.mark.parametrize("record", list(CONTRACTS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_row_is_accounted_for(
    *, landing: Path, take: Take, named: dict[str, Source], record: str, data: st.DataObject
) -> None:
    lines = data.draw(rows_of(record))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, contract_of(record).names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    name = f"flat/{uuid.uuid4()}.csv"
    write(landing, name, out.getvalue().encode())
    summary = take(named[record])  # which proves that the books balance
    (landing / name).unlink()
    if summary.files and not any("\0" in v or "\r" in v for line in lines for v in line.values()):
        assert summary.read == len(lines)


@pytest.mark.parametrize("record", ["orders", "customers", "products", "behaviour"])
def test_a_good_row_of_each_record_arrives(landing: Path, take: Take, named: dict[str, Source], record: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(GOOD[record]), lineterminator="\n")
    writer.writeheader()
    writer.writerow(GOOD[record])
    write(landing, "flat/a.csv", out.getvalue().encode())
    assert (take(named[record]).loaded, take(named[record]).load_id) == (1, None)
