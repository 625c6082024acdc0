"""Passwords and keys: made once, kept, private."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from marketflow.embedded.secrets import Secrets
from marketflow.privacy import KeyRing
from marketflow.shared import ConfigurationError
from marketflow.warehouse import ROLES


def every(secrets: Secrets) -> dict[str, str]:
    return {
        **secrets.role_passwords(),
        **secrets.airflow_users(),
        "postgres": secrets.password("postgres"),
        "fernet": secrets.fernet_key(),
        "jwt": secrets.token("jwt_secret"),
        "keys": secrets.key_ring(),
        "write_keys": secrets.write_keys(),
    }


def test_a_second_start_finds_the_same(tmp_path: Path) -> None:
    assert every(Secrets(home=tmp_path)) == every(Secrets(home=tmp_path))


def test_each_secret_is_another(tmp_path: Path) -> None:
    found = list(every(Secrets(home=tmp_path)).values())
    assert len(set(found)) == len(found)
    assert set(Secrets(home=tmp_path).role_passwords()) == set(ROLES)
    KeyRing.from_json(Secrets(home=tmp_path).key_ring())


def test_files_are_private(tmp_path: Path) -> None:
    secrets = Secrets(home=tmp_path)
    every(secrets)
    secrets.airflow_users_file()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "secrets").iterdir()} == {0o600}
    assert not list((tmp_path / "secrets").glob(".*"))


def test_airflow_reads_the_users_passwords(tmp_path: Path) -> None:
    secrets = Secrets(home=tmp_path)
    assert json.loads(secrets.airflow_users_file().read_text()) == secrets.airflow_users()
    assert set(secrets.airflow_users()) == {"admin", "marketer", "viewer"}


def test_who_asks_at_the_same_time_gets_the_same(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Secrets(home=tmp_path).key_ring(), range(64)))
    assert len(set(found)) == 1


def test_lost_passwords_of_living_databases_are_not_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="make reset"):
        Secrets(home=tmp_path).password("postgres")
    with pytest.raises(ConfigurationError, match="backup"):
        Secrets(home=tmp_path).key_ring()


def test_a_lost_key_ring_is_not_made_anew_when_there_are_data(tmp_path: Path) -> None:
    secrets = Secrets(home=tmp_path)
    every(secrets)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "secrets" / "key_ring.json").unlink()
    with pytest.raises(ConfigurationError, match="backup"):
        secrets.key_ring()
