"""JSON Lines, Parquet and archives: what is bad is stored with its reason, and what stands beside it arrives."""

# ruff: noqa: TID253, DTZ001 - Arrow makes the files; a time without a zone is what is tested

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketflow.privacy import QUARANTINE, KeyRing
from marketflow.sources import Source
from marketflow.sources.mapping import Mapper
from marketflow.sources.readers.jsonl import open_jsonl

from .conftest import Rows, Take, Write

RECORDS = """
records:
  orders:
    columns:
      order_id: id
      customer_id: buyer.id
      product_id: sku
      quantity: qty
      amount: total
      currency: {constant: EUR}
      ordered_at: at
"""
AT = "2017-12-30T10:00:00Z"
STORED = "SELECT record_no, order_ref, customer_ref, quantity::text, amount::text FROM raw.order_lines ORDER BY 1"


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": f"o{number}", "buyer": {"id": "c1"}, "sku": "p1", "qty": 2, "total": 12.50, "at": AT, **changes}


def as_lines(*found: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(o).encode() + b"\n" for o in found)


@pytest.fixture
def jsonl(source: Write) -> Source:
    return source("lines", f"from: {{folder: flat}}\nformat: {{type: jsonl}}\n{RECORDS}")


@pytest.fixture
def parquet(source: Write) -> Source:
    return source("columns", f"from: {{folder: flat}}\nformat: {{type: parquet}}\n{RECORDS}")


