"""Uplift: published intervals, laws, and coverage that is counted in a thousand experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from marketflow.evaluation.uplift import (
    Arm,
    difference_of_means,
    difference_of_rates,
    newcombe,
    ratio_of_means,
    ratio_of_rates,
    welch,
    wilson,
)

RUNS = 1_000
# Of 1,000 intervals of 95 % this many hold, but for one experiment in 10,000: four standard deviations of the binomial.
LOW, HIGH = 0.95 - 4 * math.sqrt(0.95 * 0.05 / RUNS), 0.95 + 4 * math.sqrt(0.95 * 0.05 / RUNS)

# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II: the eight examples (a) to (h), by Miettinen and Nurminen
# (method 6) and by his hybrid score interval (method 10).
TABLE_II = [
    ((56, 70, 48, 80), (0.0528, 0.3382), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1700, 0.8406), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0342, 0.8534), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0326, 0.1933), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1658, 0.2844), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2879, 0.2879), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.7156, 1.0000), (0.6791, 1.0000)),
    ((10, 10, 0, 10), (0.6636, 1.0000), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("counts", "score", "hybrid"), TABLE_II)
def test_the_difference_of_rates_has_newcombes_published_intervals(
    counts: tuple[int, int, int, int], score: tuple[float, float], hybrid: tuple[float, float]
) -> None:
    found = difference_of_rates(*counts)
    assert (float(found.low), float(found.high)) == pytest.approx(score, abs=6e-5)
    assert tuple(map(float, newcombe(*counts))) == pytest.approx(hybrid, abs=6e-5)


def test_the_ratio_of_rates_has_koopmans_published_interval() -> None:
    # Koopman, Biometrics 40 (1984), his example of 36 of 40 against 16 of 80
    assert tuple(map(float, ratio_of_rates(36, 40, 16, 80))) == pytest.approx((4.5, 2.94, 7.15), abs=5e-3)


def test_one_rate_has_wilsons_published_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    for hits, people, low, high in published:
        assert tuple(map(float, wilson(hits, people))) == pytest.approx((low, high), abs=6e-5)


def test_without_skewness_or_with_equal_arms_it_is_welchs_test() -> None:
    a, b = np.random.default_rng(3).exponential(2, 400), np.random.default_rng(4).exponential(3, 400)
    found = difference_of_means(Arm.of_values(a), Arm.of_values(b))
    ours = stats.ttest_ind(a, b, equal_var=False)
    assert float(found.p_value) == pytest.approx(ours.pvalue, rel=1e-9)
    interval = ours.confidence_interval(0.95)
    assert (float(found.low), float(found.high)) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_an_arm_is_the_same_from_sums_and_from_values() -> None:
    x = np.random.default_rng(5).lognormal(3, 1, 500) * (np.random.default_rng(6).random(500) < 0.1)
    sums = Arm.of_sums(len(x), x.sum(), (x**2).sum(), (x**3).sum())
    for name in ("people", "mean", "variance", "third"):
        assert float(getattr(sums, name)) == pytest.approx(float(getattr(Arm.of_values(x), name)), rel=1e-9)


RATES = [
    # treated, control, their rates: rare conversions, and a holdout of a twentieth
    (5_000, 5_000, 0.002, 0.002),
    (20_000, 20_000, 0.003, 0.002),
    (9_500, 500, 0.010, 0.010),
    (19_000, 1_000, 0.006, 0.004),
    (95_000, 5_000, 0.005, 0.004),
    (1_000, 1_000, 0.010, 0.010),
    (500, 500, 0.20, 0.15),
    (200, 100, 0.99, 0.98),
]


@pytest.mark.parametrize(("n1", "n2", "p1", "p2"), RATES)
def test_intervals_of_rates_hold_what_is_true_19_times_of_20(n1: int, n2: int, p1: float, p2: float) -> None:
    rng = np.random.default_rng(n1 + n2)
    x1, x2 = rng.binomial(n1, p1, RUNS), rng.binomial(n2, p2, RUNS)
    found = difference_of_rates(x1, n1, x2, n2)
    assert LOW < np.mean((found.low <= p1 - p2) & (p1 - p2 <= found.high)) < HIGH
    _, low, high = ratio_of_rates(x1, n1, x2, n2)
    assert LOW < np.mean((low <= p1 / p2) & (p1 / p2 <= high)) < HIGH


def test_the_usual_interval_of_rates_would_not_hold() -> None:
    rng = np.random.default_rng(1)
    x1, x2 = rng.binomial(9_500, 0.004, RUNS) / 9_500, rng.binomial(500, 0.004, RUNS) / 500
    half = 1.96 * np.sqrt(x1 * (1 - x1) / 9_500 + x2 * (1 - x2) / 500)
    assert np.mean(np.abs(x1 - x2) <= half) < 0.88  # Wald's


def spending(
    rng: np.random.Generator, people: int, rate: float, tail: tuple[str, float], times: float = 1.0
) -> tuple[Arm, float]:
    """RUNS arms of `people` of whom a share spends, and the true mean. Only the buyers are drawn: the others spend 0."""
    buyers = rng.binomial(people, rate, RUNS)
    kind, shape = tail
    if kind == "lognormal":
        amounts, mean = rng.lognormal(3, shape, buyers.sum()), math.exp(3 + shape**2 / 2)
    else:
        amounts, mean = 20 * (rng.pareto(shape, buyers.sum()) + 1), 20 * shape / (shape - 1)
    of = np.repeat(np.arange(RUNS), buyers)
    sums = [np.bincount(of, (times * amounts) ** power, minlength=RUNS) for power in (1, 2, 3)]
    return Arm.of_sums(np.full(RUNS, people), *sums), rate * mean * times


TAILS = [("lognormal", 1.0), ("lognormal", 1.5), ("pareto", 3.0), ("pareto", 2.5)]
SPENT = [
    # treated, control, their rates, how much more a treated one spends; 25 buyers in control are the fewest
    (5_000, 5_000, 0.01, 0.01, 1.0),
    (32_000, 32_000, 0.006, 0.005, 1.0),
    (5_000, 5_000, 0.01, 0.01, 1.3),
    (9_500, 500, 0.05, 0.05, 1.0),
    (9_000, 1_000, 0.04, 0.03, 1.0),
    (1_000, 9_000, 0.05, 0.04, 1.0),
    (95_000, 5_000, 0.01, 0.01, 1.0),
    (95_000, 5_000, 0.012, 0.01, 1.0),
]


@pytest.mark.parametrize("tail", TAILS, ids=str)
@pytest.mark.parametrize("case", SPENT, ids=str)
def test_intervals_of_heavy_tailed_means_hold_what_is_true_19_times_of_20(
    case: tuple[int, int, float, float, float], tail: tuple[str, float]
) -> None:
    n1, n2, p1, p2, times = case
    rng = np.random.default_rng([n1, n2, int(tail[1] * 10)])
    (arm, mean), (control, control_mean) = spending(rng, n1, p1, tail, times), spending(rng, n2, p2, tail)
    found = difference_of_means(arm, control)
    assert LOW < np.mean((found.low <= mean - control_mean) & (mean - control_mean <= found.high)) < HIGH
    _, low, high = ratio_of_means(arm, control)
    assert LOW < np.mean((low <= mean / control_mean) & (mean / control_mean <= high)) < HIGH


def test_welchs_interval_would_not_hold_for_a_small_holdout() -> None:
    rng = np.random.default_rng(2)
    (arm, mean), (control, _) = (spending(rng, n, 0.05, ("lognormal", 1.0)) for n in (9_500, 500))
    low, high = welch(arm, control)
    assert mean > 0
    assert np.mean((low <= 0) & (high >= 0)) < 0.92


def test_a_handful_of_buyers_is_too_few_for_the_heaviest_tail() -> None:
    """What the guide says about ten buyers in control is measured, too: it holds about nine times of ten."""
    rng = np.random.default_rng(3)
    (arm, mean), (control, _) = (spending(rng, n, 0.01, ("lognormal", 1.5)) for n in (19_000, 1_000))
    found = difference_of_means(arm, control)
    assert mean > 0
    assert 0.87 < np.mean((found.low <= 0) & (found.high >= 0)) < 0.94


COUNTS = st.tuples(st.integers(1, 3_000), st.integers(1, 3_000)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@given(COUNTS)
def test_laws_of_the_difference_of_rates(counts: tuple[int, int, int, int]) -> None:
    x1, n1, x2, n2 = counts
    found = difference_of_rates(x1, n1, x2, n2)
    value, low, high, p = (float(a) for a in (found.value, found.low, found.high, found.p_value))
    assert -1 <= low <= value <= high <= 1
    assert 0 <= p <= 1
    assert (p < 0.05) == (low > 1e-12 or high < -1e-12)
    back = difference_of_rates(x2, n2, x1, n1)
    assert (float(back.low), float(back.high)) == pytest.approx((-high, -low), abs=1e-7)
    wider = difference_of_rates(x1, n1, x2, n2, alpha=0.01)
    assert float(wider.low) <= low + 1e-9
    assert high - 1e-9 <= float(wider.high)


@given(COUNTS)
def test_laws_of_the_ratio_of_rates(counts: tuple[int, int, int, int]) -> None:
    x1, n1, x2, n2 = counts
    found, low, high = map(float, ratio_of_rates(x1, n1, x2, n2))
    assert 0 <= low <= high
    if x1 and x2:
        assert low <= found * (1 + 1e-9)
        assert found <= high * (1 + 1e-9)
    else:
        assert low == 0 or math.isinf(high)


AMOUNTS = st.lists(st.floats(0, 1e4, allow_subnormal=False), min_size=2, max_size=40)


@given(AMOUNTS, AMOUNTS, st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_laws_of_the_difference_of_means(a: list[float], b: list[float], times: float, more: float) -> None:
    found = difference_of_means(Arm.of_values(a), Arm.of_values(b))
    scaled = difference_of_means(Arm.of_values(np.array(a) * times + more), Arm.of_values(np.array(b) * times + more))
    size = 1e-6 * (1 + times) * (1 + max(*a, *b) + abs(more))
    assert float(found.low) <= float(found.value) + size
    assert float(found.value) <= float(found.high) + size
    for name in ("low", "value", "high"):
        assert float(getattr(scaled, name)) == pytest.approx(times * float(getattr(found, name)), abs=size)
    back = difference_of_means(Arm.of_values(b), Arm.of_values(a))
    assert (float(back.low), float(back.high)) == pytest.approx((-float(found.high), -float(found.low)), abs=size)


def test_everybody_converted_and_nobody_did() -> None:
    everybody = difference_of_rates(1_000, 1_000, 1_000, 1_000)
    assert float(everybody.value) == 0
    assert float(everybody.low) == pytest.approx(-float(everybody.high), abs=1e-9)
    assert 0 < float(everybody.high) < 0.005
    assert float(everybody.p_value) == 1
    same = Arm.of_sums(1_000, 5_000, 25_000, 125_000)  # each of them 5
    means = difference_of_means(same, same)
    assert (float(means.low), float(means.high), float(means.p_value)) == (0, 0, 1)


@pytest.mark.parametrize("counts", [(0, 0, 1, 10), (1, 10, 0, 0), (11, 10, 1, 10), (1, 10, -1, 10)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    for function in (difference_of_rates, newcombe, ratio_of_rates):
        with pytest.raises(ValueError, match=r"nobody in it|than people"):
            function(*counts)
    with pytest.raises(ValueError, match="nobody in it"):
        Arm.of_sums(0, 0, 0, 0)
