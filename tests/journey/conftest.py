"""The real stack, on ports of its own, for the tests that go the whole way."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import small_shop
from conftest import ROOT, SCRATCH, free_port
from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import pin_clock
from marketflow.embedded.stack import Config

PORTS = ("PG", "AIRFLOW", "SMTP", "MAILBOX", "EDGE", "LOG", "TRIGGER_LOG")


@dataclass
class Stack:
    """A running stack and the means to look into it."""

    home: Path
    config: Config
    environ: dict[str, str]
    admin: AirflowApi

    def marketflow(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command `marketflow` as this stack's user would."""
        return subprocess.run(
            [sys.executable, "-m", "marketflow", *words], env=self.environ, check=True, capture_output=True, text=True
        )

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse, as its owner."""
        with psycopg.connect(self.config.dsn("owner")) as conn:
            return conn.execute(text, values).fetchall()

    def connect(self) -> psycopg.Connection:
        """A connection of the warehouse's owner."""
        return psycopg.connect(self.config.dsn("owner"))

    def mails(self) -> list[Path]:
        """The files of the inbox."""
        return [f for folder in ("new", "cur") for f in (self.home / "mail" / folder).glob("*") if f.is_file()]

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        """Wait for a condition; fails the test when it does not come."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                failed = self.admin.runs("failed")
                pytest.fail(f"{what}: not within {seconds} s; failed runs: {[r['dag_run_id'] for r in failed]}")
            time.sleep(0.2)
        return found

    def finish(self, dag_id: str, form: dict[str, Any] | None = None, seconds: float = 120) -> tuple[str, str]:
        """Trigger a DAG, wait for the run's end, return (run id, state)."""
        run_id = self.admin.trigger(dag_id, form)

        def run() -> str:
            return str(self.admin.run(dag_id, run_id)["state"])

        self.until(lambda: run() in ("success", "failed"), f"{dag_id} {form}", seconds)
        return run_id, run()

    def calm(self, seconds: float = 180) -> None:
        """Wait until no DAG runs and none is about to."""
        quiet_since = time.monotonic()

        def is_calm() -> bool:
            nonlocal quiet_since
            if self.admin.runs("running", "queued"):
                quiet_since = time.monotonic()
            return time.monotonic() - quiet_since > 2.0  # assets wake a DAG within one second

        self.until(is_calm, "the DAGs come to rest", seconds)


def stack_environment(home: Path) -> dict[str, str]:
    """The environment of a stack whose state is `home`, on free ports."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MARKETFLOW_"))}
    ports = {f"MARKETFLOW_{name}_PORT": str(free_port()) for name in PORTS}
    folders = {"MARKETFLOW_HOME": home, "MARKETFLOW_LANDING": home / "landing"}
    return {**clean, **ports, **{name: str(folder) for name, folder in folders.items()}}


@contextmanager
def running_stack(environ: dict[str, str]) -> Iterator[Stack]:
    """Start a stack, wait until Airflow knows the DAGs, and stop it in the end."""
    home = Path(environ["MARKETFLOW_HOME"])
    environ = {**environ, "MARKETFLOW_SOURCES": str(home / "sources")}  # a test may add some
    shutil.copytree(ROOT / "include" / "sources", home / "sources", dirs_exist_ok=True)
    config = Config.from_env(environ)
    tomorrow = dt.datetime.now(small_shop.ZONE).date() + dt.timedelta(days=1)  # a clock that is ahead, never behind
    pin_clock(config, small_shop.LAST_DAY, small_shop.ZONE, tomorrow)
    try:
        subprocess.run([sys.executable, "-m", "marketflow", "up"], env=environ, check=True)
        with AirflowApi(config.airflow_url, "admin", config.airflow_password("admin")) as admin:
            running = Stack(home=home, config=config, environ=environ, admin=admin)
            running.until(lambda: {"win_back", "build_marts"} <= admin.dag_ids(), "DAGs appear")
            yield running
    finally:
        subprocess.run([sys.executable, "-m", "marketflow", "stop"], env=environ, check=False)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running stack over the small shop's files, its business day their last; each module has its own."""
    home = SCRATCH / request.node.path.stem
    home.mkdir()
    small_shop.write(home / "landing")
    with running_stack(stack_environment(home)) as running:
        yield running
