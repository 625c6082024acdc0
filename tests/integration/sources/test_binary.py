"""Rows in COPY's binary format: PostgreSQL reads back what Arrow held, and what it cannot hold is never sent."""

# ruff: noqa: TID253 - Arrow is what goes in

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from marketflow.privacy import KeyRing
from marketflow.shared import SourceError
from marketflow.sources import CONTRACTS, Contract
from marketflow.sources.contracts.stored import LISTS, Stored, folded_as, stored_as
from marketflow.sources.mapping import Mapper, Part, database
from marketflow.sources.mapping.binary import rows_as_copy
from marketflow.sources.readers.block import Block

from .conftest import Write

RoundTrip = Callable[[pa.Table, Mapping[str, Stored]], list[tuple[Any, ...]]]
Values = st.SearchStrategy[Any]

FIRST, LAST = dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def numeric(precision: int, scale: int) -> tuple[Stored, pa.DataType, Values]:
    most = min(10**precision, 1 << 63) - 1
    units = st.one_of(st.integers(-most, most), st.integers(-100_000, 100_000))
    return Stored("numeric", scale), pa.decimal128(precision, scale), units.map(lambda n: Decimal(n).scaleb(-scale))


def integers(type_: Any, bits: int) -> tuple[Stored, pa.DataType, Values]:
    return Stored(type_), pa.int64(), st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


KINDS: dict[str, tuple[Stored, pa.DataType, Values]] = {
    "text": (Stored("text"), pa.string(), WORDS),
    "codes": (Stored("text"), pa.string(), st.text("abcé", min_size=3, max_size=3)),
    "bytea": (Stored("bytea"), pa.binary(), st.binary(max_size=40)),
    "jsonb": (Stored("jsonb"), pa.string(), st.dictionaries(WORDS, st.none() | st.booleans() | WORDS).map(json.dumps)),
    "numeric(9,0)": numeric(9, 0),
    "numeric(6,3)": numeric(6, 3),
    "numeric(14,2)": numeric(14, 2),
    "numeric(14,3)": numeric(14, 3),
    "numeric(18,4)": numeric(18, 4),
    "numeric(20,10)": numeric(20, 10),
    "timestamptz": (
        Stored("timestamptz"), pa.timestamp("us", "UTC"),
        st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(dt.UTC)),
    ),
    "date": (Stored("date"), pa.date32(), st.dates()),
    "boolean": (Stored("boolean"), pa.bool_(), st.booleans()),
    "smallint": integers("smallint", 16),
    "integer": integers("integer", 32),
    "bigint": integers("bigint", 64),
}  # fmt: skip
IN_LISTS = ("text", "codes", "numeric(14,2)", "numeric(14,3)", "integer")


@pytest.fixture
def round_trip(conn: psycopg.Connection) -> RoundTrip:
    """Copy a table into PostgreSQL and read it back, in the same order; numbers and times come as they are there."""
    conn.execute("SET TimeZone = 'UTC'")

    def run(table: pa.Table, types: Mapping[str, Stored]) -> list[tuple[Any, ...]]:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_declared(table.schema.field(name).type, stored)))
            for name, stored in types.items()
        )
        names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
        with conn.transaction(force_rollback=True):
            conn.execute(sql.SQL("CREATE TEMP TABLE given (n int GENERATED ALWAYS AS IDENTITY, {})").format(columns))
            copy_in(conn, sql.SQL("COPY given ({}) FROM STDIN (FORMAT binary)").format(names), table, types)
            return conn.execute(sql.SQL("SELECT {} FROM given ORDER BY n").format(names)).fetchall()

    return run


def copy_in(conn: psycopg.Connection, statement: sql.Composed, table: pa.Table, types: Mapping[str, Stored]) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for data in rows_as_copy(table, types):
            copy.write(memoryview(data))


def _declared(form: pa.DataType, stored: Stored) -> str:
    if stored.many:
        return f"{_declared(form.value_type, replace(stored, many=False))}[]"
    return f"numeric({form.precision}, {form.scale})" if stored.type == "numeric" else stored.type


def one_column(values: Sequence[Any], kind: str) -> tuple[pa.Table, dict[str, Stored]]:
    stored, form, _ = KINDS[kind]
    return pa.table({"v": pa.array(values, form)}), {"v": stored}


