"""The rows of a window as blocks of texts: from the source's table or query, as the server sends them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from marketflow.shared import SourceError
from marketflow.sources.definition import Source, SqlOrigin
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.places.dialects import Dialect, Meaning, finished
from marketflow.sources.places.item import Window
from marketflow.sources.readers.block import BLOCK_BYTES, Block
from marketflow.sources.readers.texts import from_python, screened

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

log = logging.getLogger(__name__)
_LONG_AGO = dt.datetime(1000, 1, 1, tzinfo=dt.UTC)  # MySQL knows no earlier year
_FAR_AHEAD = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_FIRST, _MOST = 500, 5_000  # rows fetched at a time: fewer when they are wide
_NEAR = dt.timedelta(hours=3)  # no zone moves its clocks by more


def wall_bounds(since: dt.datetime, until: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """The window's bounds on a wall clock, without zone, so that no instant of it lies outside.

    When clocks are set back an hour comes twice: near that the bounds reach over it.
    """
    back_after = _offset(since, zone) - _offset(since + _NEAR, zone)
    back_before = _offset(until - _NEAR, zone) - _offset(until, zone)
    none = dt.timedelta(0)
    return (
        since.astimezone(zone).replace(tzinfo=None) - max(back_after, none),
        until.astimezone(zone).replace(tzinfo=None) + max(back_before, none),
    )


def _offset(instant: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    return instant.astimezone(zone).utcoffset() or dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table or query: its name, its type code, and what that means."""

    name: str
    code: int
    meaning: Meaning


class Result:
    """A Reader. The statement runs when the blocks are asked for; the columns are known before."""

    def __init__(self, source: Source, conn: sa.Connection, dialect: Dialect, window: Window) -> None:
        """Raises HeaderRefused, SourceError, and SQLAlchemy's errors."""
        assert source.from_.sql is not None
        self._origin, self._conn, self._window = source.from_.sql, conn, window
        self._zone = ZoneInfo(source.time_zone or "UTC")
        everything = _everything(self._origin, conn)
        found: Any = conn.execute(everything.limit(0)).cursor
        columns = [_Column(d[0], d[1], dialect.meaning(d[1])) for d in found.description]
        self._used = [c for c in columns if c.name in source.used_columns]
        self._watermark = _checked(columns, self._used, self._origin.watermark)
        # The watermark has a field of its own in the source file: it need not be mapped, or named as unused.
        self.header = tuple(c.name for c in columns if c is not self._watermark or c in self._used)
        self._warn_of_lost(source.name, everything)
        dialect.as_texts(conn, [c.code for c in self._used])
        self._statement = self._narrowed(everything)

    def blocks(self) -> Iterator[Block]:
        """All rows of the window, once, in the server's order."""
        rows = self._conn.execute(self._statement, self._values(), execution_options={"stream_results": True})
        names = list(rows.keys())
        places = [names.index(c.name) for c in self._used]
        first, size = 1, _FIRST
        while some := rows.fetchmany(size):
            columns = list(zip(*some, strict=True))
            table = self._table([columns[place] for place in places])
            yield screened(table, first)
            first += len(some)
            size = max(1, min(_MOST, BLOCK_BYTES // max(1, table.nbytes // len(some))))

    def _warn_of_lost(self, source: str, everything: Any) -> None:
        """Count the rows of a table that no window has: their time is infinite, MySQL's zero, or became null."""
        import sqlalchemy as sa

        if self._origin.table is None:
            return  # which rows a query lets through is its own affair
        first, last = (
            at.replace(tzinfo=None) if self._watermark.meaning == "wall" else at for at in (_LONG_AGO, _FAR_AHEAD)
        )
        changed = everything.selected_columns[self._origin.watermark]
        lost = sa.or_(changed <= sa.literal(first, changed.type), changed > sa.literal(last, changed.type))
        if self._window.since is not None:
            lost = sa.or_(lost, changed.is_(None))
        rows = self._conn.execute(sa.select(sa.func.count()).select_from(changed.table).where(lost)).scalar_one()
        if rows:
            log.warning(
                "%s: %s rows have a watermark that is absent, zero or infinite: no window has them", source, rows
            )

    def _narrowed(self, everything: Any) -> Any:
        """The statement for the window; of a table, the columns that the source uses, and no value converted."""
        import sqlalchemy as sa

        if self._origin.query is not None:
            return sa.text(_bare(self._origin.query))
        columns = everything.selected_columns
        changed = columns[self._origin.watermark]
        rows = sa.and_(
            changed > sa.bindparam("since", type_=changed.type), changed <= sa.bindparam("until", type_=changed.type)
        )
        if self._window.since is None:  # what has no time at all comes with the first window, and never again
            rows = sa.or_(rows, changed.is_(None))
        wanted = [sa.type_coerce(columns[c.name], sa.types.NullType()).label(c.name) for c in self._used]
        return sa.select(*wanted).where(rows)

    def _values(self) -> dict[str, dt.datetime]:
        since, until = (self._window.since or _LONG_AGO).astimezone(dt.UTC), self._window.until.astimezone(dt.UTC)
        if self._watermark.meaning == "wall":
            since, until = wall_bounds(since, until, self._zone)
        return {"since": since, "until": until}

    def _table(self, columns: Sequence[Sequence[Any]]) -> pa.Table:
        import pyarrow as pa

        made = {}
        for column, values in zip(self._used, columns, strict=True):
            if bytes in set(map(type, values)):
                raise HeaderRefused(f"the column {column.name!r} holds bytes, not text")
            texts = [from_python(v) for v in values] if column.meaning == "nested" else values
            made[column.name] = finished(pa.array(texts, pa.string()), column.meaning)
        return pa.table(made)


def _everything(origin: SqlOrigin, conn: sa.Connection) -> Any:
    """All columns of the table or query, as a statement to be narrowed."""
    import sqlalchemy as sa

    if origin.table is not None:
        schema, _, name = origin.table.rpartition(".")
        return sa.select(sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=conn, resolve_fks=False))
    query = sa.text(_bare(origin.query or "") + "\n")  # it may end with a comment
    others = sorted(set(query.compile().params) - {"since", "until"})
    if others:
        raise SourceError(
            f"the query has the parameter :{others[0]}; known are :since and :until; a colon is written \\:"
        )
    within = query.bindparams(since=_LONG_AGO, until=_LONG_AGO).columns().subquery("rows_of_source")
    return sa.select(sa.text("*")).select_from(within)


def _bare(query: str) -> str:
    return query.strip().rstrip(";")


def _checked(columns: Sequence[_Column], used: Sequence[_Column], watermark: str) -> _Column:
    """The watermark's column. Raises HeaderRefused when it, or a column that is used, is not of a kind that will do."""
    found = next((c for c in columns if c.name == watermark), None)
    if found is None:
        raise HeaderRefused(f"the watermark {watermark} is not among the columns")
    if found.meaning not in ("instant", "wall"):
        raise HeaderRefused(
            f"the watermark {watermark} is not a time (a day is not enough: rows may come later that day)"
        )
    for column in used:
        if column.meaning == "bytes":
            raise HeaderRefused(f"the column {column.name!r} holds bytes, not text")
    return found
