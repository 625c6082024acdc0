"""Where the embedded stack keeps its state and on which ports it listens."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from marketflow.embedded.secrets import Secrets
from marketflow.shared import ConfigurationError, Settings
from marketflow.warehouse.connect import Role, role_name

WAREHOUSE = "warehouse"
PARTS = ("postgres", "mail", "edge", "api-server", "dag-processor", "scheduler", "triggerer")
_PORT_PATIENCE = 5.0
# Connections that the environment may point elsewhere: a real warehouse, a real mail server, a mailbox of bounces.
REPLACEABLE = (
    "AIRFLOW_CONN_WAREHOUSE",
    "AIRFLOW_CONN_MAIL",
    "AIRFLOW_CONN_SOCIAL_WEBHOOK",
    "AIRFLOW_CONN_BOUNCES",
    "AIRFLOW_CONN_MARKETFLOW_KEYS",
)


@dataclass(frozen=True)
class Port:
    """A port that the stack listens on: the variable that sets it, its default, and whose it is."""

    variable: str
    default: int
    part: str
    host: str = "127.0.0.1"


PORTS = {
    "pg": Port("MARKETFLOW_PG_PORT", 54329, "postgres"),
    "airflow": Port("MARKETFLOW_AIRFLOW_PORT", 8080, "api-server"),
    "smtp": Port("MARKETFLOW_SMTP_PORT", 1025, "mail"),
    "mailbox": Port("MARKETFLOW_MAILBOX_PORT", 8025, "mail"),
    "edge": Port("MARKETFLOW_EDGE_PORT", 8091, "edge"),
    # Airflow's log servers listen on all interfaces and ask for a signed token
    "log": Port("MARKETFLOW_LOG_PORT", 8793, "scheduler", host=""),
    "trigger_log": Port("MARKETFLOW_TRIGGER_LOG_PORT", 8794, "triggerer", host=""),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One stack: the project's folder, the folder of its state, ports by name (PORTS) and the parts to run."""

    root: Path
    home: Path
    landing: Path
    ports: Mapping[str, int]
    parts: tuple[str, ...] = PARTS
    replaced: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """From MARKETFLOW_HOME, MARKETFLOW_LANDING, the variables of the ports and MARKETFLOW_PARTS (default: all).

        Raises ConfigurationError with the variable's name for a value that does not fit.
        """
        env = os.environ if env is None else env
        root = Settings().root
        home = Path(env.get("MARKETFLOW_HOME") or root / "var").resolve()
        return cls(
            root=root,
            home=home,
            landing=Path(env.get("MARKETFLOW_LANDING") or home / "landing").resolve(),
            ports=_read_ports(env),
            parts=_read_parts(env),
            replaced={name: env[name] for name in REPLACEABLE if env.get(name)},
        )

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and API."""
        return self._url("airflow")

    @property
    def mailbox_url(self) -> str:
        """The web page of the mail catcher."""
        return self._url("mailbox")

    @property
    def edge_url(self) -> str:
        """The service that takes events and answers links in mails."""
        return self._url("edge")

    @property
    def secrets(self) -> Secrets:
        """Passwords and keys; made when they are asked for the first time."""
        return Secrets(home=self.home)

    def dsn(self, role: Role = "owner") -> str:
        """libpq URI of the stack's own warehouse for one of its roles."""
        password = self.secrets.password(role_name(role))
        return f"postgresql://{role_name(role)}:{password}@127.0.0.1:{self.ports['pg']}/{WAREHOUSE}"

    def airflow_password(self, user: str) -> str:
        """The password of one of Airflow's users: admin, marketer or viewer."""
        return self.secrets.password(user)

    @property
    def state_file(self) -> Path:
        """What the demo pinned (the clock), for every later start."""
        return self.home / "state.json"

    @property
    def run(self) -> Path:
        """Process files: locks, the supervisor's state."""
        return self.home / "run"

    @property
    def collected(self) -> Path:
        """The log of the events that the edge service took; ingest drains it."""
        return self.home / "collected"

    @property
    def logs(self) -> Path:
        """One file per part, and Airflow's task logs in `airflow/`."""
        return self.home / "logs"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def mail(self) -> Path:
        """The catcher's Maildir; posts that came by webhook lie in its folder `posts`."""
        return self.home / "mail"

    def make_folders(self) -> None:
        """Create the folders of the state; secrets are for their owner only."""
        for folder in (self.home, self.run, self.logs, self.airflow_home, self.mail, self.landing):
            folder.mkdir(parents=True, exist_ok=True)
        (self.home / "secrets").mkdir(mode=0o700, exist_ok=True)

    def _url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"


def pin_clock(config: Config, business_day: dt.date, zone: ZoneInfo, today: dt.date | None = None) -> None:
    """Let the stack's clock stand at nine in the morning of `today`, and tick on; from its first start on.

    Without `today` it is the day after `business_day`. At nine no quiet hours keep a mail back, whenever this is run.
    """
    if config.state_file.exists():
        return
    morning = dt.datetime.combine(today or business_day + dt.timedelta(days=1), dt.time(9), tzinfo=zone)
    offset = (morning - dt.datetime.now(dt.UTC)).total_seconds()
    state = {"business_date": business_day.isoformat(), "clock_offset_seconds": round(offset), "time_zone": zone.key}
    config.state_file.parent.mkdir(parents=True, exist_ok=True)
    config.state_file.write_text(json.dumps(state), encoding="utf-8")


def check_ports(config: Config) -> None:
    """Raise ConfigurationError naming every port in use and the variable that moves it. Binds each for an instant.

    A port without a visible holder gets a moment: a process that was just killed has lost its environment and its
    files' names before the kernel closes its sockets, so nobody finds it, and the port is not free yet.
    """
    deadline = time.monotonic() + _PORT_PATIENCE
    while (busy := _busy_ports(config)) and not all(busy.values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    if busy:
        raise ConfigurationError(
            "\n".join(
                f"port {config.ports[name]} is in use{holder}: set {PORTS[name].variable} to a free one"
                for name, holder in busy.items()
            )
        )


def _busy_ports(config: Config) -> dict[str, str]:
    """The ports of the stack's parts that are in use, and by whom; empty where that cannot be seen."""
    return {
        name: _holder(config.ports[name])
        for name, port in PORTS.items()
        if port.part in config.parts and not _is_free(port.host, config.ports[name])
    }


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_ports(env: Mapping[str, str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for name, port in PORTS.items():
        text = env.get(port.variable) or str(port.default)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
            raise ConfigurationError(f"{port.variable} is {text!r}, not a port between 1 and 65535")
        if int(text) in ports.values():
            raise ConfigurationError(f"{port.variable} is {text}, which another part of the stack has already")
        ports[name] = int(text)
    return ports


def _read_parts(env: Mapping[str, str]) -> tuple[str, ...]:
    wanted = {part.strip() for part in env.get("MARKETFLOW_PARTS", "").split(",")} - {""} or set(PARTS)
    if unknown := wanted - set(PARTS):
        raise ConfigurationError(f"MARKETFLOW_PARTS names {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in wanted)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just closed is free
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _holder(port: int) -> str:
    """` by <program> (pid n)` where this user may see it."""
    try:
        for c in psutil.net_connections("tcp"):
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid:
                return f" by {psutil.Process(c.pid).name()} (pid {c.pid})"
    except psutil.Error:
        pass
    return ""
