"""What is said of customers who were made up: nothing where there is nothing, and what was planted where there is."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from marketflow.predictions.send_time.backtest import Measured, interval, make_stage, measure
from marketflow.predictions.send_time.days import HOUR, WEEKDAY, Days, Segments
from marketflow.predictions.send_time.model import BASES, best_of_customers, blend_groups, group_totals
from marketflow.predictions.send_time.run import scores_of

DAY = dt.date(2017, 12, 31)
EVENING = np.exp(-0.5 * ((np.arange(24) - 17) / 4) ** 2) + 0.05
EVENING /= EVENING.sum()
FLAT = np.full(24, 1 / 24)


def customers_who(
    seed: int, *, n: int = 1_000, pattern: np.ndarray = FLAT, own: np.ndarray | None = None, share: float = 0.0,
    history: int = 365,
) -> Days:  # fmt: skip
    """Some twelve days a year each, more for some, at hours drawn from `pattern`, and to `share` at her `own` hour."""
    rng = np.random.default_rng(seed)
    who, age = np.nonzero(rng.random((n, history)) < 12 / 365 * rng.gamma(1, 1, n)[:, None])
    hour = rng.choice(24, len(who), p=pattern)
    if own is not None:
        hour = np.where(rng.random(len(who)) < share, own[who], hour)
    counts = np.bincount(who, minlength=n)
    return Days(
        as_of=DAY, customers=np.arange(n), starts=np.concatenate([[0], np.cumsum(counts)]), ages=age.astype(np.int16),
        hours=(1 << hour).astype(np.int32),
    )  # fmt: skip


def said_of(days: Days, dimension=HOUR, segment: np.ndarray | None = None) -> tuple[Measured, np.ndarray, np.ndarray]:
    """The backtest, and each customer's best slot and basis."""
    names = () if segment is None else tuple(f"s{n}" for n in range(segment.max() + 1))
    codes = np.zeros(len(days), dtype=np.int64) if segment is None else segment
    segments = Segments(names=names, codes=codes)
    found = measure(*(make_stage(days, dimension, segments, age) for age in (56, 28)), seed=1)
    groups = blend_groups(group_totals(days.tally(dimension), codes, len(names)), found.recipe)
    best, basis = best_of_customers(
        days.tally(dimension, half_life=found.recipe.half_life), codes, groups, found.recipe
    )
    return found, best, basis


def shares_of_bases(pattern: np.ndarray, dimension=HOUR) -> dict[str, float]:
    """Over eight shops of 1,000 customers: how many are said to rest on what."""
    bases = np.concatenate([said_of(customers_who(s, pattern=pattern), dimension)[2] for s in range(8)])
    return {name: float((bases == place).mean()) for place, name in enumerate(BASES)}


@pytest.mark.parametrize("dimension", [HOUR, WEEKDAY], ids=["hour", "weekday"])
def test_nothing_is_said_where_all_times_are_alike(dimension) -> None:
    found = shares_of_bases(FLAT, dimension)
    assert found["customer"] <= 0.01
    assert found["segment"] == 0
    assert found["none"] >= 0.85  # of eight shops one may seem to have a pattern: the interval is one of 95 %


def test_a_pattern_that_all_share_is_nobodys_own() -> None:
    found = shares_of_bases(EVENING)
    assert found["customer"] <= 0.01
    assert found["everybody"] >= 0.99


def test_everybodys_hour_is_named_where_there_is_one() -> None:
    found, best, basis = said_of(customers_who(3, pattern=EVENING))
    assert set(basis.tolist()) == {BASES.index("everybody")}
    assert abs(int(best[0]) - 17) <= 1
    assert found.ours is not None
    assert found.ours < found.uniform == pytest.approx(math.log(24))
    (score,) = scores_of([(HOUR, found)], DAY)
    assert (score.baseline, score.better) == ("no pattern", True)


@pytest.mark.parametrize("pattern", [EVENING, FLAT], ids=["beside a common pattern", "beside none"])
def test_an_own_hour_that_was_planted_is_found(pattern) -> None:
    own = np.random.default_rng(5).choice(24, 1_000, p=pattern)
    days = customers_who(5, pattern=pattern, own=own, share=0.5)
    found, best, basis = said_of(days)
    much = np.diff(days.starts) >= 10
    assert (best[much] == own[much]).mean() >= 0.95
    speaks = basis == BASES.index("customer")
    assert speaks[much].mean() >= 0.95
    assert (best[speaks] == own[speaks]).mean() >= 0.85
    assert found.ours < found.everybody
    scores = scores_of([(HOUR, found)], DAY)
    assert [(s.baseline, s.decides, s.better) for s in scores] == [
        ("everybody's pattern", True, True),
        ("everybody's best hour", False, True),
    ]


def test_a_segments_hour_is_found_and_not_taken_for_the_customers() -> None:
    segment = np.random.default_rng(6).integers(0, 3, 1_000)
    days = customers_who(6, pattern=EVENING, own=np.array([9, 20, 14])[segment], share=0.3)
    found, best, basis = said_of(days, segment=segment)
    assert found.recipe.basis == "segment"
    assert set(basis.tolist()) == {BASES.index("segment")}
    assert (best == np.array([9, 20, 14])[segment]).all()


def test_nothing_decides_for_a_pattern_that_is_not_there() -> None:
    found, *_ = said_of(customers_who(1))
    scores = scores_of([(HOUR, found), (WEEKDAY, found)], DAY)
    assert [(s.decides, s.better) for s in scores] == [(True, False)] * 2


def test_what_says_nothing_does_not_stop_what_does() -> None:
    nothing, *_ = said_of(customers_who(1))
    something, *_ = said_of(customers_who(1, pattern=EVENING))
    scores = scores_of([(HOUR, something), (WEEKDAY, nothing)], DAY)
    assert [(s.decides, s.better) for s in scores] == [(True, True), (False, False)]


@pytest.mark.parametrize(("n", "history"), [(20, 365), (1_000, 28)], ids=["few customers", "no time before the cut"])
def test_too_little_to_measure_says_nothing(n: int, history: int) -> None:
    found, _, basis = said_of(customers_who(2, n=n, history=history, pattern=EVENING))
    assert (found.ours, found.recipe.basis) == (None, "none")
    assert set(basis.tolist()) == {BASES.index("none")}
    assert "why" in found.facts


def test_the_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(11)
    covered = []
    for seed in range(60):
        observed = rng.poisson(3, 300).astype(float)
        difference = observed * (0.1 + rng.normal(0, 1, 300))
        low, high = interval(difference, observed, seed)
        covered.append(low <= 0.1 <= high)
    assert 0.88 <= np.mean(covered) <= 1