def one_of_lists(values: Sequence[Any], kind: str) -> tuple[pa.Table, dict[str, Stored]]:
    stored, form, _ = KINDS[kind]
    return pa.table({"v": pa.array(values, pa.list_(form))}), {"v": replace(stored, many=True)}


def as_read(value: Any, kind: str) -> Any:
    return json.loads(value) if kind == "jsonb" and value is not None else value


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_come_back(round_trip: RoundTrip, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | KINDS[kind][2], max_size=30) | st.lists(KINDS[kind][2], max_size=30))
    assert round_trip(*one_column(values, kind)) == [(as_read(v, kind),) for v in values]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ["", "é", "", "🎉" * 3, "\\N", "\t\r\n\"'", "x" * 100_000]),
        ("text", [None, "", None]),
        ("bytea", [b"", b"\0", b"\xff\xff\xff\xff", None, bytes(range(256))]),
        ("jsonb", ["{}", None, '{"a": "\\\\u0000", "é": [1.50, null, true]}']),
        ("numeric(14,3)", ["99999999999.999", "-99999999999.999", "0", "0.001", "-0.001", "10000", "9999.999", None]),
        ("numeric(14,3)", ["-5.100"] * 3),
        ("numeric(14,2)", ["0", "0", "0"]),
        ("numeric(20,10)", ["99999999", "0.0000000001", "-99999999.9999999999", "1.5", "10000.0001"]),
        ("numeric(20,10)", ["922337203.6854775807", "-922337203.6854775808"]),
        ("timestamptz", [FIRST, LAST, dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(1900, 1, 1, tzinfo=dt.UTC)]),
        ("date", [dt.date(1900, 1, 1), dt.date(9999, 12, 31), None, dt.date(2000, 1, 1), dt.date(1, 1, 1)]),
        ("boolean", [True, None, False]),
        ("integer", [-(2**31), 2**31 - 1, None]),
        ("bigint", [-(2**63), 2**63 - 1, 0]),
        *((kind, values) for kind in KINDS for values in ([], [None], [None, None])),
    ],
)
def test_extremes_come_back(round_trip: RoundTrip, kind: str, values: list[Any]) -> None:
    if kind.startswith("numeric"):
        values = [None if v is None else Decimal(v) for v in values]
    found = round_trip(*one_column(values, kind))
    assert found == [(as_read(v, kind),) for v in values]
    if kind.startswith("numeric"):  # zeros are shown, as PostgreSQL does it
        scale = KINDS[kind][0].scale
        assert all(v is None or v.as_tuple().exponent == -scale for (v,) in found)


@pytest.mark.parametrize("kind", IN_LISTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lists_come_back(round_trip: RoundTrip, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.lists(KINDS[kind][2], min_size=1, max_size=6), max_size=30))
    table, types = one_of_lists(values, kind)
    assert round_trip(table, types) == [(v,) for v in values]
    start = data.draw(st.integers(0, len(values)))
    assert round_trip(table.slice(start, 5), types) == [(v,) for v in values[start : start + 5]]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "text",
            [
                [""],
                ["", ""],
                ["NULL", "null", "{}", "{a,b}", ",", " ", '"', "\\", "\\N", "'"],
                ["é", "🎉" * 3],
                ["\t\r\n"],
            ],
        ),
        ("text", [["x" * 100_000, "", "x"], ["y"]]),
        ("text", [["abc"], ["def", "ghi"]]),  # all equally long
        ("text", [[str(n) for n in range(50_000)], ["after it"]]),
        (
            "numeric(14,2)",
            [["0.00"], ["-0.01", "0.01"], ["999999999999.99", "-999999999999.99"], ["10000.00", "9999.99"]],
        ),
        ("numeric(14,2)", [["0.00", "0.00"], ["0.00"]]),
        ("numeric(14,2)", [["-5.10"]]),
        ("numeric(14,3)", [["0.415", "-99999999999.999"], ["10000.000", "1.000"]]),
        ("integer", [[-(2**31), 2**31 - 1], [0], [1, 2, 3]]),
        *((kind, values) for kind in IN_LISTS for values in ([], [None], [None, None])),  # a list that no row has
    ],
)
def test_extreme_lists_come_back(round_trip: RoundTrip, kind: str, values: list[Any]) -> None:
    if kind.startswith("numeric"):
        values = [None if v is None else [Decimal(n) for n in v] for v in values]
    found = round_trip(*one_of_lists(values, kind))
    assert found == [(v,) for v in values]
    if kind.startswith("numeric"):  # zeros are shown, as in a column of single numbers
        scale = KINDS[kind][0].scale
        assert all(n.as_tuple().exponent == -scale for (v,) in found for n in v or [])


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("text", ["{one}", '{"",two}', '{"NULL",three,"{"}']),
        ("integer", ["{1}", "{-2,3}", "{0,0,0}"]),
        ("numeric(14,2)", ["{0.00}", "{-0.01,10000.00}", "{1.50,2.00,-99999999.99}"]),
    ],
)
def test_lists_are_the_same_to_the_bit_as_those_read_from_text(
    conn: psycopg.Connection, kind: str, texts: list[str]
) -> None:
    """Also in what is not seen when they are read: where their index begins, and that none of them has nulls."""
    plain = kind.partition("(")[0]
    conn.execute(sql.SQL("CREATE TEMP TABLE given (v {}[])").format(sql.SQL(plain)))
    conn.execute(
        sql.SQL("INSERT INTO given SELECT t::{}[] FROM unnest(%s::text[]) AS t").format(sql.SQL(plain)), [texts]
    )
    values = [row[0] for row in conn.execute("SELECT v FROM given")]
    query = "SELECT encode(array_send(v), 'hex'), pg_column_size(v), array_dims(v) FROM given ORDER BY v"
    read = conn.execute(query).fetchall()
    conn.execute("TRUNCATE given")
    copy_in(conn, sql.SQL("COPY given FROM STDIN (FORMAT binary)").format(), *one_of_lists(values, kind))
    assert conn.execute(query).fetchall() == read


