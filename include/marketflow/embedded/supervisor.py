"""The supervisor: one process that starts the stack in order, restarts what dies, and ends all of it.

Airflow's order matters: a scheduler without an API server fails the tasks that it starts, and the first call of the
task API takes longer than a task waits. Before a part is started again, all that the dead one left behind is ended:
the workers of a killed scheduler would keep its database connection, and with it the locks of its rows.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from marketflow.embedded import processes
from marketflow.embedded.config import Config
from marketflow.embedded.databases import (
    is_metadata_migrated,
    migrate_warehouse,
    note_metadata_migrated,
    prepare_databases,
)
from marketflow.embedded.health import WarmUp, airflow_health
from marketflow.embedded.parts import Launch, Part, migration, parts
from marketflow.shared import ConfigurationError, MarketflowError

START_PATIENCE = 240.0  # seconds for one step of the start; the longest took 10 on two idle cores
MAX_FAILURES = 3  # deaths of one part before it was ready once: then the start fails
MAX_PAUSE = 15.0  # seconds between attempts to restart a part that keeps dying
HANGS_AFTER = 120.0  # seconds without being ready until a living part is taken to hang

SPOKEN_FOR = ("dag-processor", "scheduler", "triggerer")  # the API server tells how they are


class Stopped(MarketflowError):
    """Somebody asked the supervisor to end."""


@dataclass
class Running:
    """A part and its present process."""

    part: Part
    process: subprocess.Popen[bytes]
    started_at: dt.datetime
    ready: bool = False
    failures: int = 0
    restarts: int = 0
    next_try: float = 0.0
    next_look: float = 0.0
    unready_since: float | None = None


class Supervisor:
    """Runs the stack of `config` until SIGTERM or SIGINT."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._parts = parts(config)
        self._running: dict[str, Running] = {}
        self._events: list[str] = []
        self._phase, self._error = "starting", ""
        self._began = time.monotonic()
        self._stop = False
        self._warm: WarmUp | None = None

    def run(self) -> None:
        """Start everything, watch over it, and end it; raises MarketflowError when the start fails."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stop", True))
        processes.adopt_orphans()
        try:
            self._start_all()
            self._say("all parts are ready")
            self._phase = "running"
            self._write_state()
            self._until(lambda: False, "the end", patience=float("inf"))
        except Stopped:
            pass
        except Exception as error:
            self._phase, self._error = "failed", str(error)
            self._say("failed")
            raise
        finally:
            self._end_all()

    def _start_all(self) -> None:
        self.config.secrets.prepare()
        if "postgres" in self._parts:
            self._start("postgres")
            self._until_ready("postgres")
            prepare_databases(self.config)
        migrating = self._start_migration() if "api-server" in self._parts else None
        # the scheduler imports for seconds, then waits for the task API by itself (orchestration.preload)
        self._start("scheduler", "mail")
        if "postgres" in self._parts and (applied := migrate_warehouse(self.config)):
            self._say(f"the warehouse has its tables ({len(applied)} migrations)")
        self._start("edge")
        if migrating:
            self._finish_migration(migrating)
        self._start("api-server", "dag-processor")
        self._until_ready("api-server")
        self._start("triggerer")
        self._until(lambda: self._warm is None or self._warm.is_done(), "Airflow's task API")
        self._until_ready(*self._parts)

    def _start_migration(self) -> subprocess.Popen[bytes] | None:
        if is_metadata_migrated(self.config):
            return None
        self._say("bringing Airflow's database up to date")
        return self._run(migration(self.config), "migration", signal.SIGTERM)

    def _finish_migration(self, process: subprocess.Popen[bytes]) -> None:
        self._until(lambda: process.poll() is not None, "`airflow db migrate`")
        if process.returncode:
            log = log_file(self.config, "migration")
            raise ConfigurationError(f"`airflow db migrate` failed, see {log}\n{tail(log)}")
        note_metadata_migrated(self.config)

    def _start(self, *names: str) -> None:
        for part in (self._parts[name] for name in names if name in self._parts):
            # remains of an earlier one first, such as an orphan that still writes
            self._clear(part, signal.SIGKILL)
            self._running[part.name] = Running(part, self._spawn(part), dt.datetime.now(dt.UTC))
        self._write_state()

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        return self._run(part.launch(), part.name, part.ends_by)

    def _run(self, launch: Launch, name: str, dies_by: signal.Signals) -> subprocess.Popen[bytes]:
        return processes.start(
            launch.command, part=name, home=self.config.home, env=launch.env,
            log=log_file(self.config, name), dies_by=dies_by, identity=launch.identity,
        )  # fmt: skip

    def _clear(self, part: Part, how: signal.Signals) -> None:
        def find() -> list[psutil.Process]:
            return processes.remains(self.config.home, lambda name: name == part.name, part.works_in)

        processes.end(find, how, part.patience)

    def _until_ready(self, *names: str) -> None:
        self._until(
            lambda: all(self._running[name].ready for name in names if name in self._running), " and ".join(names)
        )

    def _until(self, condition: Callable[[], bool], what: str, patience: float = START_PATIENCE) -> None:
        """Watch over what runs until the condition holds; raises Stopped, or MarketflowError when it takes too long."""
        deadline = time.monotonic() + patience
        while not condition():
            if self._stop:
                raise Stopped("asked to end")
            if time.monotonic() > deadline:
                raise MarketflowError(f"waited {patience:.0f} s for {what}; see {self.config.logs}")
            self._tend()
            time.sleep(0.2)

    def _tend(self) -> None:
        processes.reap_orphans({r.process.pid for r in self._running.values()})
        for running in self._running.values():
            if running.process.poll() is not None:
                self._restart(running)
            elif not running.ready or time.monotonic() >= running.next_look:
                self._look_at(running)

    def _look_at(self, running: Running) -> None:
        """Ask a part whether it is ready; one that answered once and has not for long is ended, to be restarted."""
        now = time.monotonic()
        running.next_look = now + 10.0
        if running.part.is_ready(running.started_at):
            running.unready_since, running.failures = None, 0
            if not running.ready:
                running.ready = True
                self._say(f"{running.part.name} is ready")
                if running.part.name == "api-server":
                    self._warm = WarmUp(self.config)
            return
        if running.part.name in SPOKEN_FOR and not airflow_health(self.config):
            return  # nobody can say
        running.unready_since = running.unready_since or now
        limit = HANGS_AFTER if running.ready else START_PATIENCE
        if now - running.unready_since > limit:
            self._say(f"{running.part.name} has not answered for {limit:.0f} s: ending it")
            self._clear(running.part, signal.SIGKILL)

    def _restart(self, running: Running) -> None:
        """Bring back a part that died: first clear up after it, then try, with a pause that grows."""
        name, now = running.part.name, time.monotonic()
        if not running.next_try:
            self._note_failure(running, f"{name} ended with code {running.process.returncode}")
            self._clear(running.part, signal.SIGKILL)
        database = self._running.get("postgres")
        if now < running.next_try or (database and database is not running and not database.ready):
            return
        try:
            running.process = self._spawn(running.part)
        except (OSError, MarketflowError) as error:  # such as a full disk: it may have room again later
            self._note_failure(running, f"{name} cannot be started: {error}")
            return
        running.started_at, running.restarts = dt.datetime.now(dt.UTC), running.restarts + 1
        running.ready, running.next_try, running.unready_since = False, 0.0, None
        self._write_state()

    def _note_failure(self, running: Running, words: str) -> None:
        """Set the time of the next attempt; raises MarketflowError when the stack is starting and this was the last."""
        running.failures += 1
        running.ready = False
        if self._phase == "starting" and running.failures >= MAX_FAILURES:
            log = log_file(self.config, running.part.name)
            raise MarketflowError(f"{words}, {running.failures} times, see {log}\n{tail(log)}")
        self._say(f"{words}: trying again")
        running.next_try = time.monotonic() + min(0.25 * 2 ** min(running.failures - 1, 10), MAX_PAUSE)

    def _end_all(self) -> None:
        if self._phase != "failed":
            self._phase = "stopping"
        self._write_state()
        rest = [r for name, r in self._running.items() if name != "postgres"]
        for running in rest:  # all at once: each takes seconds
            if running.process.poll() is None:
                running.process.send_signal(running.part.ends_by)
        deadline = time.monotonic() + max((r.part.patience for r in rest), default=0)
        while any(r.process.poll() is None for r in rest) and time.monotonic() < deadline:
            time.sleep(0.1)
        for running in [*rest, *(r for name, r in self._running.items() if name == "postgres")]:
            is_database = running.part.name == "postgres"
            self._clear(running.part, running.part.ends_by if is_database else signal.SIGKILL)
            running.process.wait()
        self._running.clear()
        self._say("all parts have ended")

    def _say(self, words: str) -> None:
        if self._phase == "starting":  # later ones are in the log only
            self._events.append(f"{time.monotonic() - self._began:5.1f} s  {words}")
        print(f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ} {words}", flush=True)
        self._write_state()

    def _write_state(self) -> None:
        found = {
            name: {
                "pid": r.process.pid,
                "started_at": r.started_at.isoformat(),
                "ready": r.ready,
                "restarts": r.restarts,
            }
            for name, r in self._running.items()
        }
        state = {
            "phase": self._phase,
            "error": self._error,
            "ports": dict(self.config.ports),
            "parts": found,
            "events": self._events,
        }
        fresh = state_file(self.config).with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(state_file(self.config))


def state_file(config: Config) -> Path:
    """What the supervisor tells others."""
    return config.run / "supervisor.json"


def log_file(config: Config, part: str) -> Path:
    """Where a part's output goes."""
    return config.logs / f"{part}.log"


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
