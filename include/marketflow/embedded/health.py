"""Is a part of the stack ready? Each question is cheap, waits two seconds at most, and never raises."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import select
import smtplib
import subprocess
from typing import Any

from marketflow.embedded.config import Config
from marketflow.embedded.osuser import binaries

_TIMEOUT = 2.0


def accepts_connections(config: Config) -> bool:
    """Does PostgreSQL take connections?"""
    command = [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(config.ports["pg"])]
    return subprocess.run(command, check=False, timeout=30).returncode == 0


def answers(port: int, path: str) -> bool:
    """Does an HTTP server on this machine answer 200?"""
    return _get(port, path)[0] == 200


def catches_mail(config: Config) -> bool:
    """Do the mail catcher's SMTP server and its page both answer?"""
    try:
        with smtplib.SMTP("127.0.0.1", config.ports["smtp"], timeout=_TIMEOUT) as client:
            client.noop()
    except (OSError, smtplib.SMTPException):
        return False
    return answers(config.ports["mailbox"], "/api/count")


def airflow_health(config: Config) -> dict[str, Any]:
    """What Airflow says of itself, by component; empty when its API server does not answer."""
    status, body = _get(config.ports["airflow"], "/api/v2/monitor/health")
    try:
        return dict(json.loads(body)) if status == 200 else {}
    except ValueError:
        return {}


def beats(config: Config, component: str, since: dt.datetime) -> bool:
    """Is a component of Airflow healthy, by a heartbeat after `since`, so not by one of its predecessor?"""
    said = airflow_health(config).get(component) or {}
    last = said.get(f"latest_{component}_heartbeat")
    return bool(said.get("status") == "healthy" and last and dt.datetime.fromisoformat(last) >= since)


class WarmUp:
    """The first call of Airflow's task API, which builds it: 5 to 8 s, more than a task's client would wait.

    It runs beside everything else, without a thread: the supervisor forks.
    """

    def __init__(self, config: Config) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", config.ports["airflow"], timeout=90)
        with contextlib.suppress(OSError):  # a server that died meanwhile is started again, and warmed again
            self._connection.request("GET", "/execution/health")

    def is_done(self) -> bool:
        """Has it answered? Does not wait."""
        if self._connection.sock is None:
            return True
        if not select.select([self._connection.sock], [], [], 0)[0]:
            return False
        self._connection.close()
        return True


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