def test_numbers_are_the_same_to_the_bit_as_those_read_from_text(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TEMP TABLE given (v numeric(14, 3))")
    texts = ["0", "-0.001", "0.001", "1", "9999", "10000", "100000000", "12345678.9", "-99999999999.999", "5000.05"]
    table, types = one_column([Decimal(t) for t in texts], "numeric(14,3)")
    copy_in(conn, sql.SQL("COPY given FROM STDIN (FORMAT binary)").format(), table, types)
    query = "SELECT encode(numeric_send(v), 'hex'), pg_column_size(v) FROM given ORDER BY v"
    sent = conn.execute(query).fetchall()
    conn.execute("TRUNCATE given")
    conn.execute("INSERT INTO given SELECT t::numeric FROM unnest(%s::text[]) AS t", [texts])
    assert conn.execute(query).fetchall() == sent


def everything(rows: int) -> tuple[pa.Table, dict[str, Stored], list[tuple[Any, ...]]]:
    """A table with a column of each type, some with nulls, and what PostgreSQL must give back."""
    made: dict[str, Callable[[int], Any]] = {
        "load_id": lambda _: 7,
        "text": lambda n: "é" * (n % 5) + str(n),
        "codes": lambda n: f"{n % 1_000:03}",
        "sparse": lambda n: None if n % 3 else f"{n}",
        "bytea": lambda n: None if n % 7 == 0 else n.to_bytes(4, "big"),
        "jsonb": lambda n: f'{{"n": {n}}}' if n % 2 else None,
        "numeric(14,2)": lambda n: Decimal(n * n - 1_000).scaleb(-2),
        "rare": lambda n: Decimal(n).scaleb(-3) if n % 11 == 0 else None,
        "timestamptz": lambda n: FIRST.replace(year=2016) + dt.timedelta(seconds=n, microseconds=n % 10),
        "date": lambda n: dt.date(1900, 1, 1) + dt.timedelta(n % 50_000) if n % 5 else None,
        "boolean": lambda n: None if n % 4 == 0 else n % 4 == 1,
        "integer": lambda n: n - 500,
        "nothing": lambda _: None,
    }
    kinds = {"load_id": "bigint", "sparse": "text", "rare": "numeric(14,3)", "nothing": "date"}
    given = {name: KINDS[kinds.get(name, name)] for name in made}
    lists: dict[str, tuple[str, Callable[[int], Any]]] = {
        "texts": ("text", lambda n: ["é" * (n % 3), str(n), ""][: n % 3 + 1]),
        "numbers": ("numeric(14,3)", lambda n: [Decimal(n * i - 500).scaleb(-3) for i in range(n % 4 + 1)]),
        "integers": ("integer", lambda n: [n] * (n % 2 + 1)),
    }
    for name, (kind, make) in lists.items():
        stored, form, values = KINDS[kind]
        given[name], made[name] = (replace(stored, many=True), pa.list_(form), values), make
    columns = {name: [make(n) for n in range(rows)] for name, make in made.items()}
    table = pa.table({name: pa.array(columns[name], form) for name, (_, form, _) in given.items()})
    expected = {name: [as_read(v, name) for v in values] for name, values in columns.items()}
    return table, {n: stored for n, (stored, _, _) in given.items()}, list(zip(*expected.values(), strict=True))


@pytest.mark.parametrize("rows", [0, 1, 2, 8_192, 8_193, 100_000])
def test_rows_of_all_types_in_any_number(round_trip: RoundTrip, rows: int) -> None:
    table, types, expected = everything(rows)
    assert round_trip(table, types) == expected


def test_pieces_of_arrow_tables_are_copied_whole(round_trip: RoundTrip) -> None:
    table, types, expected = everything(1_000)
    pieces = pa.concat_tables([table.slice(0, 3), table.slice(3, 0), table.slice(3, 700).slice(1), table.slice(703)])
    assert round_trip(pieces.slice(1), types) == expected[1:3] + expected[4:]


def test_each_stream_is_whole(conn: psycopg.Connection) -> None:
    table, types = one_column([1, 2], "integer")
    stream = b"".join(bytes(memoryview(data)) for data in rows_as_copy(table, types))
    row = b"\0\1" + b"\0\0\0\4"
    assert stream == b"PGCOPY\n\xff\r\n\0" + bytes(8) + row + b"\0\0\0\1" + row + b"\0\0\0\2" + b"\xff\xff"
    conn.execute("CREATE TEMP TABLE given (v integer)")
    for _ in range(3):
        copy_in(conn, sql.SQL("COPY given FROM STDIN (FORMAT binary)").format(), table, types)
    assert conn.execute("SELECT array_agg(v) FROM given").fetchone() == ([1, 2, 1, 2, 1, 2],)


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (pa.array([1, 1 << 31]), Stored("integer")),
        (pa.array([-(1 << 31) - 1]), Stored("integer")),
        (pa.array([32_768]), Stored("smallint")),
        (pa.array([Decimal(1 << 63)], pa.decimal128(20, 0)), Stored("numeric", 0)),
        (pa.array([Decimal(0), Decimal(-(1 << 63) - 1)], pa.decimal128(38, 0)), Stored("numeric", 0)),
        (pa.array([-(2**63)], pa.int64()).cast(pa.timestamp("us")), Stored("timestamptz")),
        (pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("us")), Stored("timestamptz")),
        (pa.array([253_402_300_800_000_000]).cast(pa.timestamp("us")), Stored("timestamptz")),
        (pa.array([-(2**31), None], pa.int32()).cast(pa.date32()), Stored("date")),
        (pa.array([2_932_897], pa.int32()).cast(pa.date32()), Stored("date")),
        (pa.array([[1], [2, 1 << 31]]), Stored("integer", many=True)),
        (pa.array([[Decimal(1 << 63)]], pa.list_(pa.decimal128(20, 0))), Stored("numeric", 0, many=True)),
    ],
)
def test_what_does_not_fit_is_refused_without_its_value(values: pa.Array, stored: Stored) -> None:
    with pytest.raises(SourceError) as caught:
        list(rows_as_copy(pa.table({"v": values}), {"v": stored}))
    assert str(caught.value) == f"a value of v does not fit into PostgreSQL's {stored.type}"
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (pa.array([Decimal("1.005")]), Stored("numeric", 2)),  # PostgreSQL would round
        (pa.array([Decimal("1.5")]), Stored("numeric", 2)),
        (pa.array(["1"]), Stored("integer")),
        (pa.array([1.0]), Stored("integer")),
        (pa.array([1], pa.uint64()), Stored("bigint")),
        (pa.array([1]), Stored("boolean")),
        (pa.array([b"\xff"]), Stored("text")),  # bytes need not be UTF-8
        (pa.array([b"{}"]), Stored("jsonb")),
        (pa.array(["\\x00"]), Stored("bytea")),
        (pa.array([1]).cast(pa.timestamp("ns")), Stored("timestamptz")),
        (pa.array([1]).cast(pa.date64()), Stored("date")),
        (pa.array([[Decimal("1.005")]]), Stored("numeric", 2, many=True)),
        (pa.array([["1"]]), Stored("integer", many=True)),
        (pa.array([[b"a"]]), Stored("text", many=True)),
        (pa.array([["a"]]), Stored("text")),
    ],
)
def test_another_arrow_type_is_never_taken_for_the_right_one(values: pa.Array, stored: Stored) -> None:
    with pytest.raises(TypeError):
        list(rows_as_copy(pa.table({"v": values}), {"v": stored}))


