"""Start, kill, recover, stop: with the light parts, as the supervisor does not know what it supervises."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import threading
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from integration.embedded.conftest import Light, make
from marketflow.embedded import stack
from marketflow.embedded.databases import bootstrap_airflow
from marketflow.embedded.environment import METADATA, server
from marketflow.shared import ConfigurationError, MarketflowError
from marketflow.warehouse import ROLES


def test_up_status_and_stop(light: Light) -> None:
    light.up()
    assert light.all_ready()
    assert any("postgres is ready" in line for line in light.said)
    with psycopg.connect(light.config.dsn("analyst")) as conn:
        assert conn.execute("SELECT count(*) FROM marts.customer_360").fetchone() == (0,)
    assert httpx.get(light.config.edge_url + "/health", trust_env=False).status_code == 200
    began = time.monotonic()
    stack.stop(light.config)
    assert time.monotonic() - began < 15
    assert light.remains() == []
    assert set(light.states().values()) == {"down"}
    stack.stop(light.config)


def test_a_second_up_finds_it_running(light: Light) -> None:
    light.up()
    before = light.pid("supervisor"), light.pid("postgres")
    light.up()
    assert (light.pid("supervisor"), light.pid("postgres")) == before


def test_two_ups_at_once_start_one_stack(light: Light) -> None:
    both = [threading.Thread(target=light.up) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert light.all_ready()
    assert len({line for line in light.said if "postgres is ready" in line}) == 1  # of one start


@pytest.mark.parametrize("part", ["postgres", "mail", "edge"])
def test_a_part_that_is_killed_comes_back(light: Light, part: str) -> None:
    light.up()
    with psycopg.connect(light.config.dsn("owner"), autocommit=True) as conn:
        conn.execute("CREATE TABLE public.kept AS SELECT 1 AS n")
    killed = light.kill(part)
    light.until(lambda: light.is_back(part, killed))
    with psycopg.connect(light.config.dsn("owner")) as conn:
        assert conn.execute("SELECT n FROM public.kept").fetchone() == (1,)
    with smtplib.SMTP("127.0.0.1", light.config.ports["smtp"], timeout=10) as smtp:
        assert smtp.noop()[0] == 250


def test_killing_the_supervisor_ends_all_parts_and_up_recovers(light: Light) -> None:
    light.up()
    light.kill("supervisor")
    light.until(lambda: light.remains() == [], seconds=15)  # they die with their parent, nobody else ends them
    light.up()
    assert light.all_ready()


def test_killing_supervisor_and_postmaster_together(light: Light) -> None:
    light.up()
    postmaster = light.pid("postgres")
    light.kill("supervisor")
    os.kill(postmaster, signal.SIGKILL)
    light.up()
    assert light.all_ready()


def test_an_orphan_of_an_earlier_stack_is_ended_by_up(light: Light) -> None:
    light.up()
    mail = light.pid("mail")
    os.kill(mail, signal.SIGSTOP)  # so that it cannot follow the signal that its parent's death sends
    light.kill("supervisor")
    light.until(lambda: light.remains() == [mail])
    light.up()
    assert light.all_ready()
    assert mail not in light.remains()


def test_a_busy_port_is_named_before_anything_starts(light: Light) -> None:
    with socket.create_server(("127.0.0.1", light.config.ports["smtp"])):
        with pytest.raises(ConfigurationError, match=f"port {light.config.ports['smtp']} .*MARKETFLOW_SMTP_PORT"):
            light.up()
        assert light.remains() == []
        assert not (light.config.home / "postgres").exists()
    light.up()
    assert light.all_ready()


def test_a_part_that_cannot_start_fails_the_start_with_its_log(light: Light) -> None:
    light.config.make_folders()
    (light.config.mail / "new").write_text("not a folder")
    with pytest.raises(MarketflowError, match=r"(?s)did not start.*mail ended with code 1, 3 times.*FileExistsError"):
        light.up()
    assert light.remains() == []


def test_other_ports_while_it_runs_are_refused(light: Light) -> None:
    light.up()
    other = make(light.config.home)
    with pytest.raises(ConfigurationError, match="make stop"):
        other.up()


def test_reset_leaves_nothing(light: Light) -> None:
    light.up()
    stack.reset(light.config)
    assert light.remains() == []
    assert not light.config.home.exists()


def test_reset_deletes_no_folder_that_is_not_a_stack(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    stack.reset(make(tmp_path).config)
    assert (tmp_path / "precious").exists()


def test_the_two_databases_are_closed_to_each_other(light: Light) -> None:
    light.up()
    airflow = server(light.config).dsn(METADATA).replace("postgres:", f"{METADATA}:", 1)
    airflow = f"postgresql://{METADATA}:{light.config.secrets.password(METADATA)}@{airflow.split('@')[1]}"
    with psycopg.connect(airflow) as conn:
        conn.execute("CREATE TABLE public.t (n int)")
    with pytest.raises(psycopg.OperationalError, match="CONNECT"):
        psycopg.connect(airflow.rpartition("/")[0] + "/warehouse")
    for role in ROLES:
        with pytest.raises(psycopg.OperationalError, match="CONNECT"):
            psycopg.connect(light.config.dsn(role).rpartition("/")[0] + f"/{METADATA}")
    bootstrap_airflow(server(light.config).dsn(), "changed")  # safe to repeat; a new password is taken on
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(airflow)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run PostgreSQL")
def test_as_root_in_a_closed_folder_the_folder_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    light = make(closed / "var", "postgres")
    try:
        light.up()
        assert light.all_ready()
        assert closed.stat().st_mode & 0o777 == 0o700
        killed = light.kill("postgres")
        light.until(lambda: light.is_back("postgres", killed))
        link = light.config.home / "postgres"
        outside = link.resolve()
        assert link.is_symlink()
        stack.stop(light.config)
        light.up()
        assert light.all_ready()
    finally:
        stack.reset(light.config)
    assert light.remains() == []
    assert not outside.exists()
