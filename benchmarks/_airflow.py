"""A real Airflow of a benchmark's own, the local stack's: scheduler with LocalExecutor, API server, PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.config import PORTS, Config, free_port

ROOT = Path(__file__).resolve().parents[1]
PARTS = "postgres,api-server,dag-processor,scheduler"


@contextmanager
def running_airflow(*dags: Path) -> Iterator[AirflowApi]:
    """Start it with these DAG files and no others; its administrator. Stopped and gone at the end of the block."""
    home = Path(tempfile.mkdtemp(prefix="marketflow-bench-"))
    home.chmod(0o755)  # the OS user that PostgreSQL runs as must get in
    environ = _environment(home, _project_with(home / "project", dags))
    command = [sys.executable, "-m", "marketflow"]
    try:
        subprocess.run([*command, "up"], env=environ, check=True, stdout=subprocess.DEVNULL)
        config = Config.from_env(environ)
        with AirflowApi(config.airflow_url, "admin", config.airflow_password("admin")) as admin:
            yield admin
    finally:
        subprocess.run([*command, "stop"], env=environ, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(home, ignore_errors=True)


def until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait; raises RuntimeError when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.2)


def _project_with(folder: Path, dags: tuple[Path, ...]) -> Path:
    """The project with other DAGs."""
    (folder / "dags").mkdir(parents=True)
    for path in dags:
        (folder / "dags" / path.name).symlink_to(path)
    for name in ("include", "plugins", "sql"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def _environment(home: Path, project: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MARKETFLOW_"))}
    return {
        **own,
        **{port.variable: str(free_port()) for port in PORTS.values()},
        "MARKETFLOW_HOME": str(home / "var"),
        "MARKETFLOW_ROOT": str(project),
        "MARKETFLOW_PARTS": PARTS,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "include")]),
    }