def test_postgresql_refuses_nul_in_a_text_and_keeps_nothing(round_trip: RoundTrip) -> None:
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        round_trip(*one_column(["good", "a\0b"], "text"))


def types_in(conn: psycopg.Connection, table: str) -> dict[str, Stored]:
    """What the columns of a table or view are; numbers in lists have no scale of their own there."""
    found = conn.execute(
        "SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table],
    ).fetchall()
    names = {"timestamp with time zone": "timestamptz"}
    types = {}
    for name, plain, whole in found:
        scale = re.fullmatch(r"numeric\(\d+,(\d+)\)", whole)
        assert scale or plain != "numeric", name
        single = plain.removesuffix("[]")
        types[name] = Stored(names.get(single, single), int(scale[1]) if scale else 0, many=plain != single)
    return types


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_the_contracts_types_are_those_of_the_tables(conn: psycopg.Connection, contract: Contract) -> None:
    assert dict(stored_as(contract)) == types_in(conn, contract.table)


@pytest.mark.parametrize("contract", [c for c in CONTRACTS.values() if c.is_bulk], ids=lambda c: c.record)
def test_the_types_of_orders_in_one_row_are_those_of_their_table(conn: psycopg.Connection, contract: Contract) -> None:
    """Of its table, and of the lists in it: each holds what its column of the view shows, with as many decimals."""
    folded, lines = folded_as(contract), types_in(conn, contract.table)
    for line, several in LISTS.items():
        assert folded[several] == replace(lines[line], many=True)
    written = {n: replace(s, scale=0) if s.many else s for n, s in folded.items() if n not in LISTS or n == "amount"}
    assert written == types_in(conn, contract.stored_in)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
