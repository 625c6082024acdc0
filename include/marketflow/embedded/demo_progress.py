"""Saying what the demo is doing, and waiting for Airflow to have done it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import Config
from marketflow.shared import MarketflowError
from marketflow.warehouse import connect, queries

PATIENCE = 600.0  # seconds without any progress until the demo gives up
CALM = 2.0  # seconds without a run, until all is taken to be done: assets wake DAGs within one


class Progress:
    """Says what is going on, each thing once, with the seconds since the start; and times the phases."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.seconds: dict[str, float] = {}
        self._said: set[str] = set()

    def say(self, words: str) -> None:
        """Print a line that was not printed before."""
        if words not in self._said:
            self._said.add(words)
            print(f"{time.monotonic() - self.start:6.1f} s  {words}", flush=True)

    @contextmanager
    def phase(self, name: str, words: str) -> Iterator[None]:
        """Time a phase."""
        self.say(words)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again every quarter of a second; raises MarketflowError when it takes too long."""
        if what:
            self.say(what)
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise MarketflowError(
                    f"gave up after {PATIENCE:.0f} s: {what or 'the DAG runs do not end'}; see `make logs`"
                )
            time.sleep(0.25)

    def wait_until_calm(self, config: Config, api: AirflowApi) -> None:
        """Until no DAG runs, none is about to, and the warehouse knows of no work left."""
        calm_since = time.monotonic()

        def calm() -> bool:
            nonlocal calm_since
            running = api.runs("running", "queued")
            for run in running:
                self.say(_words(run))
            if running or _unfinished(config):
                calm_since = time.monotonic()
            return time.monotonic() - calm_since > CALM

        self.wait(calm, "")


def _unfinished(config: Config) -> int:
    with connect(config.dsn("owner")) as conn:
        row = conn.execute(queries("embedded")["unfinished"]).fetchone()
    return sum(row) if row else 0


def _words(run: dict[str, Any]) -> str:
    number = run["dag_run_id"].rsplit("__", 1)[-1][-14:]
    return f"{run['dag_id']} is running ({number})" if run["state"] == "running" else f"{run['dag_id']} is waiting"
