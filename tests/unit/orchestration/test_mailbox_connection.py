"""The mailbox of bounces is an Airflow connection, which need not be there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marketflow.orchestration.connections import mailbox_target
from marketflow.shared import ConfigurationError


def connection(**extra: Any) -> str:
    return json.dumps({
        "conn_type": "imap", "host": "imap.example.com", "login": "bounces@example.com", "password": "secret-word", "extra": extra,
    })  # fmt: skip


def test_without_a_connection_no_mailbox_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_BOUNCES", raising=False)
    assert mailbox_target() is None


def test_it_is_encrypted_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra, security in (
        ({}, "tls"),
        ({"use_ssl": False}, "plain"),
        ({"use_ssl": False, "starttls": True}, "starttls"),
    ):
        monkeypatch.setenv("AIRFLOW_CONN_BOUNCES", connection(**extra))
        found = mailbox_target()
        assert found is not None
        assert found.security == security
        assert (found.host, found.username, found.folder, found.keep_days) == (
            "imap.example.com",
            "bounces@example.com",
            "INBOX",
            30,
        )
        assert "secret-word" not in repr(found)
        assert "bounces@" not in repr(found)


def test_its_folders_and_days_may_be_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_BOUNCES", connection(folder="Returns", counted_folder="Done", unclear_folder="Odd", keep_days=0)
    )
    found = mailbox_target()
    assert found is not None
    assert (found.folder, found.counted_folder, found.unclear_folder, found.keep_days) == ("Returns", "Done", "Odd", 0)


@pytest.mark.parametrize(
    "extra",
    [
        {"keep_days": "soon"},
        {"keep_days": -1},
        {"folder": ""},
        {"folder": 7},
        {"counted_folder": "a\r\nLOGOUT"},
        {"counted_folder": "Inbox"},
        {"folder": "Returns", "unclear_folder": "Returns"},
    ],
)
def test_extras_that_are_none_are_told(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BOUNCES", connection(**extra))
    with pytest.raises(ConfigurationError, match="the extras of the Airflow connection `bounces` are wrong"):
        mailbox_target()
