"""The daily look: who counts, from when on, in which arm; and what is decided, once."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from campaign_shop import DAY, Desk, add_customer
from experiment_letter import letter
from ledger_fixture import HandClock
from marketflow.campaigns import PlanSummary, release
from marketflow.evaluation.experiments import judge_experiments
from marketflow.evaluation.experiments.look import Looked
from marketflow.warehouse import queries
from table_rows import give

_orders = itertools.count(1)
BEGAN = dt.datetime(2018, 1, 1, 12, tzinfo=dt.UTC)


@dataclass
class Trial:
    """A released experiment among 100 people, and what they do."""

    desk: Desk
    plan: PlanSummary
    arms: dict[str, list[int]] = field(default_factory=dict)

    @property
    def clock(self) -> HandClock:
        assert isinstance(self.desk.clock, HandClock)
        return self.desk.clock

    def order(self, customers: list[int], at: dt.datetime | None = None, kind: str = "sale") -> None:
        at = at or BEGAN + dt.timedelta(days=1)
        rows = [{"order_id": next(_orders), "external_id": str(uuid.uuid4()), "customer_id": c, "ordered_at": at.isoformat(),
                 "ordered_on": str(at.date()), "kind": kind} for c in customers]  # fmt: skip
        give(self.desk.conn, "core.orders", rows)

    def track(self, customers: list[int], kind: str = "click", verdict: str = "person") -> None:
        self.desk.conn.cursor().executemany(
            "INSERT INTO activation.tracking_events (event_id, send_id, campaign, channel, kind, url, occurred_at, recorded_at, verdict,"
            " verdict_reason) SELECT %s, send_id, campaign, channel, %s, CASE WHEN %s = 'click' THEN 'https://shop.example.com' END,"
            " %s, %s, %s, CASE WHEN %s <> 'person' THEN 'x' END FROM activation.sends WHERE customer_id = %s",
            [(uuid.uuid4(), kind, kind, BEGAN + dt.timedelta(hours=2), BEGAN, verdict, verdict, c) for c in customers],
        )

    def look(self, **after: float) -> Looked:
        self.clock.hands[0] = BEGAN + dt.timedelta(**after)
        looked = judge_experiments(self.desk.conn, clock=self.clock)
        self.desk.conn.commit()
        return looked

    def seen(self, *columns: str) -> dict[str, Any]:
        """By arm, what the newest look says."""
        query = psycopg.sql.SQL("SELECT arm, {} FROM marts.experiment_results WHERE is_newest").format(
            psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
        )
        rows = self.desk.conn.execute(query).fetchall()
        return {arm: values[0] if len(columns) == 1 else tuple(values) for arm, *values in rows}

    def decision(self) -> tuple[Any, ...]:
        [row] = self.desk.rows("SELECT winner, decided_at, reason FROM activation.experiments")
        return row


def begin(shop: psycopg.Connection, folder: Path, people: int = 100, **said: Any) -> Trial:
    clock = HandClock(time_zone=ZoneInfo("America/New_York"), pinned_day=DAY, hands=[BEGAN])
    desk = Desk(shop, clock)
    for _ in range(people):
        add_customer(shop, None)
    shop.commit()
    plan = desk.plan(letter(folder, **said), approval=False)
    release(shop, plan.plan_id, clock=clock)
    shop.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s", [BEGAN, BEGAN])
    trial = Trial(desk, plan)
    for customer, arm in desk.rows("SELECT customer_id, variant FROM activation.plan_members ORDER BY customer_id"):
        trial.arms.setdefault(arm, []).append(customer)
    return trial


@pytest.fixture
def trial(shop: psycopg.Connection, tmp_path: Path) -> Trial:
    return begin(shop, tmp_path)


def test_a_person_counts_once_and_only_for_what_came_after_the_release(trial: Trial) -> None:
    plain, question, held = (trial.arms[a] for a in ("plain", "question", "holdout"))
    trial.order(plain[:3])
    trial.order(plain[:1])  # twice the same person
    trial.order(plain[3:5], at=BEGAN - dt.timedelta(hours=1))  # before it was sent
    trial.order(plain[5:6], at=BEGAN + dt.timedelta(days=15))  # after the window
    trial.order(plain[6:7], kind="return")
    trial.order(question[:2])
    trial.order(held[:4])
    trial.order(held[4:5], at=BEGAN)  # in the very moment is not after it
    trial.look(days=20)
    assert trial.seen("assigned", "sent", "conversions") == {
        "plain": (len(plain), len(plain), 3),
        "question": (len(question), len(question), 2),
        "holdout": (len(held), 0, 4),
    }
    assert trial.seen("rate")["holdout"] == pytest.approx(4 / len(held))


def test_what_is_not_known_yet_is_not_counted(trial: Trial) -> None:
    trial.order(trial.arms["plain"][:3], at=BEGAN + dt.timedelta(days=5))
    trial.look(days=4)
    assert trial.seen("conversions")["plain"] == 0
    trial.look(days=6)
    assert trial.seen("conversions")["plain"] == 3


def test_clicks_of_machines_and_opens_decide_nothing(shop: psycopg.Connection, tmp_path: Path) -> None:
    trial = begin(shop, tmp_path, metric="clicks")
    plain, question = trial.arms["plain"], trial.arms["question"]
    trial.track(question, kind="open")
    trial.track(question[:20], verdict="scanner")
    trial.track(question[:3])
    trial.track(plain[:2])
    trial.look(days=20)
    assert trial.seen("clickers", "conversions") == {"plain": (2, 0), "question": (3, 0), "holdout": (0, 0)}
    assert trial.seen("rate", "uplift")["holdout"] == (None, None)
    assert trial.seen("uplift")["question"] is None
    assert trial.decision()[0] is None


def test_of_somebody_in_two_plans_the_first_counts(trial: Trial, tmp_path: Path) -> None:
    trial.clock.hands[0] = BEGAN + dt.timedelta(days=3)
    again = trial.desk.plan(letter(tmp_path), occasion="two", approval=False)
    release(trial.desk.conn, again.plan_id, clock=trial.clock)
    trial.order(trial.arms["plain"][:2], at=BEGAN + dt.timedelta(days=15))  # within the window of the second only
    trial.look(days=16)
    assert trial.seen("assigned", "conversions")["plain"] == (len(trial.arms["plain"]), 0)


def test_customers_who_turned_out_to_be_one_are_one_person(trial: Trial) -> None:
    left, gone = trial.arms["plain"][0], trial.arms["question"][0]
    trial.desk.conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [left, gone])
    trial.order([left])
    trial.look(days=20)
    seen = trial.seen("assigned", "conversions")
    assert sum(assigned for assigned, _ in seen.values()) == 99
    assert sum(conversions for _, conversions in seen.values()) == 1


def test_nobody_is_counted_of_a_plan_that_was_not_released(shop: psycopg.Connection, tmp_path: Path) -> None:
    desk = Desk(shop, HandClock(time_zone=ZoneInfo("America/New_York"), pinned_day=DAY, hands=[BEGAN]))
    for _ in range(20):
        add_customer(shop, None)
    desk.plan(letter(tmp_path))
    assert judge_experiments(shop, clock=desk.clock).experiments == 0


def test_a_clear_winner_is_decided_once_and_stays(trial: Trial) -> None:
    trial.order(trial.arms["question"])
    trial.order(trial.arms["plain"][:1])
    assert trial.look(days=2).decided == [], "before the minimum of days nothing is decided"
    assert set(trial.seen("verdict").values()) == {"too_early"}
    assert trial.look(days=15).decided == ["letter/subject"]
    winner, decided_at, reason = trial.decision()
    assert (winner, decided_at) == ("question", BEGAN + dt.timedelta(days=15))
    assert "conversion by 2018-01-16: plain" in reason
    assert trial.seen("verdict", "is_winner") == {
        "plain": ("control", False), "question": ("better", True), "holdout": ("holdout", False),
    }  # fmt: skip
    assert trial.look(days=15, hours=1).decided == [], "a task that is cleared changes nothing"
    assert trial.decision() == (winner, decided_at, reason)


def test_people_who_were_planned_after_the_decision_do_not_count(trial: Trial, tmp_path: Path) -> None:
    trial.order(trial.arms["question"])
    trial.look(days=15)
    add_customer(trial.desk.conn, None)
    later = trial.desk.plan(letter(tmp_path), occasion="two", approval=False)
    assert (later.winner, set(later.variants)) == ("question", {"question", "holdout"})
    release(trial.desk.conn, later.plan_id, clock=trial.clock)
    trial.look(days=16)
    assert sum(trial.seen("assigned").values()) == 100


def test_without_auto_a_person_decides(shop: psycopg.Connection, tmp_path: Path) -> None:
    trial = begin(shop, tmp_path, winner="none")
    trial.order(trial.arms["question"])
    assert trial.look(days=15).decided == []
    assert trial.seen("verdict")["question"] == "better"
    assert trial.decision() == (None, None, None)


@pytest.mark.parametrize("who", ["nobody", "everybody"])
def test_nobody_and_everybody_who_converted_is_no_difference(trial: Trial, who: str) -> None:
    if who == "everybody":
        trial.order([c for arm in trial.arms.values() for c in arm])
    assert trial.look(days=15).decided == []
    low, high, p, difference = trial.seen("interval_low", "interval_high", "p_value", "difference")["question"]
    assert (difference, p) == (0, 1)
    assert low < 0 < high


def test_an_arm_without_people_is_no_error(shop: psycopg.Connection, tmp_path: Path) -> None:
    trial = begin(shop, tmp_path, people=3, plain=98.5, question=0.5, holdout=1)
    assert "question" not in trial.arms
    assert trial.look(days=15).decided == []
    seen = trial.seen("assigned", "rate", "interval_low", "interval_high", "verdict")
    assert seen["question"] == (0, None, -1, 1, "too_early")


def test_people_in_other_shares_than_meant_alarm_and_nothing_is_decided(trial: Trial) -> None:
    trial.order(trial.arms["question"])
    lost = trial.arms["plain"][:36]
    trial.desk.conn.execute("DELETE FROM activation.plan_members WHERE customer_id = ANY(%s)", [lost])
    looked = trial.look(days=15)
    assert (looked.alarms, looked.decided) == (["letter/subject"], [])
    assert set(trial.seen("verdict").values()) == {"ratio_mismatch"}
    assert trial.seen("ratio_p")["plain"] < 0.005


def test_an_arm_that_is_not_sent_alarms_too(trial: Trial) -> None:
    trial.order(trial.arms["plain"])
    trial.desk.conn.execute("UPDATE activation.sends SET state = 'failed', reason = 'x' WHERE variant = 'question'")
    looked = trial.look(days=15)
    assert (looked.alarms, looked.decided) == (["letter/subject"], [])


def test_a_look_stands_for_its_day_and_ends_when_nothing_can_be_new(trial: Trial) -> None:
    trial.look(days=1)
    trial.look(days=1, hours=1)
    trial.look(days=2)
    assert len(trial.desk.rows("SELECT DISTINCT look_on FROM activation.experiment_looks")) == 2
    assert trial.look(days=30).experiments == 1
    assert trial.look(days=31).experiments == 0


def test_the_analyst_reads_the_results(trial: Trial) -> None:
    trial.look(days=1)
    trial.desk.conn.execute("SET LOCAL ROLE marketflow_analyst")
    assert len(trial.desk.rows("SELECT * FROM marts.experiment_results")) == 3


def test_nobody_is_sought_person_by_person_right_after_the_plan(trial: Trial) -> None:
    # The server knows nothing of rows that were just written, takes them to be few, and would join sets of people by
    # nested loops: 90 s for 1,200 of them.
    values = {
        "campaign": "letter",
        "experiment": "subject",
        "now": BEGAN,
        "decided_at": None,
        "window_days": 14,
        "late_days": 2,
        "began_at": BEGAN,
        "is_journey": False,
    }
    found = trial.desk.conn.execute("EXPLAIN (FORMAT JSON) " + queries("experiments")["count_arms"], values).fetchone()
    assert found
    loops = [
        n
        for n in _nodes(found[0][0]["Plan"])
        if n["Node Type"] == "Nested Loop" and "person_id" in n.get("Join Filter", "")
    ]
    assert loops == []


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
