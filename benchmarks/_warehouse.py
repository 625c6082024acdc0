"""A PostgreSQL server of a benchmark's own, with a migrated empty warehouse; gone afterwards."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from marketflow.embedded.postgres import Server
from marketflow.shared import Clock
from marketflow.warehouse import ROLES, bootstrap, connect, migrate

_PASSWORD = "benchmark-only"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where to measure: the owner's URI of the warehouse, and a folder for files."""

    dsn: str
    folder: Path


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
        yield Bench(dsn=dsn, folder=home)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
