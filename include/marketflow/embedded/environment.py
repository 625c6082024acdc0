"""The whole environment of the stack's processes: nothing of Airflow is set anywhere else on this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marketflow.embedded.config import PORTS, WAREHOUSE, Config
from marketflow.embedded.postgres import Server
from marketflow.embedded.secrets import AIRFLOW_USERS
from marketflow.shared import Settings
from marketflow.warehouse.connect import role_name

METADATA = "airflow"
# Loggers that write a line per request or per DAG file, several times a minute.
_NOISY = (
    "http.access",
    "airflow.serialization",
    "airflow.models.dag",
    "airflow.sdk.api.client",
    "supervisor",
    "airflow.dag_processing.bundles",
    "httpx",
    "uvicorn.error",
)
# Left out: Airflow's settings of another project, secrets, and what slows every start by 5 s.
_DROPPED = (
    "AIRFLOW",
    "MARKETFLOW_WAREHOUSE_DSN",
    "MARKETFLOW_KEYS",
    "MARKETFLOW_WRITE_KEYS",
    "PYTHONDONTWRITEBYTECODE",
)
_WRITE_KEYS = "MARKETFLOW_WRITE_KEYS"


def supervisor_environment(config: Config) -> dict[str, str]:
    """Environment of the supervisor: all that `Config.from_env` needs to come to the same configuration."""
    ports = {port.variable: str(config.ports[name]) for name, port in PORTS.items()}
    own = {_WRITE_KEYS: os.environ[_WRITE_KEYS]} if os.environ.get(_WRITE_KEYS) else {}
    return {**_base(config), **ports, **own, "MARKETFLOW_PARTS": ",".join(config.parts), **config.replaced}


def server(config: Config) -> Server:
    """The stack's PostgreSQL server."""
    return Server(home=config.home / "postgres", port=config.ports["pg"], password=config.secrets.password("postgres"))


def environment(config: Config) -> dict[str, str]:
    """Environment of Airflow's processes; on top of the caller's own, without what belongs to other projects."""
    return {
        **_base(config),
        **_airflow_settings(config),
        **_airflow_secrets(config),
        **_connections(config),
        **config.replaced,
    }


def edge_environment(config: Config) -> dict[str, str]:
    """Environment of the edge service, which knows the role `edge`, the keys and who may send, and nothing of Airflow.

    Write keys of the user's own, from MARKETFLOW_WRITE_KEYS, take the place of the stack's.
    """
    dsn = config.dsn("edge")
    if "AIRFLOW_CONN_WAREHOUSE" in config.replaced:
        dsn = os.environ.get("MARKETFLOW_WAREHOUSE_DSN") or as_edge(warehouse_dsn(config))
    keys = connection_field(config.replaced.get("AIRFLOW_CONN_MARKETFLOW_KEYS"), "password")
    return {
        **_base(config),
        "MARKETFLOW_WAREHOUSE_DSN": dsn,
        "MARKETFLOW_KEYS": keys or config.secrets.key_ring(),
        _WRITE_KEYS: os.environ.get(_WRITE_KEYS) or config.secrets.write_keys(),
        "MARKETFLOW_EDGE_HOST": "127.0.0.1",
        "MARKETFLOW_EDGE_PORT": str(config.ports["edge"]),
    }


def mail_environment(config: Config) -> dict[str, str]:
    """Environment of the mail catcher."""
    ports = {PORTS[name].variable: str(config.ports[name]) for name in ("smtp", "mailbox")}
    return {**_base(config), **ports}


def warehouse_dsn(config: Config) -> str:
    """libpq URI of the owner: of the stack's own warehouse, or of the one that AIRFLOW_CONN_WAREHOUSE points to."""
    value = config.replaced.get("AIRFLOW_CONN_WAREHOUSE")
    if value is None:
        return config.dsn()
    if not value.startswith("{"):
        return "postgresql://" + value.split("://", 1)[1]
    c: dict[str, Any] = json.loads(value)
    login = f"{quote(c.get('login') or '', safe='')}:{quote(c.get('password') or '', safe='')}"
    return f"postgresql://{login}@{c.get('host') or 'localhost'}:{c.get('port') or 5432}/{c.get('schema') or ''}"


