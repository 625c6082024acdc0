"""Mails by Airflow's own `SmtpHook.send_email_smtp`: `python -m benchmarks._hook MESSAGES`, and as a task of Airflow's.

The mails are rendered before the clock starts, by our renderer, and nothing is written down. `kept` keeps one
connection for all of them; `each` opens the hook for each mail. Prints mails a second as JSON: the Airflow connection
in a variable, in a process of its own; `stored_rate` has it where Airflow keeps connections, and a task asks for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketflow.campaigns.content import RenderedMessage

ROOT = Path(__file__).resolve().parents[1]
STORED = "mail_stored"
_DAG = Path(__file__).with_name("_hook_dag.py")


def hook_rates(port: int, messages: int) -> dict[str, float]:
    """Mails a second of both ways, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="marketflow-bench-") as home:
        environment = os.environ | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW_CONN_MAIL": json.dumps(_connection(port)),
        }
        command = [sys.executable, "-m", "benchmarks._hook", str(messages)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def stored_rate(port: int, messages: int) -> float:
    """Mails a second of `each` as a task of a running Airflow sends them, its connection in Airflow's own database."""
    from benchmarks._airflow import running_airflow, until

    with tempfile.TemporaryDirectory(prefix="marketflow-bench-") as folder, running_airflow(_DAG) as airflow:
        result = Path(folder) / "rate"
        airflow.call("POST", "connections", json={**_connection(port), "connection_id": STORED})
        until(lambda: "send_by_hook" in airflow.dag_ids(), "the DAG appears")
        run_id = airflow.trigger("send_by_hook", {"messages": messages, "result": str(result)})
        until(lambda: airflow.run("send_by_hook", run_id)["state"] in ("success", "failed"), "the task sends")
        if not result.exists():
            raise RuntimeError("the task that sends by SmtpHook failed")
        return float(result.read_text(encoding="utf-8"))


def each(conn_id: str, messages: int) -> float:
    """Mails a second when the hook is opened for each mail, as EmailOperator and SmtpNotifier do."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    def send() -> None:
        for to, one in mails:
            with SmtpHook(smtp_conn_id=conn_id) as hook:
                hook.send_email_smtp(to=to, subject=one.subject, html_content=one.html)

    mails = _mails(messages)
    return _rate(send, messages)


def kept(conn_id: str, messages: int) -> float:
    """Mails a second by one hook, and so one SMTP connection, for all of them."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    def send() -> None:
        with SmtpHook(smtp_conn_id=conn_id) as hook:
            for to, one in mails:
                hook.send_email_smtp(to=to, subject=one.subject, html_content=one.html)

    mails = _mails(messages)
    return _rate(send, messages)


def _mails(count: int) -> list[tuple[str, RenderedMessage]]:
    from benchmarks._mails import rendered

    return [(f"customer.{n}@example.com", rendered(n)) for n in range(count)]


def _connection(port: int) -> dict[str, Any]:
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "shop@example.com"}
    return {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": json.dumps(extra)}


def _rate(send: Callable[[], None], count: int) -> float:
    started = time.monotonic()
    send()
    return count / (time.monotonic() - started)


if __name__ == "__main__":
    print(json.dumps({"kept": kept("mail", int(sys.argv[1])), "each": each("mail", int(sys.argv[1]))}))
