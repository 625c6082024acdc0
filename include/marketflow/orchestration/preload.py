"""Heavy libraries, imported once in the scheduler, whose forked workers then start a task in tenths of a second.

Called by `airflow_local_settings.py`. A Great Expectations task falls from 4.2 to 0.3 s; the scheduler starts 3 to
6 s later. Code of this project is not among them: it may change while the scheduler runs.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import os
import sys
import time
from urllib.parse import urlsplit

MODULES = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.supervisor",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.smtp.hooks.smtp",
    "psycopg",
    "sqlalchemy",
    "pandas",
    "scipy.sparse",
    "scipy.optimize",
    "sklearn.cluster",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "mlxtend.frequent_patterns",
    "great_expectations",
    "cryptography.hazmat.primitives.ciphers.aead",
    "email_validator",
    "phonenumbers",
    "orjson",
    "pyarrow.csv",
    "pyarrow.compute",
    "duckdb",
    "jinja2",
)


# URL of the task API's health: a scheduler that has this waits for it, as a task without its API fails.
AWAITED = "MARKETFLOW_AWAIT_TASK_API"
PATIENCE = 180.0  # seconds; then the scheduler starts all the same


def preload(arguments: list[str] | None = None) -> list[str]:
    """Import MODULES when this process is a scheduler (`airflow scheduler`); returns those that were imported."""
    loaded: list[str] = []
    if (sys.argv if arguments is None else arguments)[1:2] != ["scheduler"]:
        return loaded
    for name in MODULES:
        with contextlib.suppress(ImportError):  # then the task that needs it says so
            importlib.import_module(name)
            loaded.append(name)
    return loaded


def await_task_api(arguments: list[str] | None = None, patience: float = PATIENCE) -> bool:
    """Hold a scheduler back until the task API answers, when AWAITED says where; returns whether it answered.

    So the supervisor may start it early: it imports while others do work that it depends on.
    """
    if (sys.argv if arguments is None else arguments)[1:2] != ["scheduler"] or AWAITED not in os.environ:
        return False
    url, deadline = urlsplit(os.environ[AWAITED]), time.monotonic() + patience
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
        try:
            connection.request("GET", url.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    return False
