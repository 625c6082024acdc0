"""Unsubscribing while PostgreSQL is down: durable, and honoured by the next delivery, whoever was killed meanwhile."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from conftest import NOW, PASSWORDS, SCRATCH, free_port, owner_dsn
from edge_process import EdgeProcess
from journals import journal
from ledger_fixture import KEYS, KEYS_JSON, Filled, fill, row
from marketflow.campaigns import ContactPolicy
from marketflow.campaigns.delivery import SmtpTarget
from marketflow.edge.answers import Withdrawal, answer, take_answers
from marketflow.embedded.postgres import Server
from marketflow.privacy import generate_key_ring, unsubscribe_token
from marketflow.privacy.keys import KeyRing
from marketflow.shared import Clock, SourceError, settings
from marketflow.warehouse import bootstrap, connect, migrate
from smtp_server import SmtpServer

JOURNAL = "answers"
EVENTS = "SELECT granted, occurred_at, recorded_at, how, send_id FROM privacy.consent_events"


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of its own, to be stopped."""
    port = free_port()
    server = Server(home=SCRATCH / f"pg-{port}", port=port, password="test-only")
    server.start()
    try:
        bootstrap(server.dsn(), "warehouse", PASSWORDS)
        with connect(owner_dsn(server, "warehouse")) as conn:
            migrate(conn, NOW)
        yield server
    finally:
        server.stop()


def edge_dsn(server: Server) -> str:
    return f"postgresql://marketflow_edge:{PASSWORDS['edge']}@127.0.0.1:{server.port}/warehouse"


def unsubscribe(edge: EdgeProcess, send_id: int, **headers: str) -> httpx.Response:
    url = f"http://127.0.0.1:{edge.port}/u/{unsubscribe_token(KEYS, send_id)}"
    return httpx.post(url, data={"List-Unsubscribe": "One-Click"}, headers=headers, timeout=20)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def due(server: Server) -> Filled:
    with psycopg.connect(owner_dsn(server, "warehouse")) as conn:
        return fill(conn, 3, now=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))


@pytest.fixture
def delivery(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], SmtpServer]]:
    """What the DAG's task does: `deliver_channel`, to a mail server of the test's."""
    from marketflow.orchestration import delivery as module

    monkeypatch.setattr(module, "warehouse", lambda role: connect(owner_dsn(server, "warehouse"), role))
    monkeypatch.setattr(module, "key_ring", lambda: KEYS)
    monkeypatch.setattr(module, "dkim_signer", lambda: None)
    monkeypatch.setattr("marketflow.campaigns.load_contact_policy", ContactPolicy)
    monkeypatch.setattr(type(settings()), "answers", tmp_path / "collected" / JOURNAL)
    with SmtpServer(tmp_path / "accepted.jsonl") as mails:
        monkeypatch.setattr(module, "smtp_target", lambda: SmtpTarget(host="127.0.0.1", port=mails.port))

        def deliver() -> SmtpServer:
            module.deliver_channel("email", per_second=None)
            return mails

        yield deliver


def test_the_next_delivery_honours_what_was_asked_while_the_database_was_down(
    server: Server, tmp_path: Path, delivery: Callable[[], SmtpServer]
) -> None:
    """The service is killed before the database is back: only its journal knows."""
    filled = due(server)
    server.stop()
    with EdgeProcess(tmp_path, dsn=edge_dsn(server), keys=KEYS_JSON) as edge:
        before = dt.datetime.now(dt.UTC)
        answers = [unsubscribe(edge, filled.send_ids[1]) for _ in range(3)]
        asked = dt.datetime.now(dt.UTC)
        assert [(a.status_code, "You are unsubscribed" in a.text) for a in answers] == [(200, True)] * 3
        edge.kill()
    server.start()
    started = dt.datetime.now(dt.UTC)
    mails = delivery()
    assert mails.recipients == [filled.addresses[0], filled.addresses[2]]
    with psycopg.connect(owner_dsn(server, "warehouse")) as conn:
        found = row(conn, filled.send_ids[1])
        assert (found["state"], found["reason"]) == ("skipped", "suppressed")
        [(granted, occurred_at, recorded_at, how, send_id)] = conn.execute(EVENTS).fetchall()
        assert (granted, how, send_id) == (False, "unsubscribe link", filled.send_ids[1])
        assert before <= occurred_at <= asked < started <= recorded_at
        [(since,)] = conn.execute("SELECT since FROM privacy.suppressions").fetchall()
        assert occurred_at <= since <= asked, "the newest of the three"
    assert not list((tmp_path / "collected" / JOURNAL).glob("*.events"))


