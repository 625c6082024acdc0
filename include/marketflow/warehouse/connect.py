"""Connections to the warehouse and the role that a piece of work takes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import psycopg
from psycopg import sql

Role = Literal["owner", "loader", "sender", "audience", "analyst", "edge"]
ROLES: tuple[Role, ...] = ("owner", "loader", "sender", "audience", "analyst", "edge")

# Builds keep what a load brings in temporary tables, and read them thirty times. Those who run what others wrote may
# neither write nor hold the server up. A sender that is suspended in the middle of a transaction keeps rows locked, and
# with them all that other senders have for the same people; in the middle of a pipeline no idle timeout would see it.
ROLE_SETTINGS: dict[Role, dict[str, str]] = {
    "owner": {"temp_buffers": "64MB"},
    "sender": {"transaction_timeout": "30s"},
    "audience": {"statement_timeout": "30s", "default_transaction_read_only": "on"},
    "analyst": {"default_transaction_read_only": "on"},
}


def role_name(role: Role) -> str:
    """The role's name in PostgreSQL."""
    return f"marketflow_{role}"


def use_role(conn: psycopg.Connection, role: Role) -> None:
    """Give up all rights but those of `role`, until the connection closes (SET ROLE); its times are in UTC.

    Settings that the role has for its logins do not come with SET ROLE, so they are set here too.
    """
    use_utc(conn)
    conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role_name(role))))
    for name, value in ROLE_SETTINGS.get(role, {}).items():
        conn.execute("SELECT set_config(%s, %s, false)", [name, value])


def use_utc(conn: psycopg.Connection) -> None:
    """Let the session's instants be in UTC, whatever the zone of the server, of the database or of the login is."""
    conn.execute("SET TIME ZONE 'UTC'")


@contextmanager
def connect(dsn: str, role: Role | None = None, *, autocommit: bool = False) -> Iterator[psycopg.Connection]:
    """Open a connection in UTC, commit at the end of the block or roll back on an error, and close it.

    `dsn` is a libpq URI (`postgresql://…`); SQLAlchemy's `postgresql+psycopg://` is accepted too.
    """
    with psycopg.connect(dsn.replace("postgresql+psycopg://", "postgresql://", 1), autocommit=autocommit) as conn:
        if role is not None:
            use_role(conn, role)
        else:
            use_utc(conn)
        if not autocommit:
            conn.commit()  # so that a later rollback does not bring the login's rights and zone back
        yield conn
