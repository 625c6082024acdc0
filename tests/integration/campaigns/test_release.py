"""From a plan to released messages: approval, rejection, a run that dies in between, and two runs at once."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from campaign_shop import DAY, RING, Desk, add_customer
from marketflow.campaigns import Campaign, decide, plan_campaign, release, set_paused
from marketflow.shared import MarketflowError


@pytest.fixture
def three(desk: Desk) -> list[int]:
    customers = [add_customer(desk.conn, name)[0] for name in ("Ada", "Bo", "Cy")]
    desk.conn.commit()
    return customers


def states(desk: Desk) -> list[str]:
    return [state for _, _, state in desk.ledger()]


@pytest.mark.usefixtures("three")
def test_a_plan_that_needs_approval_waits_for_it(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"])
    with pytest.raises(MarketflowError, match="waits for approval"):
        release(desk.conn, plan.plan_id, clock=desk.clock)
    assert states(desk) == ["planned"] * 3
    decide(desk.conn, plan.plan_id, approved=True, by="marketer", clock=desk.clock)
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 3
    assert states(desk) == ["released"] * 3
    assert desk.rows("SELECT state, decided_by, decided_at IS NULL, released_at IS NULL FROM activation.plans") == [
        ("released", "marketer", False, False)
    ]
    assert desk.rows("SELECT count(*) FROM activation.sends WHERE released_at IS NOT NULL") == [(3,)]


@pytest.mark.usefixtures("three")
def test_the_form_may_turn_approval_off_and_on(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"], approval=False, audience_limit=1)
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 1
    asked = desk.plan(campaigns["win_back"].model_copy(update={"approval": False}), approval=True)
    with pytest.raises(MarketflowError, match="waits for approval"):
        release(desk.conn, asked.plan_id, clock=desk.clock)


def test_releasing_again_changes_nothing(desk: Desk, three: list[int], campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"], approval=False)
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 3
    desk.conn.execute("UPDATE activation.sends SET state = 'sent' WHERE customer_id = %s", [three[0]])
    before = desk.rows("SELECT customer_id, state, released_at FROM activation.sends ORDER BY 1")
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 3
    assert desk.rows("SELECT customer_id, state, released_at FROM activation.sends ORDER BY 1") == before


@pytest.mark.usefixtures("three")
def test_a_rejected_plan_is_cancelled_and_never_released(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"])
    for _ in range(2):
        decide(desk.conn, plan.plan_id, approved=False, by="marketer", clock=desk.clock)
    assert states(desk) == ["cancelled"] * 3
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 0
    with pytest.raises(MarketflowError, match="is rejected"):
        decide(desk.conn, plan.plan_id, approved=True, by="marketer", clock=desk.clock)
    assert states(desk) == ["cancelled"] * 3


def test_after_a_rejection_the_same_people_can_be_planned_again(
    desk: Desk, three: list[int], campaigns: dict[str, Campaign]
) -> None:
    """The marketer rejects a wrong subject and starts again: the people are not lost, and nobody was written to."""
    first = desk.plan(campaigns["win_back"])
    ids = desk.rows("SELECT send_id, message_id FROM activation.sends ORDER BY 1")
    decide(desk.conn, first.plan_id, approved=False, by="marketer", clock=desk.clock)
    second = desk.plan(campaigns["win_back"], subject="A better subject")
    assert second.planned == 3
    assert desk.ledger() == [(c, second.plan_id, "planned") for c in three]
    assert desk.rows("SELECT send_id, message_id FROM activation.sends ORDER BY 1") == ids
    assert second.samples[0]["subject"] == "A better subject"


def test_a_plan_whose_run_died_is_adopted_by_the_next(
    desk: Desk, three: list[int], campaigns: dict[str, Campaign]
) -> None:
    """Between plan and release the task was killed; its repetition makes a plan of its own and loses nobody."""
    dead = desk.plan(campaigns["win_back"], approval=False)
    again = desk.plan(campaigns["win_back"], approval=False)
    assert (again.planned, again.refusals) == (3, {})
    assert release(desk.conn, again.plan_id, clock=desk.clock) == 3
    assert release(desk.conn, dead.plan_id, clock=desk.clock) == 0
    assert desk.ledger() == [(c, again.plan_id, "released") for c in three]


@pytest.mark.usefixtures("three")
def test_an_adopted_row_is_as_the_new_plan_says(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.plan(campaigns["win_back"])
    changed = campaigns["win_back"].model_copy(update={"priority": 7})
    desk.plan(changed)
    assert desk.rows("SELECT DISTINCT priority, definition_version FROM activation.sends") == [
        (7, changed.definition_version)
    ]


@pytest.mark.usefixtures("three")
def test_a_smaller_plan_takes_only_its_own(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    """What a person approves is what is released: a plan for one does not release the three of an earlier one."""
    big = desk.plan(campaigns["win_back"])
    small = desk.plan(campaigns["win_back"], audience_limit=1)
    decide(desk.conn, small.plan_id, approved=True, by="marketer", clock=desk.clock)
    assert release(desk.conn, small.plan_id, clock=desk.clock) == 1
    decide(desk.conn, big.plan_id, approved=True, by="marketer", clock=desk.clock)
    assert release(desk.conn, big.plan_id, clock=desk.clock) == 2
    assert states(desk) == ["released"] * 3


@pytest.mark.usefixtures("three")
def test_dry_runs_refused_plans_and_strangers_release_nothing(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    dry = desk.plan(campaigns["win_back"], dry_run=True, approval=False)
    desk.conn.execute("DELETE FROM ops.table_freshness")
    refused = desk.plan(campaigns["win_back"], approval=False)
    for plan in (dry, refused):
        assert release(desk.conn, plan.plan_id, clock=desk.clock) == 0
    with pytest.raises(MarketflowError, match="is refused"):
        decide(desk.conn, refused.plan_id, approved=True, by="marketer", clock=desk.clock)
    with pytest.raises(MarketflowError, match="no plan 999"):
        release(desk.conn, 999, clock=desk.clock)


@pytest.mark.usefixtures("three")
def test_two_plans_of_one_occasion_at_once(desk: Desk, campaigns: dict[str, Campaign], warehouse_dsn: str) -> None:
    """Each run plans and releases; together they release everybody once."""
    done: list[tuple[int, int]] = []
    start = threading.Barrier(2)

    def run() -> None:
        with psycopg.connect(warehouse_dsn) as conn:
            start.wait()
            plan = plan_campaign(
                conn,
                campaigns["win_back"],
                business_date=DAY,
                dry_run=False,
                approval=False,
                keys=RING,
                clock=desk.clock,
            )
            conn.commit()
            done.append((plan.planned, release(conn, plan.plan_id, clock=desk.clock)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert len(done) == 2
    assert sum(released for _, released in done) == 3
    assert states(desk) == ["released"] * 3


@pytest.mark.usefixtures("three")
def test_the_second_planner_waits_for_the_first(desk: Desk, campaigns: dict[str, Campaign], warehouse_dsn: str) -> None:
    options: dict[str, Any] = {"business_date": DAY, "dry_run": False, "keys": RING, "clock": desk.clock}
    with psycopg.connect(warehouse_dsn) as other:
        other.execute("SELECT 1")  # opens the transaction that holds the lock until it ends
        plan_campaign(other, campaigns["win_back"], **options)
        desk.conn.execute("SET lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            desk.plan(campaigns["win_back"])
        desk.conn.rollback()
        other.commit()
    assert desk.plan(campaigns["win_back"]).planned == 3


@pytest.mark.usefixtures("three")
def test_a_planner_that_dies_leaves_nothing(desk: Desk, campaigns: dict[str, Campaign], warehouse_dsn: str) -> None:
    with psycopg.connect(warehouse_dsn) as other:
        other.execute("SELECT 1")
        plan_campaign(other, campaigns["win_back"], business_date=DAY, dry_run=False, keys=RING, clock=desk.clock)
        other.rollback()
    assert desk.ledger() == []
    assert desk.rows("SELECT count(*) FROM activation.plans") == [(0,)]
    assert desk.plan(campaigns["win_back"]).planned == 3


def test_the_switch_is_mirrored(desk: Desk) -> None:
    def mirror() -> list[tuple[Any, ...]]:
        return desk.rows("SELECT is_paused, changed_by FROM activation.campaign_states WHERE campaign = 'win_back'")

    set_paused(desk.conn, "win_back", paused=True, by="admin", clock=desk.clock)
    set_paused(desk.conn, "win_back", paused=True, by="somebody else", clock=desk.clock)
    assert mirror() == [(True, "admin")]
    set_paused(desk.conn, "win_back", paused=False, by="marketer", clock=desk.clock)
    assert mirror() == [(False, "marketer")]
