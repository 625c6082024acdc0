"""Shows that Airflow may lose the sending task at any point: its processes are killed, an orphan lives on, it retries."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from conftest import ROOT, SCRATCH, free_port
from journey.conftest import Stack, running_stack, stack_environment
from ledger_fixture import KEYS_JSON, Filled, by_state, fill
from smtp_server import read_record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RECIPIENTS, WINDOW, KILLS = 2_000, 8, 3
DAG, TASK = "deliver_messages_email", "deliver"


@pytest.fixture(scope="module")
def record() -> Iterator[tuple[int, Path]]:
    """A mail server of its own process that keeps its own record and takes its time: 10 ms a message."""
    port, path = free_port(), SCRATCH / "accepted.jsonl"
    command = [sys.executable, str(ROOT / "tests/smtp_server.py"), str(port), str(path), "0.01"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
    yield port, path
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def sending(record: tuple[int, Path]) -> Iterator[tuple[Stack, Filled]]:
    """A stack that sends to that server, and 2,000 released messages."""
    home = SCRATCH / "killed"
    home.mkdir()
    environ = {
        **stack_environment(home),
        "MARKETFLOW_DELIVERY_WINDOW": str(WINDOW),
        "MARKETFLOW_DELIVERY_LEASE_SECONDS": "10",
        "AIRFLOW_CONN_MARKETFLOW_KEYS": json.dumps({"conn_type": "generic", "password": KEYS_JSON}),
        "AIRFLOW_CONN_MAIL": json.dumps({
            "conn_type": "smtp", "host": "127.0.0.1", "port": record[0],
            "extra": {"disable_ssl": True, "disable_tls": True},
        }),
    }  # fmt: skip
    with running_stack(environ) as stack, psycopg.connect(stack.config.dsn("owner")) as conn:
        yield stack, fill(conn, RECIPIENTS, now=dt.datetime.now(dt.UTC))


def task_processes(stack: Stack) -> list[psutil.Process]:
    """The processes that run the sending task's code: those that hold a connection to the mail server."""
    port = json.loads(stack.environ["AIRFLOW_CONN_MAIL"])["port"]
    found = []
    for process in psutil.process_iter():
        try:
            if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.pid != os.getpid() and "smtp_server.py" not in " ".join(p.cmdline())]


def accepted(path: Path) -> int:
    return len(read_record(path)) if path.exists() else 0


def test_nobody_gets_two_mails_and_nobody_is_lost(sending: tuple[Stack, Filled], record: tuple[int, Path]) -> None:
    (stack, filled), (_, path) = sending, record
    chance = random.Random(5)
    stack.admin.trigger(DAG)
    orphan = None
    for kill in range(KILLS):
        goal = accepted(path) + chance.randint(50, 300)
        stack.until(lambda goal=goal: accepted(path) >= goal and task_processes(stack), "a sender at work", 240)
        victim = task_processes(stack)[0]
        if kill == 1:
            # the supervisor of the task dies, the process that sends does not know it yet
            orphan = victim
            orphan.send_signal(signal.SIGSTOP)
            victim.parent().kill()
        else:
            victim.kill()
    stack.until(lambda: is_drained(stack), "the retries send the rest", 400)
    if orphan is not None and orphan.is_running():
        orphan.send_signal(signal.SIGCONT)
        orphan_gone = time.monotonic() + 60
        while orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE and time.monotonic() < orphan_gone:
            time.sleep(0.1)
    reconcile(stack, filled, path)


def is_drained(stack: Stack) -> bool:
    """Nothing is left to do; triggers the DAG when its retries are used up, as the clock would within five minutes."""
    with psycopg.connect(stack.config.dsn("owner")) as conn:
        left = by_state(conn)
    if not any(left[s] for s in ("released", "claimed", "sending", "deferred")):
        return True
    if not stack.admin.runs("running", "queued", dag_id=DAG):
        stack.admin.trigger(DAG)
    return False


def reconcile(stack: Stack, filled: Filled, path: Path) -> None:
    """Every message of the ledger against the server's own record, by Message-ID."""
    got = [a.message_id for a in read_record(path)]
    assert len(got) == len(set(got)), "a recipient has two mails"
    rows = stack.query("SELECT message_id, state FROM activation.sends WHERE plan_id = %s", filled.plan_id)
    states = dict(rows)
    assert len(states) == RECIPIENTS
    assert set(states.values()) <= {"sent", "unknown"}
    unknown = {m for m, s in states.items() if s == "unknown"}
    assert len(unknown) <= WINDOW * KILLS
    assert {m for m, s in states.items() if s == "sent"} <= set(got)
    assert set(got) <= states.keys()
    assert set(states) - set(got) <= unknown, "somebody was lost"
