"""A journey with an experiment in its branch, and what is asked of it."""

from __future__ import annotations

from typing import Any

from journey_desk import Desk
from marketflow.campaigns.journeys import Journey
from marketflow.evaluation.experiments import judge_experiments
from marketflow.evaluation.experiments.look import Looked

AGAIN = 'entry: {on: daily, where: "orders >= 0", again: always}\n'
TEXT = """
steps:
  which:
    branch:
      shares: %(shares)s
      experiment: {expected_rate: 0.2, minimal_effect: 0.3, minimum_days: 1, minimum_people: 20%(more)s}
  voucher: {exit: {reason: voucher}}
  plain: {exit: {reason: plain}}
"""
CLOSED = 16  # days: the window of 14, and two for orders that come late
HELD = "  holdout: {exit: {reason: nothing}}\n"


def trip(desk: Desk, shares: str = "{plain: 1, voucher: 1, holdout: 1}", **more: str) -> Journey:
    words = "".join(f", {name}: {value}" for name, value in more.items())
    text = TEXT % {"shares": shares, "more": words}
    return desk.journey(text + HELD if "holdout" in shares else text, entry=AGAIN)


def arms(desk: Desk) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for arm, customer in desk.rows("SELECT DISTINCT arm, customer_id FROM marts.journey_draws ORDER BY 1, 2"):
        found.setdefault(arm, []).append(customer)
    return found


def look(desk: Desk) -> Looked:
    return judge_experiments(desk.conn, clock=desk.clock)


def seen(desk: Desk, *columns: str) -> dict[str, Any]:
    rows = desk.rows(f"SELECT arm, {', '.join(columns)} FROM marts.experiment_results WHERE is_newest ORDER BY 1")
    return {arm: values[0] if len(values) == 1 else tuple(values) for arm, *values in rows}


def later(desk: Desk, journey: Journey, **time: float) -> None:
    """Everybody comes once more."""
    desk.clock.pass_time(**time)
    desk.enrol(journey)
    desk.tick(journey)
