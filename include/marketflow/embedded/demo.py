"""`make demo`: the real DAGs on real purchase records, from landing files to mails in an inbox, and a summary.

It does what people would do: puts an export's files into the landing folder, starts the ingest DAGs, and, as a
marketer, starts the campaign `win_back` and approves it. All the rest wakes by itself.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any
from zoneinfo import ZoneInfo

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import pin_clock
from marketflow.embedded.demo_report import collect, show
from marketflow.embedded.memory import PeakMemory
from marketflow.embedded.stack import Config, process_roots, up
from marketflow.shared import ConfigurationError, MarketflowError
from marketflow.warehouse import connect, queries

BUSINESS_DAY = dt.date(2017, 12, 31)  # the last complete day of the data
ZONE = ZoneInfo("America/New_York")
RECORDS = ("products", "customers", "campaigns", "coupons", "behaviour", "orders")
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


def run() -> None:
    """Run the demo; raises MarketflowError when a part of it fails."""
    config = Config.from_env()
    if config.replaced:
        raise ConfigurationError(
            f"the demo makes up data and sends mails, and {', '.join(config.replaced)} "
            "points to servers of yours: unset it"
        )
    progress = Progress()
    with PeakMemory(lambda: process_roots(config)) as memory:
        with progress.phase("landing_files", "writing the shop's export into var/landing"):
            _landing(config)
        with progress.phase("start", "starting PostgreSQL, the mail catcher, the edge service and Airflow"):
            pin_clock(config, BUSINESS_DAY, ZONE)
            up(config)
        with _api(config, "admin") as admin, _api(config, "marketer") as marketer:
            with progress.phase("load_model_send", "taking in the files; the other DAGs wake by themselves"):
                _start_ingest(admin, progress)
                _wait_until_calm(config, admin, progress)
            with progress.phase("win_back", "a marketer starts the campaign win_back"):
                _win_back(admin, marketer, progress)
                _wait_until_calm(config, admin, progress)
            failed = admin.runs("failed")
    seconds = {**progress.seconds, "total": round(time.monotonic() - progress.start, 1)}
    summary = {**collect(config), "seconds": seconds, "peak_memory_mib": round(memory.peak)}
    target = config.home / "demo" / "summary.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    show(config, summary)
    if failed:
        raise MarketflowError("these DAG runs failed: " + ", ".join(f"{r['dag_id']} {r['dag_run_id']}" for r in failed))


def _landing(config: Config) -> None:
    from marketflow.sources.complete_journey import write_landing

    # in a process of its own: the export is read whole, and its memory would stay with us until the end
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pool.submit(write_landing, config.landing).result()


def _api(config: Config, user: str) -> AirflowApi:
    return AirflowApi(config.airflow_url, user, config.airflow_password(user))


def _start_ingest(api: AirflowApi, progress: Progress) -> None:
    wanted = {f"ingest_{r}" for r in RECORDS} | {"win_back", "thank_you", "build_core", "build_marts"}
    _wait(lambda: wanted <= api.dag_ids(), progress, "Airflow reads the DAG files")
    if errors := api.import_errors():
        raise MarketflowError(f"DAG files that do not parse: {', '.join(errors)}")
    for record in RECORDS:
        api.trigger(f"ingest_{record}")


def _win_back(admin: AirflowApi, marketer: AirflowApi, progress: Progress) -> None:
    """A marketer's part: start it for real, read the plan, approve. There is no question when nobody new is found."""
    run_id = marketer.trigger("win_back", {"dry_run": False})

    def over() -> bool:
        for question in marketer.answer("win_back", run_id, "Approve"):
            progress.say(f"win_back asks: {question['subject']} - the marketer approves")
        return admin.run("win_back", run_id)["state"] in ("success", "failed")

    _wait(over, progress, "win_back: planning who gets it")


def _wait_until_calm(config: Config, api: AirflowApi, progress: Progress) -> None:
    """Until no DAG runs, none is about to, and the warehouse knows of no work left."""
    calm_since = time.monotonic()

    def calm() -> bool:
        nonlocal calm_since
        running = api.runs("running", "queued")
        for run in running:
            progress.say(_words(run))
        if running or _unfinished(config):
            calm_since = time.monotonic()
        return time.monotonic() - calm_since > CALM

    _wait(calm, progress, "")


def _unfinished(config: Config) -> int:
    with connect(config.dsn("owner")) as conn:
        row = conn.execute(queries("embedded")["unfinished"]).fetchone()
    return sum(row) if row else 0


def _words(run: dict[str, Any]) -> str:
    number = run["dag_run_id"].rsplit("__", 1)[-1][-14:]
    return f"{run['dag_id']} is running ({number})" if run["state"] == "running" else f"{run['dag_id']} is waiting"


def _wait(condition: Any, progress: Progress, what: str) -> None:
    """Ask again every quarter of a second; raises MarketflowError when it takes too long."""
    if what:
        progress.say(what)
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise MarketflowError(
                f"gave up after {PATIENCE:.0f} s: {what or 'the DAG runs do not end'}; see `make logs`"
            )
        time.sleep(0.25)
