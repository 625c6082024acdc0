"""Mails by Airflow's own `SmtpHook.send_email_smtp`, as a task sends them: `python -m benchmarks._hook PORT MESSAGES`.

The mails are rendered before the clock starts, by our renderer, and nothing is written down. `kept` keeps one
connection for all of them; `each` opens the hook for each mail, as EmailOperator does. Prints mails a second as JSON.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

ROOT = Path(__file__).resolve().parents[1]


def hook_rates(port: int, messages: int) -> dict[str, float]:
    """Mails a second of both ways, in a process of its own."""
    mail = {
        "conn_type": "smtp", "host": "127.0.0.1", "port": port,
        "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "shop@example.com"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="marketflow-bench-") as home:
        environment = os.environ | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW_CONN_MAIL": json.dumps(mail),
        }
        command = [sys.executable, "-m", "benchmarks._hook", str(port), str(messages)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Send them both ways."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    from benchmarks._mails import rendered

    mails = [(f"customer.{n}@example.com", rendered(n)) for n in range(int(sys.argv[2]))]

    def send(hook: SmtpHook, to: str, subject: str, html: str | None) -> None:
        hook.send_email_smtp(to=to, subject=subject, html_content=html)

    def kept() -> None:
        with SmtpHook(smtp_conn_id="mail") as hook:
            for to, one in mails:
                send(hook, to, one.subject, one.html)

    def each() -> None:
        for to, one in mails:
            with SmtpHook(smtp_conn_id="mail") as hook:
                send(hook, to, one.subject, one.html)

    print(json.dumps({"kept": _rate(kept, len(mails)), "each": _rate(each, len(mails))}))


def _rate(send: Callable[[], None], count: int) -> float:
    started = time.monotonic()
    send()
    return count / (time.monotonic() - started)


if __name__ == "__main__":
    main()
