"""A pause takes effect within five seconds while several senders go as fast as they can, and nobody is lost or doubled by it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from fire.sender import FileClock
from fire.stage import Database, MailServer, Stage, until
from ledger_fixture import by_state, fill
from marketflow.campaigns import cancel, set_paused
from marketflow.embedded.postgres import Server
from smtp_server import read_record

RECIPIENTS, SENDERS = 3_000, 3


@pytest.fixture
def stage(pg_server: Server, warehouse_dsn: str, tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "clock").write_text("0")
    (tmp_path / "contact_policy.yaml").write_text(
        "frequency_caps: [{messages: 2, days: 7}]\n"
    )  # counted, and not reached
    (tmp_path / "delivery.yaml").write_text("channels: {}\n")  # full rate
    clock = FileClock(time_zone=ZoneInfo("UTC"), path=tmp_path / "clock")
    made = Stage(Database(pg_server, warehouse_dsn), MailServer(tmp_path / "taken.jsonl"), clock, senders=SENDERS)
    made.mail.start()
    yield made
    made.close()


def test_a_pause_is_felt_within_five_seconds(conn: psycopg.Connection, stage: Stage) -> None:
    filled = fill(conn, RECIPIENTS, now=stage.clock.now())
    stage.keep_going()
    until(
        lambda: stage.mail.taken() >= RECIPIENTS // 10 and len(stage.at_work()) == SENDERS, "all senders at full rate"
    )
    set_paused(conn, "thank_you", paused=True, by="ada", clock=stage.clock)
    conn.commit()
    paused_at, before = time.time(), stage.mail.taken()
    stage.let_end()  # they find nothing to do any more
    last_at = stage.mail.record.stat().st_mtime
    assert last_at - paused_at < 5.0
    taken = stage.mail.taken()
    assert before <= taken < RECIPIENTS
    assert by_state(conn) == {"sent": taken, "released": RECIPIENTS - taken}
    set_paused(conn, "thank_you", paused=False, by="ada", clock=stage.clock)
    conn.commit()
    stage.keep_going()
    stage.let_end()
    assert by_state(conn) == {"sent": RECIPIENTS}
    got = Counter(a.message_id for a in read_record(stage.mail.record))
    assert got == dict.fromkeys(filled.message_ids, 1)
    assert stage.failures == 0


def test_a_cancellation_is_felt_within_five_seconds(conn: psycopg.Connection, stage: Stage) -> None:
    filled = fill(conn, RECIPIENTS, now=stage.clock.now())
    stage.keep_going()
    until(
        lambda: stage.mail.taken() >= RECIPIENTS // 10 and len(stage.at_work()) == SENDERS, "all senders at full rate"
    )
    cancelled_at, before = time.time(), stage.mail.taken()
    cancel(conn, "thank_you", occasion=None, by="ada", clock=stage.clock)
    conn.commit()
    stage.let_end()
    assert stage.mail.record.stat().st_mtime - cancelled_at < 5.0
    taken = stage.mail.taken()
    assert before <= taken < RECIPIENTS
    assert by_state(conn) == {"sent": taken, "cancelled": RECIPIENTS - taken}
    got = Counter(a.message_id for a in read_record(stage.mail.record))
    assert max(got.values()) == 1
    assert set(got) <= set(filled.message_ids)
    assert stage.failures == 0
