"""The stack as its users see it: up, stop, status. The work is done by a supervisor in the background."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from marketflow.embedded import processes
from marketflow.embedded.config import WAREHOUSE, Config, check_ports
from marketflow.embedded.environment import environment, supervisor_environment
from marketflow.embedded.parts import parts
from marketflow.embedded.postgres import binaries
from marketflow.embedded.supervisor import START_PATIENCE, log_file, state_file, tail
from marketflow.shared import ConfigurationError, MarketflowError
from marketflow.sources import find_sources
from marketflow.warehouse.connect import Role, role_name

__all__ = [
    "Config",
    "PartStatus",
    "environment",
    "log_file",
    "open_psql",
    "process_roots",
    "reset",
    "status",
    "stop",
    "up",
]

_STOP_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """How one part is: `state` is ready, starting or down."""

    name: str
    state: str
    pid: int | None
    url: str
    restarts: int


def up(config: Config, say: Callable[[str], None] = print) -> None:
    """Start the stack, or wait for one that starts already; returns when all parts are ready.

    `say` gets a line for each step. Raises ConfigurationError for a busy port, before anything is started, and
    MarketflowError with the end of the log when the start fails.
    """
    config.make_folders()
    _make_landing(config)
    while True:
        with _locked(config.run / "up.lock"):
            if _state(config).get("phase") in ("stopping", "failed"):
                stop(config)  # it is on its way out: wait for it
            if ours := supervisor_pid(config) is None:
                _end_remains(config)
                check_ports(config)
                _launch(config)
            elif dict(_state(config).get("ports") or config.ports) != dict(config.ports):
                raise ConfigurationError("the stack runs already, on other ports: `make stop` first")
        if _is_up(config, say):
            return
        if ours:
            log = log_file(config, "supervisor")
            raise MarketflowError(f"the stack did not start, see {log}\n{_state(config).get('error') or tail(log)}")


def stop(config: Config) -> None:
    """End all processes of the stack, by force where asking does not help; does nothing when there are none."""
    pid = supervisor_pid(config)
    if pid is not None:
        _send(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_PATIENCE
        while supervisor_pid(config) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        if supervisor_pid(config) is not None:
            _send(pid, signal.SIGKILL)
    _end_remains(config)
    state_file(config).unlink(missing_ok=True)


def status(config: Config) -> list[PartStatus]:
    """How the supervisor and each part are at this moment."""
    pid = supervisor_pid(config)
    known: dict[str, dict[str, Any]] = _state(config).get("parts", {}) if pid else {}
    found = [PartStatus(name="supervisor", state="ready" if pid else "down", pid=pid, url="", restarts=0)]
    for name, part in parts(config).items():
        seen = known.get(name)
        if seen is None or not Path(f"/proc/{seen['pid']}").exists():
            found.append(PartStatus(name=name, state="down", pid=None, url=part.url, restarts=0))
            continue
        ready = part.is_ready(dt.datetime.fromisoformat(seen["started_at"]))
        state = "ready" if ready else "not ready" if seen["ready"] else "starting"
        found.append(PartStatus(name=name, state=state, pid=seen["pid"], url=part.url, restarts=seen["restarts"]))
    return found


def reset(config: Config) -> None:
    """Stop the stack and delete all its state: data, mails, logs, passwords and keys."""
    stop(config)
    if not config.run.is_dir():  # so that a mistyped MARKETFLOW_HOME deletes nothing
        return
    if (link := config.home / "postgres").is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
    shutil.rmtree(config.home)


def open_psql(config: Config, role: Role, arguments: list[str]) -> NoReturn:
    """Become psql on the warehouse; the password goes by the environment, as all users see arguments."""
    login = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(config.ports["pg"]),
        "PGDATABASE": WAREHOUSE,
        "PGUSER": role_name(role),
        "PGPASSWORD": config.secrets.password(role_name(role)),
    }
    program = shutil.which("psql") or str(binaries() / "psql")
    os.execve(program, [program, *arguments], {**os.environ, **login})


def process_roots(config: Config) -> list[int]:
    """The processes whose families are the whole stack: this one and the supervisor."""
    return [os.getpid(), *filter(None, [supervisor_pid(config)])]


def lock_file(config: Config) -> Path:
    """Held by the supervisor as long as it lives; its text is the supervisor's pid."""
    return config.run / "supervisor.lock"


def _make_landing(config: Config) -> None:
    """The folders that sources read from: a missing one is an error, and a source that has no file yet has none."""
    for source in find_sources().good:
        if source.from_.folder is not None:
            (config.landing / source.from_.folder).mkdir(parents=True, exist_ok=True)


def supervisor_pid(config: Config) -> int | None:
    """The supervisor's pid, None when none runs: who lives holds the lock, whatever pid files say."""
    try:
        with lock_file(config).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def _launch(config: Config) -> None:
    state_file(config).unlink(missing_ok=True)
    with log_file(config, "supervisor").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "marketflow.embedded"], env=supervisor_environment(config), cwd="/",
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    while supervisor_pid(config) is None and process.poll() is None:
        time.sleep(0.05)


def _is_up(config: Config, say: Callable[[str], None]) -> bool:
    """Wait until all parts are ready; False when the supervisor ended, or it takes too long."""
    told = 0
    deadline = time.monotonic() + 3 * START_PATIENCE
    while supervisor_pid(config) is not None and time.monotonic() < deadline:
        state = _state(config)
        for event in state.get("events", [])[told:]:
            say(event)
            told += 1
        if state.get("phase") == "running" and all(part.state == "ready" for part in status(config)):
            return True
        time.sleep(0.1)
    return False


def _end_remains(config: Config) -> None:
    """End what a killed supervisor left: the database cleanly, all others at once."""
    data = config.home / "postgres" / "data"
    processes.end(lambda: processes.remains(config.home, lambda part: part not in ("", "postgres")), signal.SIGKILL, 5)
    processes.end(lambda: processes.remains(config.home, lambda part: part == "postgres", data), signal.SIGINT, 20)


def _state(config: Config) -> dict[str, Any]:
    try:
        return dict(json.loads(state_file(config).read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
