"""`marketflow delivery`: lines of a mail server's log settle what nobody knows, and no address of theirs goes anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ledger_fixture import Filled, fill, states

Terminal = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def terminal(tmp_path: Path, warehouse_dsn: str) -> Terminal:
    def run(*words: str, lines: str | bytes = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "marketflow", "delivery", *words],
            check=False, capture_output=True, input=lines if isinstance(lines, bytes) else lines.encode(),
            env={**os.environ, "MARKETFLOW_HOME": str(tmp_path), "MARKETFLOW_WAREHOUSE_DSN": warehouse_dsn},
        )  # fmt: skip
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


@pytest.fixture
def unknown(conn: psycopg.Connection) -> Filled:
    filled = fill(conn, 3)
    conn.execute("UPDATE activation.sends SET state = 'unknown', reason = 'no_reply', sending_at = planned_at")
    conn.commit()
    return filled


def log_of(*message_ids: str) -> str:
    return "".join(
        f"Nov 22 09:00:00 mx postfix/cleanup[7]: 4F: message-id=<{m}>\n"
        "Nov 22 09:00:01 mx postfix/smtp[7]: 4F: to=<ada.secret@example.com>, status=sent\n"
        for m in message_ids
    )


def test_the_log_says_which_arrived(unknown: Filled, conn: psycopg.Connection, terminal: Terminal) -> None:
    text = log_of(*unknown.message_ids[:2], "somebody.elses@mail.test", "0" * 32 + "@example.com")
    done = terminal("arrived", lines=text * 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "settled: 2 sent\nnot unknown, and left alone: 1\n"
    assert states(conn) == {("sent", "settled_by_person"): 2, ("unknown", "no_reply"): 1}
    noted = conn.execute("SELECT send_id, decision, decided_by FROM activation.unknown_decisions ORDER BY 1").fetchall()
    assert [row[:2] for row in noted] == [(i, "arrived") for i in unknown.send_ids[:2]]
    assert all(by.endswith(" (terminal)") for _, _, by in noted)


def test_what_the_log_refused_is_given_up_and_once(
    unknown: Filled, conn: psycopg.Connection, terminal: Terminal
) -> None:
    assert terminal("give-up", lines=log_of(unknown.message_ids[0])).stdout == "settled: 1 failed\n"
    again = terminal("arrived", lines=log_of(unknown.message_ids[0]))
    assert (again.returncode, again.stdout) == (0, "settled: none\nnot unknown, and left alone: 1\n")
    assert states(conn) == {("failed", "given_up"): 1, ("unknown", "no_reply"): 2}


def test_a_text_without_our_messages_is_refused_and_not_repeated(unknown: Filled, terminal: Terminal) -> None:
    assert unknown.send_ids
    done = terminal("arrived", lines=log_of("somebody.elses@mail.test"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("marketflow: there is no Message-ID of ours in that text")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_bytes_that_are_no_text_harm_nothing(unknown: Filled, terminal: Terminal) -> None:
    done = terminal("arrived", lines=b"\xff\xfe\x00 " + log_of(unknown.message_ids[2]).encode() + b"\xc3")
    assert done.stdout == "settled: 1 sent\n"


def test_the_terminal_lists_them_too(unknown: Filled, terminal: Terminal) -> None:
    shown = terminal("unknown").stdout
    assert all(m in shown for m in unknown.message_ids)
