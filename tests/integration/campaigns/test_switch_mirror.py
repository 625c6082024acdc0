"""The switch of a campaign's DAG reaches the senders, also when the warehouse was away in that moment."""

from __future__ import annotations

import logging
import time

import psycopg
import pytest

from conftest import free_port
from marketflow.orchestration.switches import mirror


def is_paused(conn: psycopg.Connection) -> dict[str, bool]:
    conn.rollback()
    return dict(conn.execute("SELECT campaign, is_paused FROM activation.campaign_states").fetchall())


def test_a_switch_is_told_and_other_dags_are_not(
    conn: psycopg.Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    mirror({"win_back": True, "build_marts": True})
    assert is_paused(conn) == {"win_back": True}
    mirror({"win_back": False})
    assert is_paused(conn) == {"win_back": False}


def test_a_warehouse_that_was_away_hears_the_newest_of_each(
    conn: psycopg.Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgresql://nobody@127.0.0.1:{free_port()}/away")
    with caplog.at_level(logging.ERROR, "marketflow.orchestration.switches"):
        for paused in (True, False, True):
            mirror({"win_back": paused})
        mirror({"welcome": True})
    assert "did not reach activation.campaign_states yet" in caplog.text
    assert is_paused(conn) == {}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    deadline = time.monotonic() + 30
    while is_paused(conn) != {"win_back": True, "welcome": True}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgresql://nobody@127.0.0.1:{free_port()}/away")
    mirror({"welcome": False})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    while is_paused(conn)["welcome"]:
        assert time.monotonic() < deadline, "a second time as well"
        time.sleep(0.05)
