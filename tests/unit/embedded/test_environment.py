"""The environment of the stack's processes: complete, and free of what belongs to others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from marketflow.edge.collector import WriteKeys
from marketflow.embedded.config import Config
from marketflow.embedded.environment import (
    as_edge,
    edge_environment,
    environment,
    pinned_settings,
    supervisor_environment,
    warehouse_dsn,
)
from marketflow.privacy import KeyRing
from marketflow.shared import Settings


def config(home: Path, **env: str) -> Config:
    return Config.from_env({"MARKETFLOW_HOME": str(home), **env})


def test_nothing_of_another_airflow_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCTION", "postgresql://x")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("MARKETFLOW_BRAND", "My Shop")
    found = environment(config(tmp_path))
    assert found["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_PRODUCTION" not in found
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["MARKETFLOW_BRAND"] == "My Shop"


def test_it_is_the_same_at_every_start(tmp_path: Path) -> None:
    assert environment(config(tmp_path)) == environment(config(tmp_path))


def test_all_listen_on_this_machine_only(tmp_path: Path) -> None:
    assert environment(config(tmp_path))["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert edge_environment(config(tmp_path))["MARKETFLOW_EDGE_HOST"] == "127.0.0.1"


def test_a_proxy_is_not_asked_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert environment(config(tmp_path))["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_the_clock_that_was_pinned_is_told_to_every_process(tmp_path: Path) -> None:
    state = {"business_date": "2017-12-31", "clock_offset_seconds": -280000000, "time_zone": "America/New_York"}
    config(tmp_path).state_file.write_text(json.dumps(state))
    for found in (environment(config(tmp_path)), edge_environment(config(tmp_path))):
        assert found["MARKETFLOW_BUSINESS_DATE"] == "2017-12-31"
        assert found["MARKETFLOW_CLOCK_OFFSET_SECONDS"] == "-280000000"
        assert found["MARKETFLOW_TIME_ZONE"] == "America/New_York"


def test_the_clock_that_was_pinned_is_the_terminal_s_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pinned_settings(config(tmp_path)).business_date is None
    config(tmp_path).state_file.write_text(json.dumps({"business_date": "2017-12-31", "time_zone": "America/New_York"}))
    found = pinned_settings(config(tmp_path))
    assert (str(found.business_date), found.clock().time_zone.key) == ("2017-12-31", "America/New_York")
    monkeypatch.setenv("MARKETFLOW_BUSINESS_DATE", "2017-11-30")
    assert str(pinned_settings(config(tmp_path)).business_date) == "2017-11-30"


def test_settings_of_ours_are_settings_that_exist(tmp_path: Path) -> None:
    known = {f"MARKETFLOW_{name.upper()}" for name in Settings.model_fields}
    ours = {name for name in environment(config(tmp_path)) if name.startswith("MARKETFLOW_")}
    assert ours - known == {"MARKETFLOW_AWAIT_TASK_API"}


def test_the_edge_service_knows_its_role_and_the_keys_only(tmp_path: Path) -> None:
    found = edge_environment(config(tmp_path))
    assert found["MARKETFLOW_WAREHOUSE_DSN"] == config(tmp_path).dsn("edge")
    assert not [name for name in found if name.startswith("AIRFLOW")]
    assert config(tmp_path).secrets.password("marketflow_owner") not in json.dumps(found)
    ring = json.loads(environment(config(tmp_path))["AIRFLOW_CONN_MARKETFLOW_KEYS"])["password"]
    assert KeyRing.from_json(found["MARKETFLOW_KEYS"]) == KeyRing.from_json(ring)


def test_the_edge_service_writes_the_log_that_airflow_drains(tmp_path: Path) -> None:
    ours = config(tmp_path)
    edge, airflow = edge_environment(ours), environment(ours)
    assert edge["MARKETFLOW_COLLECTOR_LOG"] == airflow["MARKETFLOW_COLLECTOR_LOG"] == str(tmp_path / "collected")
    assert len(WriteKeys.parse(edge["MARKETFLOW_WRITE_KEYS"])) == 2
    assert "MARKETFLOW_WRITE_KEYS" not in airflow


def test_write_keys_of_the_user_reach_the_edge_service_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETFLOW_WRITE_KEYS", "mine=a-key-of-mine")
    assert "MARKETFLOW_WRITE_KEYS" not in environment(config(tmp_path))
    handed_on = supervisor_environment(config(tmp_path))["MARKETFLOW_WRITE_KEYS"]
    monkeypatch.setenv("MARKETFLOW_WRITE_KEYS", handed_on)
    assert edge_environment(config(tmp_path))["MARKETFLOW_WRITE_KEYS"] == "mine=a-key-of-mine"


def test_airflow_does_not_know_the_superuser(tmp_path: Path) -> None:
    assert config(tmp_path).secrets.password("postgres") not in json.dumps(environment(config(tmp_path)))


def test_the_supervisor_comes_to_the_same_configuration(tmp_path: Path) -> None:
    ours = config(
        tmp_path,
        MARKETFLOW_PG_PORT="50001",
        MARKETFLOW_PARTS="mail,postgres",
        AIRFLOW_CONN_MAIL='{"conn_type": "smtp", "host": "mail.example"}',
    )
    assert Config.from_env(supervisor_environment(ours)) == ours


@pytest.mark.parametrize(
    "connection",
    [
        "postgres://owner:p%40ss@db.example:6432/shop",
        "postgresql+psycopg://owner:p%40ss@db.example:6432/shop",
        json.dumps(
            {
                "conn_type": "postgres",
                "host": "db.example",
                "port": 6432,
                "schema": "shop",
                "login": "owner",
                "password": "p@ss",
            }
        ),
    ],
)
def test_a_connection_of_the_user_replaces_the_warehouse(tmp_path: Path, connection: str) -> None:
    ours = config(tmp_path, AIRFLOW_CONN_WAREHOUSE=connection)
    assert environment(ours)["AIRFLOW_CONN_WAREHOUSE"] == connection
    assert warehouse_dsn(ours) == "postgresql://owner:p%40ss@db.example:6432/shop"
    edge = edge_environment(ours)["MARKETFLOW_WAREHOUSE_DSN"]
    assert edge == "postgresql://owner:p%40ss@db.example:6432/shop?options=-c%20role%3Dmarketflow_edge"


def test_a_role_is_added_to_a_uri_that_has_parameters() -> None:
    assert as_edge("postgresql://h/d?sslmode=require").endswith("?sslmode=require&options=-c%20role%3Dmarketflow_edge")


def test_airflow_reads_the_connections_and_masks_their_secrets(tmp_path: Path) -> None:
    """In a process of its own: Airflow reads its configuration once."""
    program = """
from airflow.sdk import Connection
from airflow.sdk.log import redact
keys, warehouse, mail = (Connection.get(name) for name in ("marketflow_keys", "warehouse", "mail"))
assert redact(f"the ring is {keys.password}") == "the ring is ***"
assert warehouse.password not in redact(warehouse.get_uri())
assert (warehouse.conn_type, warehouse.schema, warehouse.login) == ("postgres", "warehouse", "marketflow_owner")
assert mail.extra_dejson["disable_ssl"] is True and mail.extra_dejson["disable_tls"] is True
assert Connection.get("social_webhook").extra_dejson["path"] == "/hooks/posts"
print(keys.password, end="")
"""
    ours = config(tmp_path)
    ours.make_folders()
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(ours), check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ours.secrets.key_ring()