def as_edge(owner_dsn: str) -> str:
    """The owner's URI with the rights of the role `edge` only."""
    option = quote(f"-c role={role_name('edge')}", safe="")
    return f"{owner_dsn}{'&' if '?' in owner_dsn else '?'}options={option}"


def connection_field(value: str | None, field: str) -> str | None:
    """A field of a connection in JSON form; None where there is none."""
    return json.loads(value).get(field) if value and value.startswith("{") else None


def _pinned(config: Config) -> dict[str, str | float]:
    """What the demo pinned, so that a stack that is started again tells the same time."""
    return dict(json.loads(config.state_file.read_text())) if config.state_file.exists() else {}


def pinned_settings(config: Config) -> Settings:
    """The settings with the stack's clock, for a process that the stack did not start; the environment comes first."""
    pinned: dict[str, Any] = _pinned(config)
    return Settings(**{k: v for k, v in pinned.items() if f"MARKETFLOW_{k.upper()}" not in os.environ})


def _base(config: Config) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    direct = [*filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy")]), "127.0.0.1", "localhost"]
    pinned = {f"MARKETFLOW_{name.upper()}": str(v) for name, v in _pinned(config).items()}
    return {
        **pinned,
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": ",".join(direct),
        "no_proxy": ",".join(direct),
        "NO_COLOR": "1",
        "MARKETFLOW_ROOT": str(config.root),
        "MARKETFLOW_HOME": str(config.home),
        "MARKETFLOW_LANDING": str(config.landing),
        "MARKETFLOW_COLLECTOR_LOG": str(config.collected),
        "MARKETFLOW_EDGE_URL": config.edge_url,
    }


def _airflow_settings(config: Config) -> dict[str, str]:
    logs, url = config.logs / "airflow", config.airflow_url
    return {
        "AIRFLOW_HOME": str(config.airflow_home),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # More at once would only share the cores of a laptop, and take the memory of all.
        "AIRFLOW__CORE__PARALLELISM": "4",
        # Tasks share the cores; threads of a library that wait for one another made a k-means seven times as long.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": str(config.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(config.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Airflow's audit log takes each request down before the form's rules are looked at, also what they refuse.
        "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "message_ids",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{u}:{role}" for u, role in AIRFLOW_USERS.items()),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(config.ports["airflow"]),
        "AIRFLOW__API__INSTANCE_NAME": "Marketflow",
        # ten tasks in a row: 12.9 s with the default of 1 s, 5.6 s with this; 0.1 would keep a third of a core busy
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        # a task whose process was killed is found and retried after a minute, not after five
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "MARKETFLOW_AWAIT_TASK_API": f"{url}/execution/health",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(config.ports["log"]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(config.ports["trigger_log"]),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(f"{name}=WARNING" for name in _NOISY),
    }


def _airflow_secrets(config: Config) -> dict[str, str]:
    secrets = config.secrets
    metadata = f"{METADATA}:{secrets.password(METADATA)}@127.0.0.1:{config.ports['pg']}/{METADATA}"
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{metadata}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{metadata}",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key(),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(secrets.airflow_users_file()),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token("jwt_secret"),
        "AIRFLOW__API__SECRET_KEY": secrets.token("secret_key"),
    }


def _connections(config: Config) -> dict[str, str]:
    secrets = config.secrets
    mail = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": config.ports["smtp"],
        "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "shop@example.com"},
    }
    connections: dict[str, dict[str, Any]] = {
        "warehouse": {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": config.ports["pg"],
            "schema": WAREHOUSE,
            "login": role_name("owner"),
            "password": secrets.password(role_name("owner")),
        },
        "mail": mail,
        "smtp_default": mail,  # what Airflow's own notifiers use
        "marketflow_keys": {"conn_type": "generic", "password": secrets.key_ring()},
        "social_webhook": {
            "conn_type": "http",
            "schema": "http",
            "host": "127.0.0.1",
            "port": config.ports["mailbox"],
            "extra": {"path": "/hooks/posts", "keeps_keys": True},
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
