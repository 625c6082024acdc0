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
from marketflow.embedded.health import airflow_health, answers, beats, catches_mail


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack with all that it starts."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(repr=False)
    is_ready: Callable[[dt.datetime], bool]
    url: str = ""
    # asked to end by this signal, killed when it has not ended after so many seconds
    ends_by: signal.Signals = signal.SIGTERM
    patience: float = 6.0
    identity: Mapping[str, Any] = field(default_factory=dict)
    works_in: Path | None = None
    before: Callable[[], None] | None = None


def parts(config: Config) -> dict[str, Part]:
    """The parts that `config` wants, by name, in the order in which they are started."""
    found = [_postgres(config), _mail(config), _edge(config), *_airflow(config)]
    return {part.name: part for part in found if part.name in config.parts}


def migration_command() -> list[str]:
    """What brings Airflow's database up to date."""
    return [sys.executable, "-m", "airflow", "db", "migrate"]


def _postgres(config: Config) -> Part:
    database = server(config)
    return Part(
        name="postgres",
        command=database.command,
        env={"LC_ALL": "C.UTF-8"},
        is_ready=lambda _: database.is_ready(),
        url=f"127.0.0.1:{database.port}",
        ends_by=signal.SIGINT,  # fast: clients are cut off, the data are written
        patience=20.0,
        identity=postgres.identity(),
        works_in=database.data,  # its servers overwrite their environment, but all work in the folder of the data
        before=database.prepare,
    )


def _mail(config: Config) -> Part:
    return Part(
        name="mail",
        command=[sys.executable, "-m", "marketflow.embedded.mailcatcher"],
        env=mail_environment(config),
        is_ready=lambda _: catches_mail(config),
        url=config.mailbox_url,
    )


def _edge(config: Config) -> Part:
    return Part(
        name="edge",
        command=[sys.executable, "-m", "marketflow.edge"],
        env=edge_environment(config),
        is_ready=lambda _: answers(config.ports["edge"], "/health"),
        url=config.edge_url,
    )


def _airflow(config: Config) -> list[Part]:
    env = environment(config)

    def part(name: str, is_ready: Callable[[dt.datetime], bool], url: str = "") -> Part:
        command = [sys.executable, "-m", "airflow", name]
        return Part(name=name, command=command, env=env, is_ready=is_ready, url=url)

    def serves(_: dt.datetime) -> bool:
        return dict(airflow_health(config).get("metadatabase") or {}).get("status") == "healthy"

    return [
        part("api-server", serves, config.airflow_url),
        part("dag-processor", lambda since: beats(config, "dag_processor", since)),
        part("scheduler", lambda since: beats(config, "scheduler", since)),
        part("triggerer", lambda since: beats(config, "triggerer", since)),
    ]