@pytest.mark.parametrize("whole", [True, False], ids=["every column", "the needed columns"])
def test_the_mapping_makes_each_column_in_its_arrow_type(
    tmp_path: Path, source: Write, keys: KeyRing, contract: Contract, *, whole: bool
) -> None:
    samples = {"number": "1", "instant": "2017-12-31T10:00:00Z", "day": "2016-12-31", "flag": "true", "zone": "UTC",
               "json": "{}"}  # fmt: skip
    texts = {"email": "ottoline@example.com", "phone": "+1 202 555 0123", "currency": "USD", "base_currency": "EUR",
             "country": "US", "locale": "en", "product_url": "https://a.example", "image_url": "https://a.example"}  # fmt: skip
    named = {
        c.name: samples.get(c.kind) or (c.allowed[0] if c.allowed else texts.get(c.name, "abc"))
        for c in contract.columns if whole or c.required or c.name in ("customer_id", "phone", "rating")
    }  # fmt: skip
    if whole and contract.record == "contacts":
        named["email"] = None  # a row is for one address
    columns = json.dumps({n: n for n in named})
    one = source("one", f"from: {{folder: flat}}\nrecords:\n  {contract.record}: {{columns: {columns}}}\n")
    block = Block(pa.array([1], pa.int32()), pa.table({n: pa.array([v], pa.string()) for n, v in named.items()}))
    now = dt.datetime(2017, 12, 31, 12, tzinfo=dt.UTC)
    with database(tmp_path / "scratch") as con:
        mapper = Mapper(con, one, tuple(named), keys=keys, latest=LAST, country="US")
        portion = mapper.map(1, [Part(file_id=2, version_at=now, block=block)])
    assert not portion.bad
    rows = portion.copies[contract.record]
    types = stored_as(contract)
    if whole:
        assert set(rows.column_names) == set(types)
    assert len(list(rows_as_copy(rows, types))) == 3  # a header, the row, a trailer: no type is wrong
