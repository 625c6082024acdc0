"""What PostgreSQL and MySQL/MariaDB do each in their own way when rows are read as texts.

Sessions are in UTC, read only, and see one state of the database (repeatable read).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal, Protocol

from marketflow.shared import SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

Meaning = Literal["text", "float", "flag", "instant", "wall", "day", "bytes", "nested"]
# By type code: pg_type.oid, and the protocol's field types.
_POSTGRESQL: dict[int, Meaning] = {
    16: "flag", 17: "bytes", 700: "float", 701: "float", 1082: "day", 1114: "wall", 1184: "instant",
}  # fmt: skip
_MYSQL: dict[int, Meaning] = {4: "float", 5: "float", 7: "instant", 10: "day", 12: "wall", 16: "bytes", 255: "bytes"}


class Dialect(Protocol):
    """One kind of server."""

    def begin(self, conn: sa.Connection) -> dt.datetime:
        """Begin the reading transaction; what the server's clock says."""

    def meaning(self, code: int) -> Meaning:
        """What a column of that type code holds."""

    def as_texts(self, conn: sa.Connection, codes: list[int]) -> None:
        """From now on give columns of these types as texts, as the server writes them."""

    def leave(self, conn: sa.Connection) -> None:
        """Close, although there may be rows left."""


def dialect_of(engine: sa.Engine) -> Dialect:
    """The dialect of an engine; raises SourceError for another kind of server."""
    found: dict[str, Dialect] = {"postgresql": PostgreSQL(), "mysql": MySQL(), "mariadb": MySQL()}
    if engine.dialect.name not in found:
        raise SourceError(f"{engine.dialect.name} is not supported as a source, only PostgreSQL and MySQL/MariaDB are")
    return found[engine.dialect.name]


class PostgreSQL:
    """By psycopg 3: a server-side cursor whose values stay the texts that the server sends."""

    def begin(self, conn: sa.Connection) -> dt.datetime:
        """See Dialect."""
        conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        conn.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        conn.exec_driver_sql("SET LOCAL datestyle = 'ISO, YMD'")
        now: dt.datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return now

    def meaning(self, code: int) -> Meaning:
        """See Dialect."""
        from psycopg.postgres import types

        if any(info.array_oid == code for info in types):
            return "nested"
        return _POSTGRESQL.get(code, "text")

    def as_texts(self, conn: sa.Connection, codes: list[int]) -> None:
        """See Dialect."""
        from psycopg.types.string import TextLoader

        raw: Any = conn.connection.dbapi_connection
        for code in codes:
            if self.meaning(code) not in ("bytes", "nested"):
                raw.adapters.register_loader(code, TextLoader)

    def leave(self, conn: sa.Connection) -> None:
        """See Dialect."""
        conn.close()


class MySQL:
    """By PyMySQL, unbuffered. Its truth values are small numbers, 1 and 0."""

    def begin(self, conn: sa.Connection) -> dt.datetime:
        """See Dialect."""
        conn.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.exec_driver_sql("SET SESSION time_zone = '+00:00'")
        conn.commit()  # what comes next begins a transaction of that kind
        now: dt.datetime = conn.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
        return now.replace(tzinfo=dt.UTC)

    def meaning(self, code: int) -> Meaning:
        """See Dialect."""
        return _MYSQL.get(code, "text")

    def as_texts(self, conn: sa.Connection, codes: list[int]) -> None:  # noqa: ARG002 - all of them
        """See Dialect."""
        raw: Any = conn.connection.dbapi_connection
        raw.decoders = {}

    def leave(self, conn: sa.Connection) -> None:
        """PyMySQL would read all the rows that are left, to the last: it is told that there are none."""
        raw: Any = conn.connection.dbapi_connection
        if (pending := getattr(raw, "_result", None)) is not None:
            pending.unbuffered_active = False
        conn.invalidate()
        conn.close()


def finished(texts: pa.Array, meaning: Meaning) -> pa.Array:
    """What a server wrote, as all readers write it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from marketflow.sources.readers.json_line import plain

    if meaning == "flag":
        return pc.if_else(pc.equal(texts, "t"), "true", "false")
    if meaning in ("wall", "instant"):
        texts = pc.utf8_replace_slice(texts, 10, 11, "T")
        if meaning == "wall":
            return texts
        return pc.binary_join_element_wise(pc.replace_substring_regex(texts, r"\+00$", ""), "Z", "")
    if meaning == "float" and pc.any(pc.match_substring_regex(texts, "[eE]")).as_py():
        return pa.array([t and plain(t) for t in texts.to_pylist()], pa.string())
    return texts
