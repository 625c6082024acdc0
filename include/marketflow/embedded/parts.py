"""The parts of the stack: how each is started, when it is ready, and how it is ended."""

from __future__ import annotations

import datetime as dt
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketflow.embedded import postgres
from marketflow.embedded.config import Config
from marketflow.embedded.environment import edge_environment, environment, mail_environment, server
from marketflow.embedded.health import accepts_connections, airflow_health, answers, beats, catches_mail


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command with its environment, and as whom it runs (arguments of subprocess.Popen)."""

    command: list[str]
    env: Mapping[str, str] = field(repr=False)
    identity: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack with all that it starts.

    `launch` makes what the start needs, files and secrets included; all else can be asked at any time.
    """

    name: str
    launch: Callable[[], Launch]
    is_ready: Callable[[dt.datetime], bool]
    url: str = ""
    # asked to end by this signal, killed when it has not ended after so many seconds
    ends_by: signal.Signals = signal.SIGTERM
    patience: float = 6.0
    works_in: Path | None = None


def parts(config: Config) -> dict[str, Part]:
    """The parts that `config` wants, by name, in the order in which they are shown."""
    found = [_postgres(config), _mail(config), _edge(config), *_airflow(config)]
    return {part.name: part for part in found if part.name in config.parts}


def migration(config: Config) -> Launch:
    """What brings Airflow's database up to date, and ends."""
    return _python(environment(config), "airflow", "db", "migrate")


def _postgres(config: Config) -> Part:
    def launch() -> Launch:
        database = server(config)
        database.prepare()
        return Launch(command=database.command, env={"LC_ALL": "C.UTF-8"}, identity=postgres.identity())

    return Part(
        name="postgres",
        launch=launch,
        is_ready=lambda _: accepts_connections(config),
        url=f"127.0.0.1:{config.ports['pg']}",
        ends_by=signal.SIGINT,  # fast: clients are cut off, the data are written
        patience=20.0,
        works_in=config.home / "postgres" / "data",  # its servers overwrite their environment, but all work there
    )


def _mail(config: Config) -> Part:
    return Part(
        name="mail",
        launch=lambda: _python(mail_environment(config), "marketflow.embedded.mailcatcher"),
        is_ready=lambda _: catches_mail(config),
        url=config.mailbox_url,
    )


def _edge(config: Config) -> Part:
    return Part(
        name="edge",
        launch=lambda: _python(edge_environment(config), "marketflow.edge"),
        is_ready=lambda _: answers(config.ports["edge"], "/health"),
        url=config.edge_url,
    )


def _airflow(config: Config) -> list[Part]:
    def part(name: str, is_ready: Callable[[dt.datetime], bool], url: str = "") -> Part:
        return Part(name=name, launch=lambda: _python(environment(config), "airflow", name), is_ready=is_ready, url=url)

    def serves(_: dt.datetime) -> bool:
        return dict(airflow_health(config).get("metadatabase") or {}).get("status") == "healthy"

    return [
        part("api-server", serves, config.airflow_url),
        part("dag-processor", lambda since: beats(config, "dag_processor", since)),
        part("scheduler", lambda since: beats(config, "scheduler", since)),
        part("triggerer", lambda since: beats(config, "triggerer", since)),
    ]


def _python(env: Mapping[str, str], module: str, *arguments: str) -> Launch:
    return Launch(command=[sys.executable, "-m", module, *arguments], env=env)
