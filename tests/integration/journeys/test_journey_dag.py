"""The tasks of a journey's DAG, as Airflow calls them, on a real warehouse."""

from __future__ import annotations

import json
import logging

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from campaign_shop import KEYS, fresh
from journey_desk import Desk
from marketflow.orchestration import journey as dag
from marketflow.shared import settings


@pytest.fixture(autouse=True)
def _connections(desk: Desk, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    connection = json.dumps({"conn_type": "generic", "password": KEYS})
    monkeypatch.setenv("AIRFLOW_CONN_MARKETFLOW_KEYS", connection)
    monkeypatch.setattr(type(settings()), "clock", lambda _self: desk.clock)


def test_a_run_lets_people_in_moves_them_and_wakes_the_delivery(desk: Desk) -> None:
    journey = desk.journey("steps:\n  hello: {send: {}}\n", mails=("hello",))
    desk.people(2)
    fresh(desk.conn, desk.clock.business_date())
    assert dag.let_in(journey, dry_run=True) == {"entered": 2}
    assert dag.let_in(journey, dry_run=False) == {"entered": 2}
    assert dag.move_people("trip", dry_run=True) == {"people": 2, "moves": {"sent": 2}, "released": {}}
    moved = dag.move_people("trip", dry_run=False)
    assert dag.released_by(moved, "email") == 2
    again = dag.move_people("trip", dry_run=False)  # cleared and run again
    assert again == {"people": 0, "moves": {}, "released": {}}
    with pytest.raises(AirflowSkipException):
        dag.released_by(again, "email")
    assert desk.rows("SELECT count(*) FROM activation.sends") == [(2,)]
    assert dag.end_removed() == {}


def test_a_definition_that_cannot_be_used_fails_without_another_try(desk: Desk) -> None:
    journey = desk.journey('steps:\n  ask: {branch: {where: "nothing = 1", then: end}}\n')
    with pytest.raises(AirflowFailException, match="step ask"):
        dag.let_in(journey, dry_run=False)


def test_the_dag_is_switched_off_where_the_file_says_so_and_wakes_each_channel(desk: Desk) -> None:
    text = "enabled: false\ntick: 15 minutes\nsteps:\n  hello: {send: {}}\n  crm: {webhook: {account: hook}}\n"
    made = dag.define_journey(desk.journey(text, mails=("hello",)))
    assert made.is_paused_upon_creation
    assert set(made.task_ids) == {"enrol", "move", "wake_email", "wake_webhook"}
    assert made.get_task("move").trigger_rule == "all_done"
    assert [a.name for a in made.get_task("wake_email").outlets] == ["activation.released.email"]
    assert "15 minutes" in str(made.doc_md)


def test_a_run_on_old_data_says_so_and_does_not_fail(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    journey = desk.journey(
        "goal: {event: order_placed}\nsteps:\n  hello: {send: {}}\n  crm: {webhook: {account: hook}}\n",
        mails=("hello",),
    )
    desk.people(1)
    desk.enrol(journey)
    with caplog.at_level(logging.WARNING):
        assert dag.move_people("trip", dry_run=False) == {"people": 1, "moves": {"held": 1}, "released": {}}
    assert "trip: stale data: core.orders knows what happened until no day at all" in caplog.text
