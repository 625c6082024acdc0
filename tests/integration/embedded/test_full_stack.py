"""The whole stack with Airflow: kill -9 of each part, recovery, and a stop that leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from conftest import SCRATCH
from integration.embedded.conftest import Light, make
from marketflow.embedded import stack
from marketflow.embedded.airflow_api import AirflowApi
from marketflow.embedded.environment import METADATA, server
from marketflow.embedded.osuser import binaries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def full() -> Iterator[Light]:
    made = make(SCRATCH / "full", parts="")
    made.up()
    yield made
    stack.stop(made.config)
    assert made.remains() == []


def api(full: Light, user: str = "admin") -> AirflowApi:
    return AirflowApi(full.config.airflow_url, user, full.config.airflow_password(user))


@pytest.mark.parametrize("part", ["scheduler", "postgres", "api-server", "dag-processor", "triggerer", "mail", "edge"])
def test_a_part_that_is_killed_comes_back_with_all_others(full: Light, part: str) -> None:
    full.up()
    family = psutil.Process(full.pid(part)).children(recursive=True)
    killed = full.kill(part)
    full.until(lambda: full.is_back(part, killed), seconds=150)
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []  # no orphan goes on


def test_a_dag_runs_after_the_scheduler_was_killed_in_the_middle(full: Light) -> None:
    full.up()
    with api(full) as admin:
        full.until(lambda: "evaluate_campaigns" in admin.dag_ids(), seconds=60)
        run_id = admin.trigger("evaluate_campaigns")
        full.until(lambda: "running" in admin.tasks("evaluate_campaigns", run_id).values(), seconds=60)
        full.kill("scheduler")
        full.until(lambda: admin.run("evaluate_campaigns", run_id)["state"] in ("success", "failed"), seconds=240)
        assert admin.run("evaluate_campaigns", run_id)["state"] == "success"


def test_what_the_form_of_unknown_messages_refuses_is_in_no_table_of_airflow(full: Light) -> None:
    """Message-IDs only: Airflow's audit log has each request, also the refused one, and a run what was typed for it."""
    full.up()
    ours = "0" * 32 + "@mail.example.com"
    with api(full) as admin:
        full.until(lambda: "settle_unknown" in admin.dag_ids(), seconds=60)
        with pytest.raises(httpx.HTTPStatusError) as refused:
            admin.trigger("settle_unknown", {"message_ids": f"to=<ada.secret@example.com>, message-id=<{ours}>"})
        assert refused.value.response.status_code == 400
        run_id = admin.trigger("settle_unknown", {"message_ids": ours})
        assert admin.run("settle_unknown", run_id)["conf"]["message_ids"] == ours
        full.until(lambda: admin.run("settle_unknown", run_id)["state"] in ("success", "failed"), seconds=60)
    command = [str(binaries() / "pg_dump"), server(full.config).dsn(METADATA)]
    kept = [subprocess.run(command, capture_output=True, check=True).stdout]
    kept += [file.read_bytes() for file in full.config.logs.rglob("*") if file.is_file()]
    assert any(run_id.encode() in text for text in kept)
    assert not any(b"ada.secret" in text for text in kept)


def test_users_sign_in_with_the_passwords_that_status_shows(full: Light) -> None:
    full.up()
    for user in ("admin", "marketer", "viewer"):
        with api(full, user) as signed_in:
            signed_in.dag_ids()


def test_killing_the_supervisor_ends_airflow_and_up_recovers(full: Light) -> None:
    full.up()
    full.kill("supervisor")
    full.up()
    assert full.all_ready()


def test_stop_takes_seconds_and_leaves_nothing(full: Light) -> None:
    full.up()
    began = time.monotonic()
    stack.stop(full.config)
    assert time.monotonic() - began < 30
    assert full.remains() == []
    assert set(full.states().values()) == {"down"}


def test_a_hanging_supervisor_is_ended_too(full: Light) -> None:
    full.up()
    os.kill(full.pid("scheduler"), signal.SIGSTOP)  # it can follow no signal but SIGKILL
    stack.stop(full.config)
    assert full.remains() == []
