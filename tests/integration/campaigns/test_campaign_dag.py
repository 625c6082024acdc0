"""The task `plan` of a campaign's DAG, as Airflow calls it with a form."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from campaign_shop import RING, Desk, add_customer
from marketflow.campaigns import Campaign
from marketflow.orchestration import approval, defaults
from marketflow.orchestration import campaign as dag
from marketflow.orchestration.campaign_form import campaign_form
from marketflow.shared import Clock, MarketflowError, settings

SECRET = "somebody.private@example.com"


@pytest.fixture
def pushed(shop: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the task says by XCom when it ends early."""
    found: dict[str, Any] = {}

    @contextmanager
    def warehouse(_role: str | None = None) -> Iterator[psycopg.Connection]:
        yield shop

    run = SimpleNamespace(run_type="manual", logical_date=None, triggering_user_name="ada")
    ti = SimpleNamespace(xcom_push=lambda key, value: found.update({key: value}))
    monkeypatch.setattr(dag, "warehouse", warehouse)
    monkeypatch.setattr(dag, "key_ring", lambda: RING)
    for module in (dag, defaults):
        monkeypatch.setattr(module, "get_current_context", lambda: {"dag_run": run, "ti": ti})
    monkeypatch.setattr(type(settings()), "clock", lambda _self: clock)
    return found


def form(campaign: Campaign, **fields: Any) -> dict[str, Any]:
    return {name: param.value for name, param in campaign_form(campaign).items()} | fields


def test_a_test_is_released_without_an_approval_and_tells_no_address(
    desk: Desk, campaigns: dict[str, Campaign], pushed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    campaign = campaigns["win_back"]
    assert campaign.approval
    add_customer(desk.conn, "Ada")
    with caplog.at_level(logging.DEBUG):
        result = dag.plan_occasion(campaign, form(campaign, test_addresses=[SECRET]))
        assert dag.release_plan(result) == 1
    assert (pushed, result["dry_run"]) == ({}, True)
    assert desk.rows("SELECT state, decided_by FROM activation.plans WHERE plan_id = %s", result["plan_id"]) == [
        ("released", None)
    ]
    assert desk.rows("SELECT state, is_test FROM activation.sends") == [("released", True)]
    assert "somebody.private" not in str(result) + caplog.text
    assert desk.rows("SELECT actor FROM privacy.audit_log") == [("ada",)]


def test_without_test_addresses_a_dry_run_ends_after_the_plan(
    desk: Desk, campaigns: dict[str, Campaign], pushed: dict[str, Any]
) -> None:
    add_customer(desk.conn, "Ada")
    with pytest.raises(AirflowSkipException, match="dry run"):
        dag.plan_occasion(campaigns["win_back"], form(campaigns["win_back"]))
    assert pushed["return_value"]["planned"] == 1
    assert desk.ledger() == []


@pytest.mark.usefixtures("pushed", "shop")
def test_posts_have_no_test_addresses(campaigns: dict[str, Campaign]) -> None:
    campaign = campaigns["weekly_bestsellers"]
    with pytest.raises(AirflowFailException, match="test addresses are for mails"):
        dag.plan_occasion(campaign, form(campaign, test_addresses=[SECRET]))


@pytest.mark.usefixtures("pushed", "shop")
def test_a_wrong_test_address_fails_the_run_for_good(campaigns: dict[str, Campaign]) -> None:
    campaign = campaigns["win_back"]
    with pytest.raises(AirflowFailException, match="address 1 cannot be used") as info:
        dag.plan_occasion(campaign, form(campaign, test_addresses=["private person"]))
    assert "private" not in str(info.value)


@pytest.mark.parametrize(
    "case",
    [(True, False, True), (True, True, True), (False, True, True), (False, False, False)],
)
def test_the_form_can_ask_for_an_approval_and_not_take_it_away(
    desk: Desk,
    campaigns: dict[str, Campaign],
    pushed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[bool, bool, bool],
) -> None:
    """Whoever may trigger a run, such as a program with a password, is not a person who has said yes to it."""
    definition, wish, asked = case
    campaign = campaigns["win_back"].model_copy(update={"approval": definition})
    add_customer(desk.conn, "Ada")
    params = form(campaign, dry_run=False, approval=wish)
    result = dag.plan_occasion(campaign, params)
    task = approval.CampaignApproval(task_id="approve", plan_task_id="plan", subject="?", body="?")
    context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: {"plan": result}[task_ids]), "params": params}
    monkeypatch.setattr(approval, "warehouse", dag.warehouse)
    monkeypatch.setattr(approval.ApprovalOperator, "execute", lambda _self, _context: "asked")
    assert (task.execute(context) == "asked") is asked
    assert pushed == {}
    if asked:
        with pytest.raises(MarketflowError, match="waits for approval"):
            dag.release_plan(result)
    else:
        assert dag.release_plan(result) == 1
