"""Next orders: quantiles that never cross, intervals in order, coverage by kind, the baseline by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.next_order.model import (
    FROM_TOMORROW,
    LEVELS,
    OPEN_ENDED,
    TWO_SIDED,
    covered,
    cut_off,
    fit_next_orders,
    intervals,
    kinds_of,
)
from marketflow.predictions.next_order.scores import own_mean_gap
from marketflow.shared import NotEnoughData

DAYS = st.lists(st.floats(1, 91), min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted)
RNG = np.random.default_rng(2)
SIGNS = RNG.normal(size=(6000, 3))
WAITS = np.ceil(RNG.gamma(2, np.exp(SIGNS[:, 0] + 1)))


@given(st.lists(st.tuples(DAYS, st.floats(-2, 2)), min_size=1, max_size=30))
def test_intervals_are_in_order_and_within_the_horizon(rows: list[tuple[list[float], float]]) -> None:
    quantiles, margins = np.array([q for q, _ in rows]), np.array([m for _, m in rows])
    found = intervals(quantiles, kinds_of(quantiles, 90), margins, 90)
    assert (found.earliest <= found.expected).all()
    assert (found.expected <= found.latest).all()
    assert ((found.earliest >= 1) & (found.earliest <= 91)).all()
    assert (np.isinf(found.expected) | (found.expected <= 90)).all()
    assert (np.isinf(found.latest) | (found.latest <= 90)).all()
    assert (np.mod(found.earliest, 1) == 0).all()


def test_kinds() -> None:
    quantiles = np.array([[1, 2, 3, 9, 20], [4, 9, 20, 40, 60], [9, 20, 40, 80, 91], [1, 5, 40, 91, 91]], dtype=float)
    kinds = kinds_of(quantiles, 90)
    assert kinds.tolist() == [FROM_TOMORROW, TWO_SIDED, OPEN_ENDED, OPEN_ENDED]
    found = intervals(quantiles, kinds, np.zeros(4), 90)
    assert found.earliest.tolist() == [1, 4, 20, 5]
    assert found.expected.tolist() == [3, 20, 40, 40]
    assert found.latest.tolist() == [9, 60, np.inf, np.inf]


def test_quantiles_never_cross_and_cover() -> None:
    half = 3000
    model = fit_next_orders(SIGNS[:half], WAITS[:half], 90)
    quantiles = model.quantiles(SIGNS)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert quantiles.min() >= 1
    assert quantiles.max() <= 91
    rows = slice(half, half + 1500)
    honest = model.calibrated(SIGNS[rows], WAITS[rows])
    later = slice(half + 1500, None)
    share = covered(honest.foresee(SIGNS[later]), cut_off(WAITS[later], 90)).mean()
    assert 0.76 <= share <= 0.84
    expected = np.minimum(honest.foresee(SIGNS[later]).expected, 90)
    waits = np.minimum(WAITS[later], 90)
    assert np.abs(expected - waits).mean() < 0.8 * np.abs(np.median(waits) - waits).mean()


def test_calibration_mends_intervals_that_are_too_narrow() -> None:
    model = fit_next_orders(SIGNS[:3000], WAITS[:3000], 90)
    wilder = np.ceil(WAITS * RNG.lognormal(0, 0.8, len(WAITS)))
    rows, later = slice(3000, 4500), slice(4500, None)
    before = covered(model.foresee(SIGNS[later]), cut_off(wilder[later], 90)).mean()
    after = covered(
        model.calibrated(SIGNS[rows], wilder[rows]).foresee(SIGNS[later]), cut_off(wilder[later], 90)
    ).mean()
    assert abs(after - 0.8) < abs(before - 0.8)
    assert 0.75 <= after <= 0.87


def test_the_same_twice() -> None:
    one, two = (fit_next_orders(SIGNS[:500], WAITS[:500], 30).quantiles(SIGNS) for _ in range(2))
    assert one.tolist() == two.tolist()


def test_nobody_ever_comes_back() -> None:
    model = fit_next_orders(SIGNS[:200], np.full(200, np.inf), 30).calibrated(SIGNS[:200], np.full(200, np.inf))
    found = model.foresee(SIGNS[:5])
    assert np.isinf(found.expected).all()
    assert found.earliest.tolist() == [31] * 5


def test_everybody_comes_tomorrow() -> None:
    model = fit_next_orders(SIGNS[:200], np.ones(200), 30).calibrated(SIGNS[:200], np.ones(200))
    found = model.foresee(SIGNS[:5])
    assert (found.earliest.tolist(), found.expected.tolist(), found.latest.tolist()) == ([1] * 5,) * 3


def test_too_few() -> None:
    with pytest.raises(NotEnoughData, match="49 customers to learn from"):
        fit_next_orders(SIGNS[:49], WAITS[:49], 30)


def test_own_mean_gap_by_hand() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "first_on": pd.to_datetime(["2017-12-01", "2017-12-01", "2017-12-30"]),
            "last_on": pd.to_datetime(["2017-12-21", "2017-12-06", "2017-12-30"]),
            "purchase_days": [2, 6, 1],
        }
    )
    frame["as_of"] = pd.Timestamp("2017-12-31")
    # gaps of 20 and 1 days; 25 days over 6 gaps of everybody for who has none
    assert own_mean_gap(frame, 90).tolist() == [10, 1, 3]
    assert own_mean_gap(frame.iloc[2:], 90).tolist() == [89], "nobody has a gap"
