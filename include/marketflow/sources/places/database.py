"""Rows of a database that changed, window by window: PostgreSQL and MySQL/MariaDB, through SQLAlchemy.

A window is (since, until]: it begins where the newest one in the manifest ended, and ends `lag_seconds` behind the
earlier of our clock and the server's, at a full second. A row is seen when its transaction commits within the lag;
keep the lag longer than the longest transaction that writes. A window without rows is not entered, so the next one
begins at the same point. A watermark without a zone is taken in the source's zone (UTC without one); around a change of
the clocks the window is widened by the hour that comes twice, and the newest version of a row wins as ever.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from marketflow.shared import Clock, SourceError
from marketflow.sources.definition import Source
from marketflow.sources.places.dialects import Dialect, dialect_of
from marketflow.sources.places.item import Fingerprint, Item, Window
from marketflow.sources.places.result import Result
from marketflow.sources.readers.block import Reader

if TYPE_CHECKING:
    import sqlalchemy as sa


def next_window(since: dt.datetime | None, now: dt.datetime, lag_seconds: int) -> Window | None:
    """The window that may be read at `now`; None when it would be empty.

    It ends at a full second, and one second ago at least: a column without fractions tells the second only, and more
    rows may come in the one that runs.
    """
    until = (now - dt.timedelta(seconds=max(lag_seconds, 1))).astimezone(dt.UTC).replace(microsecond=0)
    since = since.astimezone(dt.UTC) if since else None  # a driver may drop the zone, and a wall clock's sums are wrong
    return Window(since=since, until=until) if since is None or since < until else None


@contextmanager
def _own_words(connection: str) -> Iterator[None]:
    """Errors in our words: a server's own may hold data, except where they are about the statement."""
    from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

    try:
        yield
    except NoSuchTableError as error:
        raise SourceError(f"the database of the connection {connection} has no table {error}") from None
    except DBAPIError as error:
        raise SourceError(f"the database of the connection {connection} {_reported(error.orig)}") from None
    except SQLAlchemyError as error:
        raise SourceError(f"the connection {connection} cannot be used ({type(error).__name__})") from None


def _reported(error: Any) -> str:
    """What a driver's error says that holds no data: all of it only when it is about the statement or the login."""
    numbers = (1044, 1045, 1049, 1054, 1060, 1064, 1142, 1143, 1146)
    if diagnosis := getattr(error, "diag", None):  # psycopg
        about = (error.sqlstate or "").startswith(("42", "28", "3D"))
        code, words = error.sqlstate, diagnosis.message_primary if about else ""
    else:  # PyMySQL
        code, words = (*getattr(error, "args", ()), None, None)[:2]
        words = words if code in numbers else ""
        code = code if isinstance(code, int) and 1000 <= code < 2000 else None
    if code is None:
        return f"cannot be reached ({type(error).__name__}): check host, port and login of the connection"
    return f"reported error {code}" + (f": {words}" if words else "")


class DatabasePlace:
    """The rows that changed since the last time; a Place with one item, or none."""

    def __init__(
        self,
        source: Source,
        engines: Callable[[str], sa.Engine],
        since: Callable[[], dt.datetime | None],
        clock: Clock,
    ) -> None:
        """`since`: the end of the newest window that was taken in; asked for when the items are."""
        self._source, self._engines, self._since, self._clock = source, engines, since, clock

    def items(self) -> Iterator[Item]:
        """The window that may be read now. Raises SourceError, ConfigurationError."""
        origin = self._source.from_.sql
        assert origin is not None  # a source with sql is what this place is for
        engine = self._engines(origin.connection)
        dialect = dialect_of(engine)
        with _own_words(origin.connection), engine.connect() as conn:
            now = min(dialect.begin(conn), self._clock.now())
        window = next_window(self._since(), now, origin.lag_seconds)
        if window is not None:
            yield Rows(self._source, engine, dialect, window)


class Rows:
    """The rows of a window; an Item."""

    def __init__(self, source: Source, engine: sa.Engine, dialect: Dialect, window: Window) -> None:
        assert source.from_.sql is not None
        self.window: Window | None = window
        self.name = f"{source.name}/{_shown(window.since)} .. {_shown(window.until)}"
        self._source, self._engine, self._dialect, self._bounds = source, engine, dialect, window
        self._connection = source.from_.sql.connection

    def fingerprint(self) -> Fingerprint:
        """SHA-256 of source and bounds."""
        return Fingerprint(checksum=hashlib.sha256(b"window\0" + self.name.encode()).digest(), size=0)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Run the query in a transaction that only reads. Raises HeaderRefused, SourceError."""
        with _own_words(self._connection):
            conn = self._engine.connect()
            try:
                self._dialect.begin(conn)
                yield Result(self._source, conn, self._dialect, self._bounds)
            finally:
                self._dialect.leave(conn)


def _shown(bound: dt.datetime | None) -> str:
    return bound.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if bound else "the beginning"
