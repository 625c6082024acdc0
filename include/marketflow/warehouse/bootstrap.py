"""What only a superuser can do, once per server: the roles and the warehouse's database."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from marketflow.warehouse.connect import ROLE_SETTINGS, ROLES, Role, role_name


def bootstrap(superuser_dsn: str, database: str, passwords: Mapping[Role, str]) -> None:
    """Create or update the roles, create `database` owned by the owner, and shut everybody else out.

    The owner may take on every other role (SET ROLE), so one Airflow connection is enough.
    Safe to repeat. `passwords` holds the logins to be allowed; a role without one cannot log in.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as conn:
        for role in ROLES:
            _ensure_role(conn, role, passwords.get(role))
        for role in ROLES[1:]:
            conn.execute(sql.SQL("GRANT {} TO {}").format(_ident(role), _ident("owner")))
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), _ident("owner")))
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
        for role in ROLES:
            conn.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(database), _ident(role))
            )


def _ensure_role(conn: psycopg.Connection, role: Role, password: str | None) -> None:
    if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role_name(role)]).fetchone():
        conn.execute(sql.SQL("CREATE ROLE {}").format(_ident(role)))
    if password is not None:
        conn.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(_ident(role), sql.Literal(password)))
    for name, value in ROLE_SETTINGS.get(role, {}).items():
        conn.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(_ident(role), sql.Identifier(name), sql.Literal(value))
        )


def _ident(role: Role) -> sql.Identifier:
    return sql.Identifier(role_name(role))
