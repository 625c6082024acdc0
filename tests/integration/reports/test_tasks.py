"""The tasks of `take_reports` and `read_mailbox`, with the connections that Airflow has."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bounce_mails import BOUNCES, dsn, fill_in
from conftest import free_port
from edge_process import RING_JSON
from imap_server import PASSWORD, USER, ImapServer
from ledger_fixture import KEYS, KEYS_JSON, HandClock
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports import MailboxError
from marketflow.edge.collector import EventLog
from marketflow.orchestration import jobs, reports
from marketflow.shared import settings
from reports import handed_over, shut_out


@pytest.fixture
def installation(warehouse_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The settings and connections of one; the folder of its journal."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    monkeypatch.setenv("AIRFLOW_CONN_MARKETFLOW_KEYS", json.dumps({"conn_type": "generic", "password": KEYS_JSON}))
    monkeypatch.delenv("AIRFLOW_CONN_BOUNCES", raising=False)
    monkeypatch.setenv("MARKETFLOW_COLLECTOR_LOG", str(tmp_path))
    monkeypatch.setenv("MARKETFLOW_BOUNCE_ADDRESS", BOUNCES)
    monkeypatch.setattr(jobs, "get_current_context", lambda: {"ti": SimpleNamespace(try_number=1)})
    settings.cache_clear()
    yield tmp_path / "reports"
    settings.cache_clear()


def write(folder: Path, facts: list[dict[str, object]]) -> None:
    journal = EventLog(folder, KEYS, HandClock(), reserve_bytes=0)
    journal.start()
    record = {"event_id": "1", "source": "sendgrid", "reports": facts}
    asyncio.run(journal.append(json.dumps(record).encode()))
    journal.close()


def test_what_providers_told_is_taken_and_a_block_is_warned_of(
    conn: psycopg.Connection, installation: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled = handed_over(conn, 2)
    fact = {"at": "2026-11-22T08:00:00+00:00", "outcome": "bounced", "code": "5.1.1", "send_id": filled.send_ids[0]}
    unnamed = {"at": fact["at"], "outcome": "complaint"}
    write(installation, [fact, {**fact, "code": "5.7.1"}, {**fact, "outcome": "?"}, unnamed, unnamed])
    with caplog.at_level(logging.WARNING):
        done = reports.take_webhooks()
    assert (done["recorded"], done["about_us"], done["odd"], done["unnamed"]) == ({"bounce_hard": 1}, 1, 1, 2)
    assert "2 bounces or complaints name no message of ours" in caplog.text
    assert "1 messages were refused for what we are or what we send" in caplog.text
    assert "1 records of the journal are no reports" in caplog.text
    assert shut_out(conn) == {filled.contact_ids[0]: "hard_bounce"}
    with pytest.raises(AirflowSkipException, match="no provider has reported anything"):
        reports.take_webhooks()


def test_without_the_key_nothing_is_taken_and_nothing_is_lost(
    conn: psycopg.Connection, installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = handed_over(conn, 1)
    write(installation, [{"at": "2026-11-22T08:00:00+00:00", "outcome": "complaint", "send_id": filled.send_ids[0]}])
    with monkeypatch.context() as other:
        other.setenv("AIRFLOW_CONN_MARKETFLOW_KEYS", json.dumps({"conn_type": "generic", "password": RING_JSON}))
        with pytest.raises(AirflowFailException, match="was not taken and stays"):
            reports.take_webhooks()
    assert reports.take_webhooks()["recorded"] == {"complaint": 1}


@pytest.mark.usefixtures("installation")
def test_without_a_connection_no_mailbox_is_read() -> None:
    with pytest.raises(AirflowSkipException, match="there is no Airflow connection 'bounces'"):
        reports.read_mails()


@pytest.mark.usefixtures("installation")
def test_a_mailbox_is_read_by_the_connection(
    conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    filled = handed_over(conn, 1)
    verp = envelope_sender(KEYS, BOUNCES, filled.send_ids[0])
    bounce = fill_in(
        dsn(), verp=verp, recipient=filled.addresses[0], message_id=filled.message_ids[0], link="https://x.test"
    )
    with ImapServer() as server:
        server.append([bounce, f"To: {verp}\r\n\r\nHello\r\n".encode()])
        connection = {
            "conn_type": "imap", "host": "127.0.0.1", "port": server.port, "login": USER, "password": PASSWORD,
            "extra": {"use_ssl": False},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_BOUNCES", json.dumps(connection))
        with caplog.at_level(logging.WARNING):
            done = reports.read_mails()
        assert (done["mails"], done["recorded"], done["sorts"]) == (2, {"bounce_hard": 1}, {"report": 1, "unclear": 1})
        assert (
            "1 mails may be reports and were not understood; they are in the folder marketflow-unclear" in caplog.text
        )
        assert shut_out(conn) == {filled.contact_ids[0]: "hard_bounce"}
        with pytest.raises(AirflowSkipException, match="no mail has come"):
            reports.read_mails()
    monkeypatch.setenv("AIRFLOW_CONN_BOUNCES", json.dumps(connection | {"port": free_port()}))
    with pytest.raises(MailboxError, match="'bounces' cannot be reached"):
        reports.read_mails()
    assert "example.com" not in caplog.text + str(done)
