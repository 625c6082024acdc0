"""The stack's own secrets: made at the first start, kept in `var/secrets`, one file each, for their owner only."""

from __future__ import annotations

import json
import os
import secrets as random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from marketflow.privacy import generate_key_ring
from marketflow.shared import ConfigurationError
from marketflow.warehouse import ROLES
from marketflow.warehouse.connect import Role

# What stored data depend on. The other passwords are given to the roles anew at each start.
_IRREPLACEABLE = ("password_postgres", "key_ring.json", "airflow_fernet_key")
AIRFLOW_USERS = {"admin": "ADMIN", "marketer": "USER", "viewer": "VIEWER"}


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The secrets of the stack whose state lies in `home`."""

    home: Path

    def prepare(self) -> None:
        """Make what is missing, before there are data that depend on it; raises ConfigurationError when there are."""
        self.password("postgres")
        self.key_ring()
        self.fernet_key()

    def password(self, name: str) -> str:
        """The password of a database role (`postgres`, `airflow`, `marketflow_owner` ...) or an Airflow user."""
        return self._keep(f"password_{name}", lambda: random.token_urlsafe(15))

    def key_ring(self) -> str:
        """The key ring as JSON, see marketflow.privacy. Who loses it cannot read the contacts again."""
        return self._keep("key_ring.json", generate_key_ring)

    def fernet_key(self) -> str:
        """What Airflow encrypts connections and variables with in its database."""
        return self._keep("airflow_fernet_key", lambda: Fernet.generate_key().decode())

    def write_keys(self) -> str:
        """Who may send events to the collector: a key for web pages, where anybody can read it, and one for servers."""
        return self._keep(
            "write_keys", lambda: f"web:public={random.token_urlsafe(18)}, server={random.token_urlsafe(18)}"
        )

    def token(self, name: str) -> str:
        """A random secret of 64 bytes, such as the key that signs Airflow's tokens."""
        return self._keep(f"airflow_{name}", lambda: random.token_urlsafe(64))

    def role_passwords(self) -> dict[Role, str]:
        """Passwords of all roles of the warehouse."""
        return {role: self.password(f"marketflow_{role}") for role in ROLES}

    def airflow_users(self) -> dict[str, str]:
        """Airflow's users and their passwords."""
        return {user: self.password(user) for user in AIRFLOW_USERS}

    def airflow_users_file(self) -> Path:
        """The file that SimpleAuthManager reads the users' passwords from; written anew each time."""
        path = self.home / "secrets" / "airflow_users.json"
        _write_beside(path, json.dumps(self.airflow_users())).replace(path)
        return path

    def _keep(self, name: str, make: Callable[[], str]) -> str:
        path = self.home / "secrets" / name
        try:
            return path.read_text()
        except FileNotFoundError:
            pass
        if name in _IRREPLACEABLE and (self.home / "postgres" / "data").exists():
            raise ConfigurationError(
                f"{path} is gone, but the databases that it opens are not: "
                "bring it back from a backup, or `make reset` to begin anew"
            )
        fresh = _write_beside(path, make())
        try:
            os.link(fresh, path)  # of two that make it at once the first one wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_text()


def _write_beside(path: Path, text: str) -> Path:
    """Write a private file under a passing name, so that `path` appears whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
