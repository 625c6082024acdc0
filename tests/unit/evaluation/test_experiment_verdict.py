"""One look: from counts by arm to verdicts, an alarm and perhaps a winner."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from marketflow.evaluation.experiments import Arm, Look, judge_counts

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DEFINITION: dict[str, Any] = {
    "name": "subject", "metric": "conversion", "shares": [["a", 50], ["b", 50]], "expected_rate": 0.05, "effect": 0.02,
    "alpha": 0.05, "power": 0.8, "winner": "auto", "minimum_days": None, "minimum_people": 100, "window_days": 14,
}  # fmt: skip
THREE = {"shares": [["a", 34], ["b", 33], ["c", 33]]}
HELD = {"shares": [["a", 45], ["b", 45], ["holdout", 10]]}


def arm(successes: int, people: int = 10_000) -> Arm:
    return Arm(assigned=people, sent=people, conversions=successes, clickers=successes)


def look(counts: dict[str, Arm], *, days: float = 20, **said: Any) -> Look:
    return judge_counts({**DEFINITION, **said}, counts, began_at=BEGAN, now=BEGAN + dt.timedelta(days=days))


def verdicts(found: Look) -> dict[str, str]:
    return {name: judged.verdict for name, judged in found.arms.items()}


@pytest.mark.parametrize(
    ("b", "verdict", "winner"), [(750, "better", "b"), (300, "worse", "a"), (510, "undecided", None)]
)
def test_better_worse_or_nobody_knows(b: int, verdict: str, winner: str | None) -> None:
    found = look({"a": arm(500), "b": arm(b)})
    assert verdicts(found) == {"a": "control", "b": verdict}
    assert found.winner == winner
    assert (found.reason is None) == (winner is None)


def test_of_two_that_are_better_the_higher_rate_wins_and_the_control_only_against_all() -> None:
    both = look({"a": arm(500), "b": arm(750), "c": arm(800)}, **THREE)
    assert (verdicts(both), both.winner) == ({"a": "control", "b": "better", "c": "better"}, "c")
    one_worse = look({"a": arm(500), "b": arm(300), "c": arm(510)}, **THREE)
    assert (verdicts(one_worse)["b"], one_worse.winner) == ("worse", None)
    all_worse = look({"a": arm(500), "b": arm(300), "c": arm(310)}, **THREE)
    assert all_worse.winner == "a"


def test_more_arms_make_each_interval_wider_and_each_p_larger() -> None:
    two = look({"a": arm(500), "b": arm(600)}).arms["b"]
    three = look({"a": arm(500), "b": arm(600), "c": arm(500)}, **THREE).arms["b"]
    assert (three.interval_high or 0) - (three.interval_low or 0) > (two.interval_high or 0) - (two.interval_low or 0)
    assert (three.p_value or 0) > (two.p_value or 0)


@pytest.mark.parametrize(
    ("days", "people", "verdict"), [(13.9, 10_000, "too_early"), (14, 10_000, "better"), (14, 99, "too_early")]
)
def test_nothing_before_the_minimum(days: float, people: int, verdict: str) -> None:
    found = look({"a": arm(0, people), "b": arm(people, people)}, days=days)
    assert found.arms["b"].verdict == verdict
    assert (found.winner is None) == (verdict == "too_early")


def test_minimum_days_may_be_said() -> None:
    assert look({"a": arm(500), "b": arm(750)}, days=3, minimum_days=2).winner == "b"


def test_uplift_is_against_those_who_were_held_out() -> None:
    found = look({"a": arm(500), "b": arm(510), "holdout": arm(50, 2_222)}, **HELD)
    a = found.arms["a"]
    assert a.uplift == pytest.approx(0.05 - 50 / 2_222)
    assert (a.uplift_low or 0) > 0
    assert (found.arms["holdout"].verdict, found.arms["holdout"].uplift) == ("holdout", None)
    assert found.winner is None, "a and b do not differ"


def test_those_who_are_held_out_cannot_click() -> None:
    found = look({"a": arm(500), "b": arm(750), "holdout": Arm(assigned=2_222)}, metric="clicks", **HELD)
    assert (found.winner, found.arms["a"].uplift, found.arms["holdout"].rate) == ("b", None, None)


def test_one_arm_is_compared_with_the_holdout() -> None:
    found = look({"holdout": arm(30, 1_000), "all": arm(900, 9_000)}, shares=[["holdout", 10], ["all", 90]])
    assert verdicts(found) == {"holdout": "holdout", "all": "better"}


def test_the_first_of_the_shares_is_the_control_whatever_its_name() -> None:
    found = look({"z": arm(500), "a": arm(750)}, shares=[["z", 50], ["a", 50]])
    assert verdicts(found) == {"z": "control", "a": "better"}


@pytest.mark.parametrize("which", ["people", "sent"])
def test_other_shares_than_meant_stop_the_decision(which: str) -> None:
    fewer = arm(750, 9_000) if which == "people" else Arm(assigned=10_000, sent=9_000, conversions=750, clickers=750)
    found = look({"a": arm(500), "b": fewer})
    assert set(verdicts(found).values()) == {"ratio_mismatch"}
    assert found.winner is None
    assert found.arms["b"].difference is not None, "the figures are shown all the same"


@pytest.mark.parametrize("counts", [{}, {"a": arm(5, 200)}])
def test_nobody_there_is_no_error(counts: dict[str, Arm]) -> None:
    found = look(counts, minimum_people=1)
    assert found.winner is None
    assert (found.arms["b"].rate, found.arms["b"].interval_low, found.arms["b"].interval_high) == (None, -1, 1)


def test_an_experiment_that_has_reached_nobody() -> None:
    found = judge_counts(DEFINITION, {}, began_at=None, now=BEGAN)
    assert set(verdicts(found).values()) == {"too_early"}
