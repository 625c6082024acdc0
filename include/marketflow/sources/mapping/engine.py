"""Blocks of text in, rows for COPY and for quarantine out: DuckDB judges, Python encrypts."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from marketflow.privacy import QUARANTINE, KeyRing
from marketflow.shared import ConfigurationError, SourceError
from marketflow.sources.contracts import contract_of
from marketflow.sources.definition import Source
from marketflow.sources.mapping.json_values import as_json, json_fault
from marketflow.sources.mapping.plan import Fault, Plan, plan
from marketflow.sources.mapping.portion import Judged, Part, Portion, Quarantined
from marketflow.sources.mapping.rows import RowMaker
from marketflow.sources.mapping.words import name
from marketflow.sources.mapping.zones import known_zones

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

T = TypeVar("T")
_TRUNCATED = "truncated: the file ends within this record"
_MEMORY = "192MB"
_numbers = itertools.count()


@contextmanager
def database(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, one thread, shut off from files and network. Digests may spill to `scratch`."""
    import duckdb

    scratch.mkdir(parents=True, exist_ok=True)
    options: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1, "memory_limit": _MEMORY, "temp_directory": str(scratch),
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    }  # fmt: skip
    with duckdb.connect(":memory:", config=options) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_external_access = false")  # last: it holds for the folder's setting, too
        con.execute("SET lock_configuration = true")
        yield con


def _without_words(work: Callable[[], T]) -> T:
    """Do it; DuckDB's errors become ours, without its words, which may hold values."""
    import duckdb

    try:
        return work()
    except duckdb.Error as error:
        failure = type(error).__name__
    raise SourceError(f"the rows cannot be judged ({failure})")  # here, so that DuckDB's error does not come along


class _Current:
    """The table that a prepared statement reads: whichever stands here when it is carried out."""

    table: pa.Table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow's protocol, by which DuckDB asks for the rows anew each time."""
        return self.table.__arrow_c_stream__(requested_schema)