def test_the_service_takes_its_journal_itself_when_the_database_is_back(server: Server, tmp_path: Path) -> None:
    filled = due(server)
    with EdgeProcess(tmp_path, dsn=edge_dsn(server), keys=KEYS_JSON) as edge:
        server.stop()
        assert unsubscribe(edge, filled.send_ids[0]).status_code == 200
        server.start()
        until(lambda: not list((tmp_path / "collected" / JOURNAL).glob("*.events")))
        with psycopg.connect(owner_dsn(server, "warehouse")) as conn:
            assert [e[0] for e in conn.execute(EVENTS).fetchall()] == [False]
            assert unsubscribe(edge, filled.send_ids[0]).status_code == 200
            assert len(conn.execute(EVENTS).fetchall()) == 1
    assert "answers wait in the journal" in edge.log.read_text()
    assert unsubscribe_token(KEYS, filled.send_ids[0]) not in edge.log.read_text()


def test_a_service_that_starts_takes_what_another_left(server: Server, tmp_path: Path) -> None:
    filled = due(server)
    server.stop()
    with EdgeProcess(tmp_path, dsn=edge_dsn(server), keys=KEYS_JSON) as edge:
        assert unsubscribe(edge, filled.send_ids[2]).status_code == 200
        edge.kill()
    server.start()
    with (
        EdgeProcess(tmp_path, dsn=edge_dsn(server), keys=KEYS_JSON),
        psycopg.connect(owner_dsn(server, "warehouse"), autocommit=True) as conn,
    ):
        until(lambda: len(conn.execute(EVENTS).fetchall()) == 1)


def test_a_disk_that_is_full_too_asks_to_come_back(tmp_path: Path) -> None:
    """`done` is said only when it is durable."""
    with EdgeProcess(tmp_path, keys=KEYS_JSON, collector_reserve_mib=1 << 30) as edge:
        found = unsubscribe(edge, 1, **{"accept-language": "zh-CN"})
        assert (found.status_code, found.headers["retry-after"], found.headers["content-language"]) == (
            503,
            "120",
            "zh",
        )


def test_a_forged_link_reaches_no_journal(tmp_path: Path) -> None:
    with EdgeProcess(tmp_path, keys=KEYS_JSON) as edge:
        url = f"http://127.0.0.1:{edge.port}/u/"
        forged = [unsubscribe_token(KeyRing.from_json(generate_key_ring()), 1), "1", "x" * 5000]
        assert [httpx.post(url + token).status_code for token in forged] == [404] * 3
        assert not list((tmp_path / "collected" / JOURNAL).glob("*.events"))


def _records(send_id: int, **said: Any) -> list[Any]:
    one = answer(send_id, dt.datetime.now(dt.UTC), withdrawal=Withdrawal(), **said)
    return [one.model_dump(mode="json")]


@pytest.mark.parametrize("spoiled", ["keys", "form"])
def test_nothing_is_sent_while_an_answer_cannot_be_read(
    warehouse_dsn: str, conn: psycopg.Connection, tmp_path: Path, clock: Clock, spoiled: str
) -> None:
    """Better no mail than one to somebody who has unsubscribed; the message says what to do and shows nobody's link."""
    filled = fill(conn, 1)
    if spoiled == "keys":
        path = journal(tmp_path / JOURNAL, _records(filled.send_ids[0]), KeyRing.from_json(generate_key_ring()))
    else:
        path = journal(tmp_path / JOURNAL, [{"event_id": "x", "send_id": filled.send_ids[0], "later": 1}], KEYS)
    with pytest.raises(SourceError, match="nothing is sent until it can be read"):
        take_answers(lambda: connect(warehouse_dsn, "edge"), tmp_path / JOURNAL, KEYS, clock)
    assert path.exists()
    assert conn.execute(EVENTS).fetchall() == []


def test_an_answer_to_a_message_that_there_is_not_is_put_by(warehouse_dsn: str, tmp_path: Path, clock: Clock) -> None:
    path = journal(tmp_path / JOURNAL, _records(123_456), KEYS)
    assert take_answers(lambda: connect(warehouse_dsn, "edge"), tmp_path / JOURNAL, KEYS, clock) == 1
    assert not path.exists()


def test_without_a_journal_no_connection_is_opened(tmp_path: Path, clock: Clock) -> None:
    def refuse() -> Any:
        raise AssertionError("asked for the warehouse")

    assert take_answers(refuse, tmp_path / "nowhere", KEYS, clock) == 0
