"""The forms of `settle_unknown` and `control_channel` become decisions, and who filled them in is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from ledger_fixture import Filled, fill, states
from marketflow.campaigns.delivery import UnknownSelection
from marketflow.orchestration import delivery, reconcile
from marketflow.orchestration.approval import approval_text
from marketflow.warehouse import connect, use_role

FORM: dict[str, Any] = {
    "decision": "arrived", "confirm": False, "campaign": None, "older_than_hours": None, "message_ids": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _started_by_maria(monkeypatch: pytest.MonkeyPatch, warehouse_dsn: str) -> None:
    @contextmanager
    def warehouse(role: Any = "owner") -> Iterator[psycopg.Connection]:
        with connect(warehouse_dsn) as own:
            use_role(own, role)
            own.commit()
            yield own

    monkeypatch.setattr(reconcile, "actor", lambda: "maria")
    monkeypatch.setattr(reconcile, "warehouse", warehouse)
    monkeypatch.setattr(delivery, "warehouse", warehouse)


@pytest.fixture
def unknown(conn: psycopg.Connection) -> Filled:
    filled = fill(conn, 3)
    conn.execute("UPDATE activation.sends SET state = 'unknown', reason = 'no_reply', sending_at = planned_at")
    conn.commit()
    return filled


def test_nothing_is_decided_by_a_form_that_lists(unknown: Filled, conn: psycopg.Connection) -> None:
    assert unknown.message_ids[0] in reconcile.list_unknown()
    with pytest.raises(AirflowSkipException, match="listed only"):
        reconcile.decide_unknown({**FORM, "decision": "list", "campaign": "thank_you"})
    assert states(conn) == {("unknown", "no_reply"): 3}


def test_a_decision_with_the_name_of_who_took_it(unknown: Filled, conn: psycopg.Connection) -> None:
    done = reconcile.decide_unknown({**FORM, "message_ids": f" <{unknown.message_ids[1]}>\n"})
    assert done == {"states": {"sent": 1}, "not_unknown": 0}
    assert conn.execute("SELECT send_id, decided_by FROM activation.unknown_decisions").fetchall() == [
        (unknown.send_ids[1], "maria")
    ]
    with pytest.raises(AirflowSkipException, match="none of the selected messages is unknown"):
        reconcile.decide_unknown({**FORM, "message_ids": unknown.message_ids[1]})
    done = reconcile.decide_unknown({**FORM, "decision": "send_again", "confirm": True, "campaign": "thank_you"})
    assert done["states"] in ({"released": 2}, {"expired": 2})  # the machine's clock may be past their three days


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "say which messages"),
        ({"decision": "send_again", "campaign": "thank_you"}, "must be confirmed"),
        ({"message_ids": "ada@example.com"}, "Message-IDs only"),
        ({"message_ids": f"to=<ada@example.com>, message-id=<{'0' * 32}@example.com>"}, "marketflow delivery arrived"),
    ],
)
def test_what_cannot_be_meant_fails_for_good(unknown: Filled, form: dict[str, Any], told: str) -> None:
    assert unknown.send_ids
    with pytest.raises(AirflowFailException, match=told) as error:
        reconcile.decide_unknown({**FORM, **form})
    assert "ada" not in str(error.value)


def test_message_ids_stand_side_by_side_or_one_a_line_with_or_without_brackets() -> None:
    one, two, three = (f"{n}{'0' * 31}@mail.example.com" for n in "abc")
    chosen = reconcile._selection({**FORM, "message_ids": f"{one}, <{two}>\r\n{three}\n{one}\n"})
    assert chosen.message_ids == (one, two, three)
    assert reconcile._selection({**FORM, "message_ids": " \n"}).message_ids is None


def test_an_age_of_none_selects_all() -> None:
    chosen = reconcile._selection({**FORM, "older_than_hours": 0})
    assert chosen.begun_before is not None
    assert reconcile._selection(FORM) == UnknownSelection()


def test_a_channel_is_switched_once_and_its_delivery_says_why_nothing_goes() -> None:
    form = {"channel": "email", "switch": "off", "reason": "the relay moves"}
    assert reconcile.control_channel(form) == "the channel email is off"
    with pytest.raises(AirflowSkipException, match="off already"):
        reconcile.control_channel(form)
    assert "switched off by maria" in delivery._why_nothing("email")
    assert "(the relay moves)" in delivery._why_nothing("email")
    assert reconcile.control_channel({**form, "switch": "on", "reason": None}) == "the channel email is on"
    assert delivery._why_nothing("email") == "nothing was due"


def test_the_approval_says_that_a_campaign_has_switched_itself_off() -> None:
    plan: dict[str, Any] = {"planned": 5, "audience": 5, "refusals": {}, "samples": []}
    assert "switched itself off" not in approval_text({**plan, "stop": None})
    text = approval_text({**plan, "stop": "bounces: 12 of 112 messages (10.71 %), the limit is 5 %"})
    assert text.startswith("⚠ **This campaign has switched itself off**: bounces: 12 of 112")
