"""What all tests share: settings of their own, a PostgreSQL server for the session, and a fresh warehouse per test."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import logging
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
for name in [n for n in os.environ if n.startswith(("MARKETFLOW_", "AIRFLOW"))]:
    del os.environ[name]  # the tests depend on nothing that the developer has set
# A folder that the user of the embedded PostgreSQL may enter too.
SCRATCH = Path(tempfile.mkdtemp(prefix="marketflow-test-"))
SCRATCH.chmod(0o755)
os.environ["MARKETFLOW_HOME"] = str(SCRATCH / "var")
os.environ["MARKETFLOW_LANDING"] = str(SCRATCH / "var/landing")
os.environ["MARKETFLOW_COLLECTOR_LOG"] = str(SCRATCH / "var/collected")
# Airflow reads its configuration when it is imported.
os.environ.update(
    AIRFLOW_HOME=str(SCRATCH / "airflow"),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{SCRATCH}/airflow.db",
    AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
)

from marketflow.embedded.postgres import Server  # noqa: E402  (the environment comes first)
from marketflow.shared import Clock  # noqa: E402
from marketflow.warehouse import ROLES, bootstrap, connect, migrate  # noqa: E402

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
PASSWORDS = dict.fromkeys(ROLES, "test-only")
_numbers = itertools.count()
_ROOM = 6 << 30  # bytes, for all who test at a time
_in_memory_homes: list[Path] = []


def free_port() -> int:
    """A TCP port that nobody listens on, and that nobody else is told of.

    Below those from which the kernel takes the local end of a connection, each process with a range of its own: a port
    that is asked of the kernel may come twice, and may be gone before its server binds it.
    """
    for port in _ports:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise AssertionError("each port of the range was given out")


def _port_range(first: int = 10_000, of_each: int = 2_500, processes: int = 8) -> Iterator[int]:
    """The ports of this process, begun anywhere in its range, as other test runs may be at work beside this one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % processes
    begin = random.SystemRandom().randrange(of_each)
    return (first + worker * of_each + (begin + n) % of_each for n in range(of_each))


_ports = _port_range()


@pytest.fixture(scope="session")
def pg_server() -> Iterator[Server]:
    """A PostgreSQL server with the roles and a migrated template database."""
    home = _in_memory() or SCRATCH
    server = Server(home=home / "pg", port=free_port(), password="test-only")
    server.start()
    try:
        _hurry(server)
        bootstrap(server.dsn(), "template_warehouse", PASSWORDS)
        with connect(owner_dsn(server, "template_warehouse")) as conn:
            migrate(conn, NOW)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home / "pg", ignore_errors=True)


def _in_memory() -> Path | None:
    """A folder that is no disk's, where there is one with room.

    ext4 looks the longer for an inode the more files have just been deleted, and a warehouse is a thousand files: half
    of the processors' time went there.
    """
    memory = Path("/dev/shm")
    if not (os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM):
        return None
    _in_memory_homes.append(home := Path(tempfile.mkdtemp(prefix="marketflow-test-", dir=memory)))
    home.chmod(0o755)
    return home


def _hurry(server: Server) -> None:
    """No waiting for the disk: what a test writes need not outlive this machine, only the server's processes."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET fsync = off")
        admin.execute("ALTER SYSTEM SET full_page_writes = off")
        admin.execute("ALTER SYSTEM SET max_wal_size = '256MB'")
        admin.execute("SELECT pg_reload_conf()")


def owner_dsn(server: Server, database: str) -> str:
    """The owner's URI for a database of the test server."""
    return f"postgresql://marketflow_owner:test-only@127.0.0.1:{server.port}/{database}"


@pytest.fixture
def warehouse_dsn(pg_server: Server) -> Iterator[str]:
    """The owner's URI of a fresh, migrated, empty warehouse (a copy of the template: 0.05 s)."""
    name = f"warehouse_{next(_numbers)}"
    with psycopg.connect(pg_server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_warehouse OWNER marketflow_owner STRATEGY file_copy")
        for role in ROLES:
            admin.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO marketflow_{role}")
    yield owner_dsn(pg_server, name)
    with psycopg.connect(pg_server.dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def conn(warehouse_dsn: str) -> Iterator[psycopg.Connection]:
    """A connection of the owner to the fresh warehouse; nothing is committed unless the test does."""
    with psycopg.connect(warehouse_dsn) as connection:
        yield connection


@pytest.fixture
def clock() -> Clock:
    """A clock whose business day is the last of the demo's data."""
    return Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(2017, 12, 31))


@pytest.fixture(autouse=True)
def _loggers_speak() -> None:
    """Airflow's configuration, once a test has imported it, silences the loggers that were there before it, and the root."""
    logging.getLogger("marketflow").setLevel(logging.INFO)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("marketflow") and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True


def pytest_sessionfinish() -> None:
    """Leave nothing behind."""
    for folder in (SCRATCH, *_in_memory_homes):
        shutil.rmtree(folder, ignore_errors=True)
