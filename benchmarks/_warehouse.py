"""A PostgreSQL server of a benchmark's own, with a migrated empty warehouse; gone afterwards."""

from __future__ import annotations

import itertools
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from marketflow.embedded.postgres import Server
from marketflow.shared import Clock
from marketflow.warehouse import ROLES, bootstrap, connect, migrate

_PASSWORD = "benchmark-only"
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where to measure: the owner's URI of the warehouse, the superuser's of the server, and a folder for files."""

    dsn: str
    admin: str
    folder: Path

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The owner's URI of another, empty warehouse; gone at the end of the block. Nobody may use the first one."""
        name = f"warehouse_{next(_numbers)}"
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE warehouse OWNER marketflow_owner")
            for role in ROLES:
                conn.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO marketflow_{role}")
            yield self.dsn.rsplit("/", 1)[0] + f"/{name}"
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
            conn.execute("CHECKPOINT")  # what this one leaves to be written is not to slow the next one down


@contextmanager
def fresh_warehouse() -> Iterator[Bench]:
    """Start the server and stop it at the end of the block."""
    home = Path(tempfile.mkdtemp(prefix="marketflow-bench-"))
    home.chmod(0o755)  # the OS user that PostgreSQL runs as must get in
    server = Server(home=home / "pg", port=_free_port(), password=_PASSWORD)
    try:
        server.start()
        bootstrap(server.dsn(), "warehouse", dict.fromkeys(ROLES, _PASSWORD))
        dsn = f"postgresql://marketflow_owner:{_PASSWORD}@127.0.0.1:{server.port}/warehouse"
        with connect(dsn) as conn:
            migrate(conn, Clock(time_zone=ZoneInfo("UTC")).now())
        yield Bench(dsn=dsn, admin=server.dsn(), folder=home)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
