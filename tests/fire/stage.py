"""The stage of the fire: a mail server, a PostgreSQL server and senders, each of which can be killed and started again."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from conftest import ROOT, free_port
from fire.sender import FileClock
from ledger_fixture import KEYS_JSON
from marketflow.embedded.postgres import Server, binaries, identity

# An observer of the test's own in the test's own database: which sender has claimed under which token.
OBSERVER = """
CREATE TABLE public.claims_seen (claim_token uuid PRIMARY KEY, sender text NOT NULL);
CREATE FUNCTION public.see_claims() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.claims_seen
    SELECT DISTINCT claim_token, current_setting('application_name') FROM fresh WHERE state = 'claimed'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER see_claims AFTER UPDATE ON activation.sends REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION public.see_claims();
"""
Process = subprocess.Popen[bytes]
# What is on its way or due; what is deferred until later is not.
BUSY = (
    "SELECT EXISTS (SELECT FROM activation.sends WHERE state IN ('claimed', 'sending')"
    " OR state IN ('released', 'deferred') AND send_after <= %s)"
)


def until(condition: Callable[[], Any], what: str, seconds: float = 120.0) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class MailServer:
    """The unkind server as a process; its record outlives it."""

    def __init__(self, record: Path) -> None:
        self.record, self.port = record, free_port()
        self.process: Process | None = None
        self._read, self._lines = 0, 0

    def start(self) -> None:
        command = [sys.executable, str(ROOT / "tests/fire/server.py"), str(self.port), str(self.record)]
        self.process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
        until(self._listens, "the mail server")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def taken(self) -> int:
        """The length of the record, of which only what is new is read."""
        if self.record.exists():
            with self.record.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            self._read += len(new)
            self._lines += new.count(b"\n")
        return self._lines

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Database:
    """The PostgreSQL server, and three ways in which it goes away and comes back."""

    def __init__(self, server: Server, dsn: str) -> None:
        self.server, self.dsn = server, dsn

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as conn:
            return conn.execute(query, list(values)).fetchall()

    def restart(self, how: str) -> None:
        """`fast`: as an administrator does. `immediate`: without a checkpoint. `backend`: kill -9 of one that works."""
        if how == "backend":
            self._kill_backend()
        else:
            command = [str(binaries() / "pg_ctl"), "-D", str(self.server.data), "-w", "-m", how, "stop"]
            subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **identity())
            self.server.start()
        until(self._answers, "PostgreSQL to be back")

    def _kill_backend(self) -> None:
        """The server throws all out and recovers; a connection of ours sees it."""
        with psycopg.connect(self.dsn, autocommit=True) as witness:
            found = witness.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' ORDER BY pid LIMIT 1"
            ).fetchone()
            assert found is not None, "no sender is connected"
            os.kill(found[0], signal.SIGKILL)

            def thrown_out() -> bool:
                try:
                    witness.execute("SELECT 1")
                except psycopg.OperationalError:
                    return True
                return False

            until(thrown_out, "PostgreSQL to notice")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(self.ask("SELECT true"))
        return False


class Stage:
    """All of it. Senders are started anew whenever they end, as Airflow does with its tasks."""

    def __init__(self, database: Database, mail: MailServer, clock: FileClock, *, senders: int) -> None:
        self.database, self.mail, self.clock, self.count = database, mail, clock, senders
        script = str(ROOT / "tests/fire/sender.py")
        self.command = [sys.executable, script, str(mail.port), str(clock.path.parent)]
        tests = str(ROOT / "tests")
        self.env = {**os.environ, "TEST_DSN": database.dsn, "TEST_KEYS": KEYS_JSON}
        self.env["PYTHONPATH"] = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
        self.running: list[Process] = []
        self.names: dict[int, str] = {}  # by process id; a name is given once
        self.killed: list[str] = []
        self.failures = self.moves = 0
        self._looked_at = 0.0
        self._numbers = itertools.count()

    def keep_going(self) -> None:
        """One look after everything: replace the senders that ended; nothing due any more, the clock is moved on."""
        for process in [p for p in self.running if p.poll() is not None]:
            self.failures += process.returncode != 0
            self.running.remove(process)
        while len(self.running) < self.count:
            self._start_one()
        if time.monotonic() - self._looked_at > 0.5:
            self._looked_at = time.monotonic()
            if not self.is_busy():
                self._move_on()

    def _move_on(self) -> None:
        """To when the next is due, and no less than an hour: not for each that waits alone."""
        [(due,)] = self.database.ask("SELECT min(send_after) FROM activation.sends WHERE state = 'deferred'")
        if due is not None:
            self.clock.move(max(3600.0, (due - self.clock.now()).total_seconds()))
            self.moves += 1

    def _start_one(self) -> None:
        name = f"sender-{next(self._numbers)}"
        process = subprocess.Popen(self.command, env={**self.env, "PGAPPNAME": name}, stderr=subprocess.DEVNULL)
        self.names[process.pid] = name
        self.running.append(process)

    def is_busy(self) -> bool:
        return bool(self.database.ask(BUSY, self.clock.now())[0][0])

    def at_work(self) -> list[Process]:
        """The senders that talk to the mail server; waits until there is one."""
        found: list[Process] = []

        def somebody() -> bool:
            self.keep_going()
            found[:] = [p for p in self.running if self._is_talking(p)]
            return bool(found)

        until(somebody, "a sender at work")
        return found

    def kill_one(self, chance: random.Random) -> None:
        """Any sender that talks to the mail server; one time in four any at all, whatever it is at."""
        found = self.at_work()
        victim = chance.choice(found if chance.random() > 0.25 else self.running)
        victim.kill()
        if victim.wait() == -signal.SIGKILL:  # it may just have ended by itself
            self.killed.append(self.names[victim.pid])
        self.running.remove(victim)

    def _is_talking(self, process: Process) -> bool:
        try:
            links = psutil.Process(process.pid).net_connections()
        except psutil.Error:
            return False
        return any(c.raddr and c.raddr.port == self.mail.port for c in links)

    def let_end(self) -> None:
        """No more are started: those that run say what they know, and end."""
        for process in self.running:
            self.failures += process.wait(120) != 0
        self.running.clear()

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        self.mail.kill()
