"""The service as a process: without its warehouse, its logs, its health, and the little that its role may do."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from campaign_shop import RING
from conftest import free_port
from edge_service import Running, after, edge_dsn, link, records
from marketflow.embedded.postgres import Server
from marketflow.privacy import unsubscribe_token
from marketflow.shared import Clock


def test_without_the_warehouse_the_reader_is_asked_to_come_back(
    clock: Clock, sent: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Running(f"postgresql://marketflow_edge:secret-word@127.0.0.1:{free_port()}/gone", clock) as client,
        caplog.at_level(logging.DEBUG, "marketflow"),
    ):
        answer = client.post(link(sent))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
        assert "nothing has changed yet" in answer.text
        assert client.get(link(sent)).status_code == 200
        assert client.get("/health").status_code == 503
    assert "secret-word" not in caplog.text + answer.text
    assert unsubscribe_token(RING, sent) not in caplog.text


def test_health(http: httpx.Client) -> None:
    found = http.get("/health")
    assert (found.status_code, found.json()) == (200, {"status": "ok", "collector": "is off", "warehouse": "ok"})


def test_as_a_process_it_logs_no_request(pg_server: Server, warehouse_dsn: str, sent: int, tmp_path: Path) -> None:
    """`python -m marketflow.edge`, as make up and the container run it; the path of a request is its reader's secret."""
    port = free_port()
    environment = os.environ | {
        "MARKETFLOW_WAREHOUSE_DSN": edge_dsn(pg_server, warehouse_dsn),
        "MARKETFLOW_KEYS": json.dumps(
            {
                "encryption": {"1": base64.b64encode(RING.encryption[1]).decode()},
                "hashing": base64.b64encode(RING.hashing).decode(),
                "signing": base64.b64encode(RING.signing).decode(),
            }
        ),
        "MARKETFLOW_EDGE_PORT": str(port),
    }
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "marketflow.edge"], env=environment, stdout=out, stderr=out)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get("/health", timeout=30).json()["status"] == "ok"
            assert [client.get(link(sent)).status_code, client.post(link(sent)).status_code] == [200, 200]
            assert client.post("/u/forged").status_code == 404
    finally:
        process.terminate()
        process.wait(20)
    said = log.read_text()
    assert "Uvicorn running" in said
    assert unsubscribe_token(RING, sent) not in said
    assert "/u/" not in said


def test_without_its_secrets_it_says_which() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("MARKETFLOW_WAREHOUSE_DSN", "MARKETFLOW_KEYS")}
    done = subprocess.run(
        [sys.executable, "-m", "marketflow.edge"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "MARKETFLOW_WAREHOUSE_DSN (role edge) and MARKETFLOW_KEYS" in done.stderr


@pytest.mark.parametrize(
    "query",
    [
        "SELECT address FROM core.contact_points",
        "SELECT given_name FROM core.customers",
        "SELECT message_id FROM activation.sends",
        "SELECT samples FROM activation.plans",
        "SELECT consent_text FROM privacy.consent_events",
        "DELETE FROM privacy.preferences",
        "SELECT 1 FROM privacy.preference_events",
        "SELECT 1 FROM marts.customer_360",
        "SELECT 1 FROM privacy.suppressions",
        "UPDATE activation.sends SET state = 'cancelled'",
        "DELETE FROM privacy.suppressions",
        "DELETE FROM privacy.consent_events",
        "UPDATE privacy.consents SET purpose = 'x'",
        "SET ROLE marketflow_owner",
    ],
)
def test_the_role_edge_may_do_nothing_else(pg_server: Server, warehouse_dsn: str, query: str) -> None:
    with (
        psycopg.connect(edge_dsn(pg_server, warehouse_dsn)) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(query)


def test_the_owner_s_login_takes_on_the_role(
    warehouse_dsn: str, conn: psycopg.Connection, clock: Clock, sent: int
) -> None:
    with Running(warehouse_dsn, clock) as client:
        assert client.post(link(sent)).status_code == 200
    assert records(conn) == after(sent)
    assert (
        dt.timedelta(0)
        <= clock.now() - conn.execute("SELECT since FROM privacy.suppressions").fetchone()[0]
        < dt.timedelta(minutes=5)
    )
