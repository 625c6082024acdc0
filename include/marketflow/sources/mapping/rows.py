"""One record's rows for COPY: chosen, stored once where they are the same, personal values encrypted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketflow.privacy import KeyRing
from marketflow.sources.contracts import Column, Contract
from marketflow.sources.mapping.repeats import Repeats
from marketflow.sources.mapping.words import literal, name
from marketflow.sources.personal import personal_columns

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

POSITION = ("load_id", "file_id", "record_no")
_HALF = (1 << 64) - 1


class RowMaker:
    """Makes the rows of one record; `distinct`: the same row of the same file is stored once."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, contract: Contract, columns: Sequence[Column], keys: KeyRing,
        country: str, *, distinct: bool,
    ) -> None:  # fmt: skip
        self.con, self.contract, self.columns, self.keys, self.country = con, contract, columns, keys, country
        self.distinct, self.salt = distinct, secrets.token_hex(16)
        self.seen = name(f"seen_{contract.record}")
        self.repeats = Repeats(self._told)
        if distinct:
            con.execute(f"CREATE OR REPLACE TEMP TABLE {self.seen} (file_id BIGINT, a UBIGINT, b UBIGINT)")

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns for COPY: the place, what the source gives, and when, unless the file says that for all.

        Those that the source does not give have their table's default, which is the contract's.
        """
        made = [t for c in self.columns for t in (c.target, c.hash_target, c.refusal_target) if t and t != "version_at"]
        return (*POSITION, *made, *(() if self._files_say_when else ("version_at",)))

    def make(self, judged: pa.Table, place: dict[str, pa.Array], kept: pa.ChunkedArray | None) -> pa.Table:
        """The rows as they are to stand in raw, in Arrow's types; `kept` None: all."""
        import pyarrow as pa

        record = self.contract.record
        given = {c.target: judged[f"{record}.{c.target}"] for c in self.columns if c.target != "version_at"}
        rows = pa.table({**place, **given})
        if self._has_times:
            rows = _with_version(rows, judged[f"{record}.version_at"])
        if self.distinct:
            kept = both(kept, self.repeats.are_new(rows))
        if kept is not None:
            rows = rows.filter(kept)
        if self.distinct and len(rows):
            rows = self._once(rows)
            self.repeats.add(rows)
        return self._finished(rows)

    def forget(self) -> None:
        """Begin new files."""
        if self.distinct:
            self.repeats.forget()
            self.con.execute(f"DELETE FROM {self.seen}")  # noqa: S608 - a quoted name

    def _once(self, rows: pa.Table) -> pa.Table:
        """Without rows that this file has had: within the block by grouping, before it by a digest of 128 bits.

        What DuckDB keeps, and may spill to disk, are the digests only, salted for this run.
        """
        columns = ", ".join(name(c) for c in rows.column_names if c != "record_no")
        row = f"ROW({literal(self.salt)}, {columns})::VARCHAR"
        self.con.register("rows", rows)
        fresh = self.con.sql(  # all names and texts are quoted; the digest is made once, its halves fit Arrow's types
            f"SELECT * FROM (SELECT * EXCLUDE (digest), (digest >> 64)::UBIGINT AS a, (digest & {_HALF})::UBIGINT AS b"  # noqa: S608
            f" FROM (SELECT *, md5_number({row}) AS digest"
            f" FROM (SELECT {columns}, min(record_no) AS record_no FROM rows GROUP BY {columns}))) AS d"
            f" WHERE NOT EXISTS (SELECT 1 FROM {self.seen} AS s"
            " WHERE s.file_id = d.file_id AND s.a = d.a AND s.b = d.b)"
            " ORDER BY file_id, record_no"
        ).to_arrow_table()
        self.con.unregister("rows")
        self.con.register("fresh", fresh.select(["file_id", "a", "b"]))
        self.con.execute(f"INSERT INTO {self.seen} SELECT * FROM fresh")  # noqa: S608
        self.con.unregister("fresh")
        return fresh.select(rows.column_names).cast(rows.schema)  # DuckDB calls UTC Etc/UTC

    def _finished(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        made = {t: rows[t] for t in POSITION}
        for column in self.columns:
            if column.personal or column.kind == "key":
                made |= personal_columns(column, rows[column.target], self._countries(rows), self.keys)
            elif column.target != "version_at":
                made[column.target] = rows[column.target]
        made["version_at"] = rows["version_at"]
        return pa.table({t: made[t] for t in self.targets})

    @property
    def _told(self) -> list[str]:
        """The columns that may differ from row to row, the first of the key in front."""
        key = self.contract.column(self.contract.key[0]).target
        return sorted((c.target for c in self.columns), key=lambda target: target != key)

    @property
    def _has_times(self) -> bool:
        return any(c.target == "version_at" for c in self.columns)

    @property
    def _files_say_when(self) -> bool:
        return self.contract.is_bulk and not self._has_times

    def _countries(self, rows: pa.Table) -> list[str | None]:
        if "country" not in rows.column_names:
            return [self.country] * len(rows)
        return [c or self.country for c in rows["country"].to_pylist()]


def both(some: pa.ChunkedArray | None, others: pa.ChunkedArray | None) -> pa.ChunkedArray | None:
    """The rows that are in both masks; None is a mask of all."""
    import pyarrow.compute as pc

    if some is None or others is None:
        return others if some is None else some
    return pc.and_(some, others)


def _with_version(rows: pa.Table, own: pa.ChunkedArray) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    at = rows.column_names.index("version_at")
    return rows.set_column(at, "version_at", pc.coalesce(own.cast(pa.timestamp("us", "UTC")), rows["version_at"]))
