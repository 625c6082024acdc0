"""Numbered migrations, forward only: `sql/migrations/NNNN_name.sql`, each in one transaction, each once."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg

from marketflow.shared import ConfigurationError, settings

_LOCK = 7_236_001  # any number, the same for all that migrate


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file of `sql/migrations`."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, hexadecimal: an applied migration must not change."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load_migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations in order; raises ConfigurationError when numbers have gaps or stand twice."""
    files = sorted((folder or settings().root / "sql" / "migrations").glob("*.sql"))
    found = [
        Migration(version=int(f.name.split("_", 1)[0]), name=f.stem, text=f.read_text(encoding="utf-8")) for f in files
    ]
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError("sql/migrations must be numbered 0001, 0002, ... without gaps")
    return found


def pending_migrations(conn: psycopg.Connection) -> list[Migration]:
    """Those not yet applied; raises ConfigurationError when an applied one was edited afterwards."""
    applied = _applied(conn)
    for m in load_migrations():
        if applied.get(m.version, m.checksum) != m.checksum:
            raise ConfigurationError(f"sql/migrations/{m.name}.sql was edited after it ran here; write a new migration")
    return [m for m in load_migrations() if m.version not in applied]


def migrate(conn: psycopg.Connection, now: dt.datetime) -> list[str]:
    """Apply what is pending, as the owner, and return the names. Two at once: the second waits, then finds nothing."""
    conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS public.schema_migrations ("
            "version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        conn.commit()
        todo = pending_migrations(conn)
        for m in todo:
            conn.execute(m.text)
            conn.execute(
                "INSERT INTO public.schema_migrations VALUES (%s, %s, %s, %s)", [m.version, m.name, m.checksum, now]
            )
            conn.commit()
        return [m.name for m in todo]
    finally:
        conn.rollback()
        conn.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        conn.commit()


def _applied(conn: psycopg.Connection) -> dict[int, str]:
    if conn.execute("SELECT to_regclass('public.schema_migrations')").fetchone() == (None,):
        return {}
    return {int(v): str(c) for v, c in conn.execute("SELECT version, checksum FROM public.schema_migrations")}
