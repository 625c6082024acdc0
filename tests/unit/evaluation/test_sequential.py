"""Looked at every day: how often an experiment without a difference finds one, and one with a difference finds it."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.evaluation.sequential import Design, compare_rates, ratio_p_value
from simulated_experiments import Simulated, simulate

SIMULATIONS = 2_000


def design(rates: list[float], shares: list[float], effect: float | None = None, alpha: float = 0.05) -> Design:
    names = [f"arm{i}" for i in range(len(shares))]
    total = sum(shares)
    return Design(
        shares={n: 100 * s / total for n, s in zip(names, shares, strict=True)},
        rate=rates[0],
        effect=effect or 0.2 * rates[0],
        alpha=alpha,
        power=0.8,
    )


def found(plan: Design, seen: Simulated) -> np.ndarray[Any, Any]:
    """By simulation and day: is any arm told from the control?"""
    is_found = np.zeros(seen.people[0].shape, bool)
    for i, pair in enumerate(plan.compared.values(), start=1):
        told = compare_rates(
            (seen.successes[i], seen.people[i]),
            (seen.successes[0], seen.people[0]),
            mixing=pair.mixing,
            alpha=pair.alpha,
        )
        is_found |= (told.low > 0) | (told.high < 0)
    return is_found


def found_naively(plan: Design, seen: Simulated) -> np.ndarray[Any, Any]:
    """The same by the test of the textbook, which is for one look."""
    is_found = np.zeros(seen.people[0].shape, bool)
    for i, pair in enumerate(plan.compared.values(), start=1):
        x, n, y, m = seen.successes[i], seen.people[i], seen.successes[0], seen.people[0]
        pooled = (x + y) / (n + m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        is_found |= np.abs(x / n - y / m) > NormalDist().inv_cdf(1 - pair.alpha / 2) * error
    return is_found


def at_most(share: float, simulations: int) -> float:
    """A share that a true one of `share` is not above in 9,999 of 10,000 tests."""
    return share + 3.72 * float(np.sqrt(share * (1 - share) / simulations))


NO_DIFFERENCE = {
    "usual": {"rates": [0.05] * 2, "shares": [50, 50], "per_day": 1_000},
    "rare": {"rates": [0.005] * 2, "shares": [50, 50], "per_day": 400},
    "rare, few people": {"rates": [0.005] * 2, "shares": [50, 50], "per_day": 40},
    "three arms": {"rates": [0.02] * 3, "shares": [34, 33, 33], "per_day": 1_000},
    "uneven": {"rates": [0.05] * 2, "shares": [90, 10], "per_day": 300},
    "frequent": {"rates": [0.5] * 2, "shares": [50, 50], "per_day": 200},
}


@pytest.mark.parametrize("at_once", [False, True], ids=["people come daily", "all at once"])
@pytest.mark.parametrize("case", NO_DIFFERENCE)
@pytest.mark.parametrize("effect", [0.2, 2.0], ids=["planned for a small effect", "planned for a large one"])
def test_without_a_difference_daily_looks_find_one_in_alpha_of_the_cases_at_most(
    case: str, at_once: bool, effect: float
) -> None:
    said: dict[str, Any] = NO_DIFFERENCE[case]
    effect = min(effect * said["rates"][0], 0.4)
    plan = design(said["rates"], said["shares"], effect)
    seen = simulate(np.random.default_rng(11), **said, simulations=SIMULATIONS, at_once=at_once)
    assert found(plan, seen).any(axis=1).mean() <= at_most(0.05, SIMULATIONS)


@pytest.mark.parametrize("case", NO_DIFFERENCE)
def test_the_textbooks_test_finds_one_far_more_often(case: str) -> None:
    """So the test above can fail."""
    said: dict[str, Any] = NO_DIFFERENCE[case]
    seen = simulate(np.random.default_rng(11), **said, simulations=SIMULATIONS)
    seen = Simulated(successes=[s[:, 1:] for s in seen.successes], people=[p[:, 1:] for p in seen.people])
    with np.errstate(invalid="ignore", divide="ignore"):
        assert found_naively(design(said["rates"], said["shares"]), seen).any(axis=1).mean() > 0.09


@pytest.mark.parametrize("delay", [0.0, 10.0])
def test_nor_when_conversions_come_at_once_or_late(delay: float) -> None:
    seen = simulate(
        np.random.default_rng(3), rates=[0.1, 0.1], shares=[50, 50], per_day=300, delay=delay, simulations=SIMULATIONS
    )
    assert found(design([0.1, 0.1], [50, 50], 0.05), seen).any(axis=1).mean() <= at_most(0.05, SIMULATIONS)


@pytest.mark.parametrize(("rate", "effect", "shares"), [(0.05, 0.01, [50, 50]), (0.005, 0.0025, [50, 50]), (0.1, 0.02, [80, 20])])  # fmt: skip
def test_an_effect_is_found_at_the_stated_size_about_as_often_as_stated(
    rate: float, effect: float, shares: list[float]
) -> None:
    plan = design([rate, rate], shares, effect)
    per_day = -(-plan.audience(looked_at_daily=True) // 30)
    said: dict[str, Any] = {"shares": shares, "per_day": per_day, "delay": 0.0, "simulations": SIMULATIONS}
    is_found = found(plan, simulate(np.random.default_rng(5), rates=[rate, rate + effect], **said))
    share = is_found.any(axis=1).mean()
    assert 0.8 - 0.03 <= share <= 0.92
    assert is_found[:, :20].any(axis=1).mean() > 0.4, "and often sooner"


def test_three_arms_of_which_one_is_better(rng: np.random.Generator) -> None:
    plan = design([0.05] * 3, [34, 33, 33], 0.01)
    per_day = -(-plan.audience(looked_at_daily=True) // 30)
    seen = simulate(
        rng, rates=[0.05, 0.05, 0.06], shares=[34, 33, 33], per_day=per_day, delay=0, simulations=SIMULATIONS
    )
    assert 0.77 <= found(plan, seen).any(axis=1).mean() <= 0.92


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_interval_holds_the_true_difference_at_all_looks_together(rng: np.random.Generator) -> None:
    plan = design([0.05, 0.06], [50, 50], 0.01)
    seen = simulate(rng, rates=[0.05, 0.06], shares=[50, 50], per_day=1_000, delay=0, simulations=SIMULATIONS)
    [pair] = plan.compared.values()
    told = compare_rates(
        (seen.successes[1], seen.people[1]), (seen.successes[0], seen.people[0]), mixing=pair.mixing, alpha=0.05
    )
    missed = (told.low > 0.01) | (told.high < 0.01)
    assert missed.any(axis=1).mean() <= at_most(0.05, SIMULATIONS)


counts = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.floats(1, 1e7))
def test_the_interval_leaves_out_zero_just_when_p_is_below_alpha(
    arm: tuple[int, int], control: tuple[int, int], mixing: float
) -> None:
    told = compare_rates(arm, control, mixing=mixing, alpha=0.05)
    assert -1 <= told.low <= told.difference <= told.high <= 1
    assert 0 <= told.p <= 1
    if min(abs(told.low), abs(told.high)) > 1e-9 and abs(told.p - 0.05) > 1e-9:
        assert bool(told.low > 0 or told.high < 0) == bool(told.p < 0.05)


@given(counts, counts)
def test_arms_may_be_exchanged(arm: tuple[int, int], control: tuple[int, int]) -> None:
    one = compare_rates(arm, control, mixing=100.0, alpha=0.05)
    other = compare_rates(control, arm, mixing=100.0, alpha=0.05)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.low, one.p) == (pytest.approx(-other.high), pytest.approx(other.p))


@pytest.mark.parametrize("people", [1, 10, 1_000_000])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_nobody_and_everybody_are_no_certainty(people: int, all_of_them: bool) -> None:
    counted = (people if all_of_them else 0, people)
    told = compare_rates(counted, counted, mixing=100.0, alpha=0.05)
    assert (told.difference, told.p) == (0, 1)
    assert told.low < 0 < told.high


def test_an_arm_without_people_says_nothing() -> None:
    told = compare_rates((0, 0), (5, 10), mixing=100.0, alpha=0.05)
    assert (told.difference, told.low, told.high, told.p) == (0, -1, 1, 1)


@pytest.mark.parametrize("counted", [(3, 2), (-1, 5)])
def test_counts_that_cannot_be_are_refused(counted: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="successes must be"):
        compare_rates(counted, (1, 2), mixing=1.0, alpha=0.05)


def test_the_size_for_one_look_is_the_textbooks() -> None:
    """Fleiss, Levin and Paik (2003): 10 % against 15 % needs 686 in each of two equal groups at 5 % and 80 %."""
    plan = design([0.10, 0.10], [50, 50], 0.05)
    assert plan.audience(looked_at_daily=False) / 2 == pytest.approx(686, abs=1)


def test_daily_looks_cost_about_twice_the_people() -> None:
    plan = design([0.05, 0.05], [50, 50], 0.01)
    factor = plan.audience(looked_at_daily=True) / plan.audience(looked_at_daily=False)
    assert 1.8 < factor < 2.1


@given(st.floats(0.001, 0.3), st.floats(0.001, 0.3), st.floats(5, 95), st.booleans())
def test_the_smallest_effect_is_the_one_that_the_size_was_for(rate: float, effect: float, share: float, daily: bool) -> None:  # fmt: skip
    plan = design([rate, rate], [share, 100 - share], effect)
    people = plan.audience(looked_at_daily=daily)
    least = plan.smallest_effect(people, looked_at_daily=daily)
    if people * min(share, 100 - share) / 100 < 5:
        assert least is None
    else:
        assert least == pytest.approx(effect, rel=0.35 if people < 100 else 0.05)


def test_too_few_people_find_no_effect_at_all() -> None:
    assert design([0.05, 0.05], [50, 50]).smallest_effect(3, looked_at_daily=True) is None
    assert design([0.05, 0.05], [50, 50]).smallest_effect(0, looked_at_daily=False) is None


def test_more_arms_and_smaller_shares_need_more_people() -> None:
    sizes = [design([0.05] * n, [100 / n] * n, 0.01).audience(looked_at_daily=True) for n in (2, 3, 4)]
    assert all(a < b for a, b in pairwise(sizes))


@pytest.mark.parametrize("shares", [[50, 50], [45, 45, 10], [90, 10]])
@pytest.mark.parametrize("per_day", [20, 1_000])
def test_people_in_the_meant_shares_alarm_no_more_often_than_said(shares: list[float], per_day: int) -> None:
    rng = np.random.default_rng(17)
    people = rng.multinomial(per_day, np.array(shares) / 100, size=(SIMULATIONS, 30)).cumsum(axis=1)
    p = ratio_p_value(people, shares)
    assert (p < 0.05).any(axis=1).mean() <= at_most(0.05, SIMULATIONS)
    assert (p < 0.005).any(axis=1).mean() <= at_most(0.005, SIMULATIONS)
    expected = people.sum(axis=-1, keepdims=True) * np.array(shares) / 100
    chi_square = ((people - expected) ** 2 / expected).sum(axis=-1)
    limit = {2: 3.841, 3: 5.991}[len(shares)]
    assert (chi_square > limit).any(axis=1).mean() > 0.2, "looked at daily, the usual test alarms in one of four"


def test_people_in_other_shares_alarm() -> None:
    rng = np.random.default_rng(19)
    people = rng.multinomial(500, [0.52, 0.48], size=(500, 60)).cumsum(axis=1)
    p = ratio_p_value(people, [50, 50])
    assert (p < 0.005).any(axis=1).mean() > 0.95
    assert ratio_p_value([40, 0], [50, 50]) < 1e-6
    assert ratio_p_value([0, 0], [50, 50]) == 1
    with pytest.raises(ValueError, match="shares must be above 0"):
        ratio_p_value([1, 2], [100, 0])