GOOD = as_lines(order(1))
BAD_LINES = [
    (b"this is not JSON", "the record is not JSON"),
    (b'{"id": "o2", "buyer": ', "the record is not JSON"),
    (b'{"id": "o2", "total": NaN}', "the record is not JSON"),
    (b'{"id": "o2", "total": 1,}', "the record is not JSON"),
    (b'["o2", "c1"]', "the record is not a JSON object"),
    (b'"o2"', "the record is not a JSON object"),
    (b'{"id": "o\xff2"}', "the record is not UTF-8"),
    (b'{"id": "o\\ud8002"}', "the record is not UTF-8"),
    (b'{"id": "o\x002"}', "the record holds a NUL byte"),
    (b'{"id": "o\\u00002"}', "the record holds a NUL byte"),
    (b'{"id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "the record is nested more than 500 levels deep"),
    (b'{"id": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", "the record is nested more than 500 levels deep"),
    (b'{"id": "' + b"x" * (1 << 20) + b'"}', "the record is longer than 1 MiB"),
    (b'{"id": "' + b"x" * (20 << 20) + b'"}', "the record is longer than 1 MiB"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_LINES, ids=[f"{r} {n}" for n, (_, r) in enumerate(BAD_LINES)])
def test_a_line_that_is_no_record(
    *, landing: Path, take: Take, rows: Rows, keys: KeyRing, jsonl: Source, bad: bytes, reason: str
) -> None:
    (landing / "flat/day.jsonl").write_bytes(GOOD + bad + b"\n" + as_lines(order(3)))
    summary = take(jsonl)
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert rows(STORED) == [(1, "o1", "c1", "2.000", "12.50"), (3, "o3", "c1", "2.000", "12.50")]
    ((stored, column, number, payload, size, kind),) = rows(
        "SELECT reason, column_name, record_no, payload, payload_bytes, payload_kind FROM ops.quarantine"
    )
    assert (stored, column, number, kind) == (reason, None, 2, "bytes")
    assert keys.decrypt(payload, QUARANTINE) == (bad + b"\n")[: 1 << 16]
    assert size == len(bad) + 1


def test_the_last_line_is_cut_off(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    (landing / "flat/day.jsonl").write_bytes(GOOD + as_lines(order(2))[:-20])
    assert take(jsonl).loaded == 1
    assert rows("SELECT reason FROM ops.quarantine") == [
        ("truncated: the file ends within this record (the record is not JSON)",)
    ]


def test_values_that_the_contract_refuses(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    found = [
        order(1),
        order(2, qty=True),
        order(3, total="12,50"),
        order(4, at="2017-12-30T10:00:00"),
        order(5, sku=None),
    ]
    (landing / "flat/day.jsonl").write_bytes(as_lines(*found, order(6)))
    assert take(jsonl).loaded == 2
    assert [number for number, *_ in rows(STORED)] == [1, 6]
    assert rows("SELECT record_no, reason FROM ops.quarantine ORDER BY 1") == [
        (2, "quantity is not a number"),
        (3, "amount is not a number"),
        (4, "ordered_at has no zone and the source names none"),
        (5, "product_id is missing"),
    ]


def test_no_digit_of_a_number_is_lost(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    numbers = ["12.50", "1250e-2", "99999998.99", "0.1", "1E1", "-0", "12345678.90"]
    lines = [as_lines(order(n)).replace(b"12.5", text.encode()) for n, text in enumerate(numbers)]
    (landing / "flat/day.jsonl").write_bytes(
        b"".join(lines) + as_lines(order(7)).replace(b"12.5", b"1.00500000000000001")
    )
    assert take(jsonl).read == 8
    assert [amount for *_, amount in rows(STORED)] == [
        "12.50",
        "12.50",
        "99999998.99",
        "0.10",
        "10.00",
        "0.00",
        "12345678.90",
    ]
    assert rows("SELECT reason FROM ops.quarantine") == [("amount has too many digits (at most 2 after the point)",)]


def test_a_mark_at_the_beginning_blank_lines_and_carriage_returns(
    landing: Path, take: Take, rows: Rows, jsonl: Source
) -> None:
    (landing / "flat/day.jsonl").write_bytes(
        b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\n  \r\n" + as_lines(order(2))
    )
    assert take(jsonl).read == 2
    assert [r[:2] for r in rows(STORED)] == [(1, "o1"), (2, "o2")]


def test_keys_with_dots_are_found_as_they_are_and_within(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    flat = {**order(1), "buyer.id": "dotted"}
    (landing / "flat/day.jsonl").write_bytes(as_lines(flat, order(2), order(3, buyer=None), order(4, buyer=["c1"])))
    assert take(jsonl).loaded == 4
    assert [customer for _, _, customer, *_ in rows(STORED)] == ["dotted", "c1", None, None]


REFUSED_LINES = [
    (b"", "the file is empty"),
    (b"\n\n", "the file is empty"),
    (b'[{"id": "o1"},\n{"id": "o2"}]\n', "no line is a JSON object, and one on each line is expected"),
    (
        b"\x7fELF\x02\x01\0\0\n" * 9,
        "no line is a JSON object, and one on each line is expected: the record holds a NUL",
    ),
    (b'{"unknown": 1}\n', "no line has any of the keys that the source maps, such as id"),
    (as_lines(order(1), order(2, colour="red")), "column 'colour' is new: map it, or list it under unused"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED_LINES, ids=[r for _, r in REFUSED_LINES])
def test_files_of_lines_that_cannot_be_used(
    *, landing: Path, take: Take, rows: Rows, jsonl: Source, data: bytes, reason: str
) -> None:
    (landing / "flat/1.jsonl").write_bytes(data)
    (landing / "flat/2.jsonl").write_bytes(GOOD)
    summary = take(jsonl)
    assert (summary.files, summary.refused_files, summary.loaded) == (1, 1, 1)
    ((stored,),) = rows("SELECT reason FROM ops.landing_files WHERE state = 'refused'")
    assert reason in stored


def test_a_key_that_comes_up_late_stops_the_whole_file(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    many = as_lines(*(order(n) for n in range(100_000)))
    (landing / "flat/1.jsonl").write_bytes(many + as_lines(order(100_000, colour="red")))
    assert take(jsonl).refused_files == 1
    assert rows("SELECT count(*) FROM raw.order_lines") == [(0,)]
    ((stored,),) = rows("SELECT reason FROM ops.landing_files")
    assert stored.endswith("there are new keys: 'colour'")


def test_blocks_are_numbered_on(landing: Path, take: Take, rows: Rows, jsonl: Source) -> None:
    lines = [as_lines(order(n)) for n in range(120_000)]
    lines[70_000] = b"bad\n"
    (landing / "flat/1.jsonl").write_bytes(b"".join(lines))
    assert take(jsonl).loaded == 119_999
    assert rows("SELECT record_no FROM ops.quarantine") == [(70_001,)]
    assert rows("SELECT count(*) FROM raw.order_lines WHERE 'o' || (record_no - 1) <> order_ref") == [(0,)]


ARCHIVES = {"gz": gzip.compress, "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True)}


@pytest.mark.parametrize("ending", ARCHIVES)
def test_archives(landing: Path, take: Take, rows: Rows, jsonl: Source, ending: str) -> None:
    pack = ARCHIVES[ending]
    (landing / f"flat/day.jsonl.{ending}").write_bytes(pack(GOOD) + pack(as_lines(order(2))))  # two members
    assert take(jsonl).loaded == 2
    assert [r[1] for r in rows(STORED)] == ["o1", "o2"]


@pytest.mark.parametrize("ending", ARCHIVES)
def test_archives_that_are_damaged_arrive_not_at_all(
    landing: Path, take: Take, rows: Rows, jsonl: Source, ending: str
) -> None:
    whole = ARCHIVES[ending](as_lines(*(order(n) for n in range(50_000))))
    damaged = {"cut": whole[:-100], "bent": whole[:4] + bytes(60) + whole[64:], "other": b"not an archive"}
    for name, data in damaged.items():
        (landing / f"flat/{name}.jsonl.{ending}").write_bytes(data)
    (landing / "flat/good.jsonl").write_bytes(GOOD)
    summary = take(jsonl)
    assert (summary.refused_files, summary.loaded) == (3, 1)
    assert rows("SELECT DISTINCT reason FROM ops.landing_files WHERE state = 'refused'") == [
        ("the archive is damaged or cut off",)
    ]
    assert rows(STORED) == [(1, "o1", "c1", "2.000", "12.50")]


def columns(**changes: Any) -> pa.Table:
    """Three orders; a change replaces a column."""
    made = {
        "id": ["o1", "o2", "o3"], "buyer": [{"id": "c1"}, {"id": None}, None], "sku": [7, 8, 9],
        "qty": [1.5, 2.0, 3.0], "total": [Decimal("12.50"), Decimal("0.00"), Decimal("-3.10")],
        "at": pa.array([dt.datetime(2017, 12, 30, 10, tzinfo=dt.UTC)] * 3, pa.timestamp("us", "Europe/London")),
        **changes,
    }  # fmt: skip
    return pa.table(made)


def test_types_of_parquet(landing: Path, take: Take, rows: Rows, parquet: Source) -> None:
    table = columns(id=pa.array(["o1", "o2", "o3"]).dictionary_encode(), total=[1e-2, 2e7, 3.5])
    pq.write_table(table, landing / "flat/day.parquet")
    assert take(parquet).quarantined == 0
    assert rows(STORED) == [
        (1, "o1", "c1", "1.500", "0.01"), (2, "o2", None, "2.000", "20000000.00"), (3, "o3", None, "3.000", "3.50"),
    ]  # fmt: skip
    assert rows("SELECT DISTINCT ordered_at FROM raw.order_lines") == [(dt.datetime(2017, 12, 30, 10, tzinfo=dt.UTC),)]


def test_a_time_without_zone_is_a_fault_unless_the_source_says_one(
    landing: Path, take: Take, rows: Rows, source: Write
) -> None:
    naive = pa.array([dt.datetime(2017, 12, 30, 10), dt.datetime(2017, 3, 26, 1, 30), None], pa.timestamp("ns"))
    pq.write_table(columns(at=naive), landing / "flat/day.parquet")
    form = f"from: {{folder: flat}}\nformat: {{type: parquet}}\n{RECORDS}"
    assert take(source("zoneless", form)).loaded == 0
    assert take(source("zoned", f"time_zone: Europe/London\n{form}")).loaded == 1
    assert rows("SELECT ordered_at FROM raw.order_lines") == [(dt.datetime(2017, 12, 30, 10, tzinfo=dt.UTC),)]


def test_texts_that_no_database_takes(landing: Path, take: Take, rows: Rows, parquet: Source) -> None:
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"o1", b"o\xff", b"o\x003"], pa.binary()).buffers())
    pq.write_table(columns(id=broken), landing / "flat/day.parquet")
    assert take(parquet).loaded == 1
    assert rows("SELECT record_no, reason FROM ops.quarantine ORDER BY 1") == [
        (2, "the record is not UTF-8"),
        (3, "the record holds a NUL byte"),
    ]


REFUSED_COLUMNS = [
    (columns(id=pa.array([b"1", b"2", b"3"])), "the column 'id' holds bytes, not text"),
    (columns(qty=pa.array([dt.timedelta(1)] * 3)), "the column 'qty' holds lengths of time"),
    (columns(more=[1, 2, 3]), "column 'more' is new: map it, or list it under unused"),
    (columns().drop_columns(["sku"]), "the header lacks the columns sku"),
    (columns(buyer=["c1", "c2", "c3"]), "the header lacks the columns buyer.id"),
]


@pytest.mark.parametrize(("table", "reason"), REFUSED_COLUMNS, ids=[r for _, r in REFUSED_COLUMNS])
def test_columns_that_cannot_be_used(
    *, landing: Path, take: Take, rows: Rows, parquet: Source, table: pa.Table, reason: str
) -> None:
    pq.write_table(table, landing / "flat/1.parquet")
    pq.write_table(columns(), landing / "flat/2.parquet")
    summary = take(parquet)
    assert (summary.files, summary.refused_files, summary.loaded) == (1, 1, 3)
    ((stored,),) = rows("SELECT reason FROM ops.landing_files WHERE state = 'refused'")
    assert reason in stored


def test_parquet_that_is_damaged(landing: Path, take: Take, rows: Rows, parquet: Source) -> None:
    many = columns().take(pa.array([n % 3 for n in range(200_000)]))
    pq.write_table(
        many, landing / "flat/whole.parquet", compression="zstd", use_dictionary=False, write_page_checksum=True
    )
    data = (landing / "flat/whole.parquet").read_bytes()
    (landing / "flat/whole.parquet").unlink()
    middle = len(data) // 3
    (landing / "flat/bent.parquet").write_bytes(data[:middle] + b"\xff" * 200 + data[middle + 200 :])
    (landing / "flat/cut.parquet").write_bytes(data[:-8])
    (landing / "flat/empty.parquet").write_bytes(b"")
    (landing / "flat/text.parquet").write_bytes(GOOD)
    assert take(parquet).refused_files == 4
    wrong = "this is not a Parquet file, or it is damaged or cut off"
    assert rows("SELECT path, reason FROM ops.landing_files ORDER BY 1") == [
        ("flat/bent.parquet", wrong), ("flat/cut.parquet", wrong), ("flat/empty.parquet", "the file is empty"),
        ("flat/text.parquet", wrong),
    ]  # fmt: skip
    assert rows("SELECT count(*) FROM raw.order_lines") == [(0,)]


STRANGE = [
    pa.array([[(1, "a")]], pa.map_(pa.int32(), pa.string())),
    pa.StructArray.from_arrays([pa.array([2**61]).cast(pa.timestamp("us"))], ["x"]),
    pa.StructArray.from_arrays([pa.array([2**30], pa.int32()).cast(pa.date32())], ["x"]),
    pa.StructArray.from_arrays([pa.array([2**62]).cast(pa.duration("s"))], ["x"]),
]


@pytest.mark.parametrize("values", STRANGE, ids=[str(a.type) for a in STRANGE])
def test_values_that_no_text_can_be_made_of_keep_their_file_out_and_no_other(
    *, landing: Path, take: Take, rows: Rows, source: Write, values: pa.Array
) -> None:
    columns = "{event_id: id, event_type: {constant: x}, customer_id: id, occurred_at: at, properties: m}"
    events = source(
        "events", f"from: {{folder: flat}}\nformat: {{type: parquet}}\nrecords: {{behaviour: {{columns: {columns}}}}}\n"
    )
    for name, more in (("1", pa.array(["{}"])), ("2", values), ("3", pa.array(['{"a": 1}']))):
        pq.write_table(pa.table({"id": [name], "at": [AT], "m": more}), landing / f"flat/{name}.parquet")
    summary = take(events)
    assert (summary.files, summary.refused_files) == (2, 1)
    ((path, reason),) = rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused'")
    assert path == "flat/2.parquet"
    assert reason in ("the file cannot be read (TypeError)", "the file cannot be read (OverflowError)")
    assert take(events).load_id is None


@pytest.mark.parametrize("step", ["_run", "_make"], ids=["as it judges", "as it makes rows of what it judged"])
def test_when_duckdb_fails_the_file_is_kept_out_and_no_other(
    *, landing: Path, take: Take, rows: Rows, jsonl: Source, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for name in "abc":
        (landing / f"flat/{name}.jsonl").write_bytes(as_lines(order(1, id=name)))
    real = getattr(Mapper, step)

    def run_out(self: Mapper, *given: Any) -> Any:
        block = given[0] if step == "_run" else given[1].rows
        if "b" in block["id"].to_pylist():
            self.con.execute("SELECT error('ottoline.quackenbush@example.com')")
        return real(self, *given)

    monkeypatch.setattr(Mapper, step, run_out)
    assert (take(jsonl).files, take(jsonl).load_id) == (2, None)
    assert rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused'") == [
        ("flat/b.jsonl", "the rows cannot be judged (InvalidInputException)")
    ]
    monkeypatch.undo()
    assert take(jsonl).files == 1


def test_unknown_keys_may_be_personal_and_many(
    *, landing: Path, take: Take, rows: Rows, source: Write, caplog: pytest.LogCaptureFixture
) -> None:
    text = "from: {folder: flat, files: FILES}\nformat: {type: jsonl}\nunused: UNUSED\n" + RECORDS
    odd = as_lines(*(order(n, **{f"anna{n}@example.org" + "x" * 1_000: 1}) for n in range(5_000)))
    (landing / "flat/a.jsonl").write_bytes(odd)
    (landing / "flat/b.jsonl").write_bytes(as_lines(order(1)) + odd)
    lenient = source("lenient", text.replace("UNUSED", "any").replace("FILES", "'*'"))
    assert take(lenient).loaded == 10_001
    kept = ["id", "buyer.id", "sku", "qty", "total", "at"]
    assert rows("SELECT DISTINCT header FROM ops.landing_files") == [(kept,)]
    strict = source("strict", text.replace("UNUSED", "[]").replace("FILES", "'*'"))
    assert take(strict).refused_files == 2
    reasons = [reason for (reason,) in rows("SELECT reason FROM ops.landing_files WHERE state = 'refused'")]
    assert reasons[0] == "column '(a name that looks personal)' is new: map it, or list it under unused"
    assert "anna" not in "".join(reasons) + caplog.text
    assert max(map(len, reasons)) < 400


def test_many_new_keys_are_counted_and_not_named(landing: Path, take: Take, rows: Rows, source: Write) -> None:
    odd = as_lines(*(order(n, **{f"Ottoline {n}": 1}) for n in range(30)))
    (landing / "flat/a.jsonl").write_bytes(odd)
    (landing / "flat/b.jsonl").write_bytes(as_lines(*(order(n) for n in range(100_000))) + odd)
    assert take(source("strict", "from: {folder: flat}\nformat: {type: jsonl}\n" + RECORDS)).refused_files == 2
    assert rows("SELECT reason FROM ops.landing_files ORDER BY path") == [
        ("30 columns are new: map them, or list them under unused",),
        ("up to record 100030 there are new keys: 30 at least",),
    ]


def test_the_keys_that_are_kept_are_few(landing: Path) -> None:
    (landing / "a.jsonl").write_bytes(as_lines(*({"id": n, f"k{n}" + "x" * 100: 1} for n in range(1_000))))
    with open_jsonl(landing / "a.jsonl", columns=["id"], unused=()) as reader:
        assert (len(reader.header), max(map(len, reader.header))) == (101, 40)
    with open_jsonl(landing / "a.jsonl", columns=["id"], unused=None) as reader:
        assert reader.header == ("id",)
