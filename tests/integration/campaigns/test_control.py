"""Pause, resume and cancel: by the switch of the campaign's DAG and by the form, each as often as somebody likes."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from campaign_shop import Desk, add_customer
from ledger_fixture import HandClock, by_state, fill, mail, row, run
from marketflow.campaigns import Campaign, cancel, decide, hold, release, set_paused
from marketflow.campaigns.delivery import campaign_stop
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import connect


@pytest.fixture
def three(desk: Desk) -> list[int]:
    customers = [add_customer(desk.conn, name)[0] for name in ("Ada", "Bo", "Cy")]
    desk.conn.commit()
    return customers


def stop(desk: Desk, campaign: str, occasion: str | None = None) -> tuple[int, int]:
    done = cancel(desk.conn, campaign, occasion=occasion, by="ada", clock=desk.clock)
    desk.conn.commit()
    return done.plans, done.messages


def states(desk: Desk) -> list[tuple[str, str | None]]:
    return desk.rows("SELECT state, reason FROM activation.sends ORDER BY send_id")  # type: ignore[return-value]


@pytest.mark.usefixtures("three")
def test_a_cancelled_occasion_is_over_and_another_is_not(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    win_back = campaigns["win_back"]
    release(desk.conn, desk.plan(win_back, approval=False, occasion="spring").plan_id, clock=desk.clock)
    release(desk.conn, desk.plan(win_back, approval=False, occasion="autumn").plan_id, clock=desk.clock)
    assert stop(desk, "win_back", "spring") == (1, 3)
    assert states(desk) == [("cancelled", "cancelled_by_person")] * 3 + [("released", None)] * 3
    assert stop(desk, "win_back", "spring") == (0, 0)
    again = desk.plan(win_back, approval=False, occasion="spring")
    assert (again.planned, again.refusals) == (0, {"already_planned": 3})
    assert stop(desk, "win_back") == (1, 3)
    assert desk.rows("SELECT DISTINCT state, cancelled_by FROM activation.plans WHERE planned > 0") == [
        ("cancelled", "ada")
    ]


@pytest.mark.usefixtures("three")
def test_a_plan_that_waits_for_its_approval_can_be_cancelled(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"])
    assert stop(desk, "win_back") == (1, 3)
    with pytest.raises(MarketflowError, match="cancelled; it cannot be approved"):
        decide(desk.conn, plan.plan_id, approved=True, by="bo", clock=desk.clock)
    decide(desk.conn, plan.plan_id, approved=False, by="bo", clock=desk.clock)
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 0
    assert states(desk) == [("cancelled", "cancelled_by_person")] * 3


def test_what_a_sender_holds_is_not_begun_any_more(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    clock = HandClock()
    filled = fill(conn, 10)
    with connect(warehouse_dsn) as other:
        ledger = Ledger.over(other, "email", dt.timedelta(seconds=60))
        claim = ledger.claim(4, clock.now())
        assert cancel(conn, "thank_you", occasion=None, by="ada", clock=clock).messages == 6
        conn.commit()
        assert ledger.begin(claim, claim.send_ids, clock.now()) == dict.fromkeys(claim.send_ids, "cancelled")
    assert by_state(conn) == {"cancelled": 10}
    assert row(conn, filled.send_ids[0])["reason"] == "cancelled_by_person"


def test_what_the_cancellation_had_not_come_to_is_not_sent(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    """A run of control_campaign that dies in the middle: the plan is cancelled, its rows still say `released`."""
    filled, channel = fill(conn, 5), mail()
    conn.execute("UPDATE activation.plans SET state = 'cancelled' WHERE plan_id = %s", [filled.plan_id])
    conn.commit()
    run(lambda: connect(warehouse_dsn), channel)
    assert channel.messages == []
    assert by_state(conn) == {"cancelled": 5}


def test_the_form_and_the_switch_both_have_to_let_it_go_on(conn: psycopg.Connection, clock: Clock) -> None:
    def switch(*, off: bool) -> bool:
        set_paused(conn, "win_back", paused=off, by="airflow", clock=clock)
        return bool(conn.execute("SELECT is_paused FROM activation.campaign_states").fetchone()[0])  # type: ignore[index]

    def form(*, held: bool) -> bool:
        return hold(conn, "win_back", held=held, by="ada", note="wrong price", clock=clock)

    assert switch(off=True)
    assert form(held=True)
    assert switch(off=False), "held by the form"
    assert not form(held=False)
    assert form(held=True)
    assert form(held=True)
    assert conn.execute("SELECT changed_by, reason FROM activation.campaign_states").fetchall() == [
        ("ada", "wrong price")
    ]
    assert switch(off=True)
    assert form(held=False), "switched off by its DAG"
    assert not switch(off=False)
    assert conn.execute("SELECT reason FROM activation.campaign_states").fetchall() == [(None,)]


def test_either_of_the_two_wakes_what_had_stopped_by_itself(conn: psycopg.Connection, clock: Clock) -> None:
    for wake in ("form", "switch"):
        conn.execute("DELETE FROM activation.campaign_states")
        conn.execute(
            "INSERT INTO activation.campaign_states (campaign, is_paused, changed_at, changed_by, reason)"
            " VALUES ('win_back', true, %s, 'auto-stop', '9 of 100 bounced')",
            [clock.now()],
        )
        if wake == "form":
            assert not hold(conn, "win_back", held=False, by="ada", note=None, clock=clock)
        else:
            set_paused(conn, "win_back", paused=True, by="airflow", clock=clock)
            set_paused(conn, "win_back", paused=False, by="airflow", clock=clock)
        assert conn.execute("SELECT is_paused, reason FROM activation.campaign_states").fetchall() == [(False, None)]


@pytest.mark.parametrize("note", [None, "wrong price"])
def test_who_holds_what_had_stopped_by_itself_keeps_why(
    conn: psycopg.Connection, clock: Clock, note: str | None
) -> None:
    why = "bounces: 9 of 100 messages (9.00 %), the limit is 5 %"
    conn.execute(
        "INSERT INTO activation.campaign_states (campaign, is_paused, changed_at, changed_by, reason)"
        " VALUES ('win_back', true, %s, 'auto-stop', %s)",
        [clock.now(), why],
    )
    assert hold(conn, "win_back", held=True, by="ada", note=note, clock=clock)
    kept = why if note is None else f"{note}; {why}"
    assert conn.execute("SELECT changed_by, reason FROM activation.campaign_states").fetchall() == [("ada", kept)]
    said = campaign_stop(conn, "win_back")
    assert said is not None
    assert said.startswith(f"{kept} (since ")
    assert "held" in said, "the switch alone does not wake it"
    assert not hold(conn, "win_back", held=False, by="ada", note=None, clock=clock)
    assert campaign_stop(conn, "win_back") is None
    hold(conn, "win_back", held=True, by="ada", note="wrong price", clock=clock)
    assert campaign_stop(conn, "win_back") is None, "a person has stopped it, and nothing else"