class Mapper:
    """Judges the blocks of files of one source that have the same header, in order."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, source: Source, header: tuple[str, ...], *,
        keys: KeyRing, latest: dt.datetime, country: str,
    ) -> None:  # fmt: skip
        """Make the statement. Raises ConfigurationError when DuckDB cannot read it (a pattern of the source file)."""
        self.con, self.source, self.header, self.keys = con, source, header, keys
        self.block = _Current()
        block = f"block {next(_numbers)}"
        self.plan: Plan = plan(source, header, latest, block)
        self.faults = list(self.plan.faults)
        self.makers = {
            r: RowMaker(con.cursor(), contract_of(r), columns, keys, country, distinct=r != source.primary)
            for r, columns in self.plan.records.items()
        }
        if "FROM zones" in self.plan.sql:
            _make_zones(con)
        self.prepared = self._prepare(block)

    def map(self, load_id: int, parts: Sequence[Part]) -> Portion:
        """Judge some blocks together, of one file or of several. Raises SourceError when DuckDB cannot."""
        return self.portion(self.judge(load_id, parts))

    def judge(self, load_id: int, parts: Sequence[Part]) -> Judged:
        """The first half of `map`, which may run in a thread of its own, a block ahead of the second."""
        import pyarrow as pa

        numbers = pa.concat_arrays([p.block.numbers for p in parts])
        rows = pa.concat_tables([p.block.rows for p in parts])
        place = {
            "load_id": pa.repeat(pa.scalar(load_id, pa.int64()), len(numbers)),
            "file_id": _per_part(parts, [p.file_id for p in parts], pa.int64()),
            "record_no": numbers,
            "version_at": _per_part(parts, [p.version_at for p in parts], pa.timestamp("us", "UTC")),
        }
        columns = _without_words(lambda: self._run(rows)) if len(numbers) else None
        return Judged(parts=parts, rows=rows, place=place, columns=columns)

    def portion(self, judged: Judged) -> Portion:
        """The second half: what is stored of what was judged, blocks in order."""
        portion = Portion()
        for part in judged.parts:
            portion.read[part.file_id] += len(part.block.numbers) + len(part.block.bad)
            portion.bad += [self._unreadable(part, bad) for bad in part.block.bad]
        if (columns := judged.columns) is not None:
            _without_words(lambda: self._make(portion, judged, columns))
        return portion

    def forget(self) -> None:
        """Begin new files: what was stored for earlier ones is not looked up any longer."""
        for maker in self.makers.values():
            maker.forget()

    def _make(self, portion: Portion, judged: Judged, columns: pa.Table) -> None:
        import pyarrow.compute as pc

        fault = self._with_json(columns)
        for i in pc.indices_nonzero(pc.is_valid(fault)).to_pylist():
            code = fault[i].as_py()
            where = {k: judged.place[k][i].as_py() for k in ("file_id", "record_no")}
            portion.bad.append(self._refused(judged.rows, i, self.faults[code], where, _cut_rows(judged.parts)))
        good = pc.is_null(fault) if fault.null_count < len(fault) else None
        for record, maker in self.makers.items():
            kept = good
            if record in self.plan.optional:
                made = columns[f"{record}?"]
                kept = made if good is None else pc.and_(made, good)
            table = maker.make(columns, judged.place, kept)
            if len(table):
                portion.copies[record], portion.rows[record] = table, len(table)

    def _prepare(self, block: str) -> str:
        """Have DuckDB plan the statement once: that takes as long as judging some ten thousand rows."""
        import pyarrow as pa

        self.block.table = pa.table({f"c{n}": pa.array([], pa.string()) for n in range(len(self.plan.columns))})
        self.con.register(block, self.block)
        self._carry_out(f"PREPARE {name(block + ' judged')} AS {self.plan.sql}")
        return f"EXECUTE {name(block + ' judged')}"

    def _run(self, rows: pa.Table) -> pa.Table:
        # In one piece: of several pieces DuckDB gives the short rest of one (under 64 rows) after the rows of the next.
        columns = rows.select([rows.column_names.index(c) for c in self.plan.columns]).combine_chunks()
        self.block.table = columns.rename_columns([f"c{n}" for n in range(len(self.plan.columns))])
        judged: pa.Table = self.con.sql(self.prepared).to_arrow_table()
        assert len(judged) == len(rows)  # the rows stand as they stood
        present = {c: _present(columns[c], self.source.format.empty) for c in {*self.plan.as_is.values()}}
        for target, column in self.plan.as_is.items():
            judged = judged.append_column(target, present[column])
        return judged

    def _carry_out(self, statement: str) -> None:
        """Run a statement that holds nothing but the source file's words; DuckDB's own say nothing to people."""
        import duckdb

        try:
            self.con.execute(statement)
        except duckdb.Error as error:
            failure = type(error).__name__
        else:
            return
        words = f"the mapping cannot be carried out ({failure}); look at its patterns"
        raise ConfigurationError(f"{self.source.name}: {words}")

    def _with_json(self, judged: pa.Table) -> pa.ChunkedArray:
        """The faults with those of JSON columns, which Python finds."""
        import pyarrow as pa

        fault = judged["fault"]
        for record, columns in self.plan.records.items():
            for column in (c for c in columns if c.kind == "json"):
                codes = self._json_codes(record, column.name, judged[f"{record}.{column.target}"], fault)
                if codes is not None:
                    fault = pa.chunked_array([codes])
        return fault

    def _json_codes(self, record: str, column: str, values: pa.ChunkedArray, fault: pa.ChunkedArray) -> pa.Array | None:
        import pyarrow as pa

        codes: list[int | None] = fault.to_pylist()
        known: dict[str, int | None] = {}
        for i, text in enumerate(values.to_pylist()):
            if text is None or codes[i] is not None:
                continue
            if text not in known:
                known[text] = self._code(record, column, json_fault(text, column))
            codes[i] = known[text]
        return pa.array(codes, pa.int32()) if any(c is not None for c in known.values()) else None

    def _code(self, record: str, column: str, reason: str | None) -> int | None:
        if reason is None:
            return None
        fault = Fault(record=record, column=column, reason=reason)
        if fault not in self.faults:
            self.faults.append(fault)
        return self.faults.index(fault)

    def _refused(self, rows: pa.Table, i: int, fault: Fault, where: Mapping[str, int], cut: set[int]) -> Quarantined:
        (row,) = rows.slice(i, 1).to_pylist()
        payload = as_json(row)
        return Quarantined(
            file_id=where["file_id"], record_no=where["record_no"], record=fault.record, column=fault.column,
            reason=f"{_TRUNCATED} ({fault.reason})" if i in cut else fault.reason,
            payload=self.keys.encrypt(payload, QUARANTINE), payload_bytes=len(payload), payload_kind="fields",
        )  # fmt: skip

    def _unreadable(self, part: Part, bad: Any) -> Quarantined:
        return Quarantined(
            file_id=part.file_id, record_no=bad.number, record=self.source.primary, column=None,
            reason=f"{_TRUNCATED} ({bad.reason})" if bad.unfinished else bad.reason,
            payload=self.keys.encrypt(bad.payload, QUARANTINE), payload_bytes=bad.size, payload_kind="bytes",
        )  # fmt: skip


def _present(column: pa.ChunkedArray, empty: Sequence[str]) -> pa.ChunkedArray:
    """The column with nothing where it says one of the words for nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for word in empty:
        says_it = pc.equal(column, word)
        if pc.any(says_it).as_py():
            column = pc.if_else(says_it, pa.scalar(None, column.type), column)
    return column


def _cut_rows(parts: Sequence[Part]) -> set[int]:
    """The places, in the parts put together, of rows whose line has no end."""
    found, end = set(), 0
    for part in parts:
        end += len(part.block.numbers)
        if part.cut:
            found.add(end - 1)
    return found


def _per_part(parts: Sequence[Part], values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array with each part's value as often as the part has rows."""
    import pyarrow as pa

    repeated = [pa.repeat(pa.scalar(v, kind), len(p.block.numbers)) for p, v in zip(parts, values, strict=True)]
    return pa.concat_arrays(repeated)


def _make_zones(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TEMP TABLE IF NOT EXISTS zones (zone VARCHAR)")
    if con.execute("SELECT count(*) FROM zones").fetchone() == (0,):
        con.executemany("INSERT INTO zones VALUES (?)", [[zone] for zone in known_zones()])
