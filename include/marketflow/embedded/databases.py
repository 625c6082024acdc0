"""The two databases of the embedded server: the warehouse, and Airflow's own, closed to the warehouse's roles."""

from __future__ import annotations

import json
from importlib.metadata import version

import psycopg
from psycopg import sql

from marketflow.embedded.config import WAREHOUSE, Config
from marketflow.embedded.environment import METADATA, server, warehouse_dsn
from marketflow.shared import Settings
from marketflow.warehouse import bootstrap, connect, migrate
from marketflow.warehouse.transforms import write_comments


def prepare_databases(config: Config) -> None:
    """Create or update roles and databases, as the superuser. Safe to repeat."""
    superuser = server(config).dsn()
    bootstrap(superuser, WAREHOUSE, config.secrets.role_passwords())
    bootstrap_airflow(superuser, config.secrets.password(METADATA))


def bootstrap_airflow(superuser: str, password: str) -> None:
    """Create or update Airflow's role and database, both named `airflow`, and shut everybody else out."""
    name = sql.Identifier(METADATA)
    with psycopg.connect(superuser, autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [METADATA]).fetchone():
            conn.execute(sql.SQL("CREATE ROLE {}").format(name))
        conn.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(password)))
        # a killed scheduler's workers hold its connection, with row locks: the next one would schedule nothing
        conn.execute(sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = '30s'").format(name))
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [METADATA]).fetchone():
            conn.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(name))
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def migrate_warehouse(config: Config) -> list[str]:
    """Bring the warehouse's shape and descriptions up to date, as its owner; returns the migrations that ran."""
    with connect(warehouse_dsn(config)) as conn:
        applied = migrate(conn, Settings().clock().now())
        write_comments(conn)
        return applied


def is_metadata_migrated(config: Config) -> bool:
    """Does Airflow's database stand where `airflow db migrate` of this version left it? Asking Airflow takes 4.5 s."""
    note = config.airflow_home / "migrated.json"
    return note.exists() and json.loads(note.read_text()) == _metadata_state(config)


def note_metadata_migrated(config: Config) -> None:
    """Remember that `airflow db migrate` went through."""
    (config.airflow_home / "migrated.json").write_text(json.dumps(_metadata_state(config)))


def _metadata_state(config: Config) -> dict[str, str | None]:
    with psycopg.connect(server(config).dsn(METADATA)) as conn:
        exists = conn.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone() == (True,)
        row = conn.execute("SELECT version_num FROM public.alembic_version").fetchone() if exists else None
    return {"airflow": version("apache-airflow-core"), "revision": str(row[0]) if row else None}
