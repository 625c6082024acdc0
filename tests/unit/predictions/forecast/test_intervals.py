"""Intervals: as wide as errors were, round the forecast, and right about four times in five."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.predictions.forecast.intervals import interval, quantile
from marketflow.predictions.forecast.one import PART, forecast_series
from marketflow.predictions.forecast.series import Series

MONDAY = dt.date(2017, 1, 2)


def test_the_quantile_allows_for_the_one_to_come() -> None:
    assert quantile(np.arange(1.0, 10), 0.8) == 8
    assert quantile(np.arange(1.0, 5), 0.8) == 4
    assert quantile(np.array([3.0]), 0.8) == 3


def test_only_errors_of_days_that_are_over_count() -> None:
    history = np.resize([-1.0, 2.0], 100)  # in money, since it is below 0 at times
    origins = (58, 65, 72, 79, 86, 93)
    said = np.zeros((6, 7))
    actual = np.ones((6, 7))
    actual[5] = 50
    low, high = interval(np.full(7, 10.0), history[:93], origins=origins, said=said, actual=actual)
    assert (low.tolist(), high.tolist()) == ([9] * 7, [11] * 7)
    low, _ = interval(np.full(7, 10.0), history, origins=origins, said=said, actual=actual)
    assert low.tolist() == [9] * 7  # five of six were off by 1
    actual[4] = 50
    assert interval(np.full(7, 10.0), history, origins=origins, said=said, actual=actual)[0].tolist() == [-40] * 7


def test_in_shares_of_the_forecast_and_not_below_nothing() -> None:
    history = np.full(100, 10.0) + np.arange(100) % 3
    said, actual = np.full((5, 7), 10.0), np.full((5, 7), 15.0)
    low, high = interval(np.array([10.0, 100.0]), history, origins=(60, 61, 62, 63, 64), said=said, actual=actual)
    assert (low.tolist(), high.tolist()) == ([5, 50], [15, 150])
    low, _ = interval(np.array([10.0]), history, origins=(60, 61, 62, 63, 64), said=said, actual=said * 3)
    assert low.tolist() == [0]


def test_behind_what_was_tried_it_widens() -> None:
    history = np.full(100, 10.0) + np.arange(100) % 3
    said, actual = np.full((5, 7), 10.0), np.full((5, 7), 11.0)
    low, high = interval(np.full(28, 10.0), history, origins=(60, 61, 62, 63, 64), said=said, actual=actual)
    assert (high - low)[[0, 7, 14, 21]] == pytest.approx(2 * np.sqrt([1, 2, 3, 4]))


SERIES = st.lists(st.one_of(st.just(0.0), st.floats(0, 1e5), st.floats(-500, 500)), min_size=21, max_size=130)


@given(values=SERIES, horizon=st.integers(1, 40))
@settings(max_examples=8, deadline=None)
def test_low_forecast_high_whatever_was_sold(values: list[float], horizon: int) -> None:
    history = np.array(values)
    made = forecast_series(
        Series(kind="total", name="total", first_on=MONDAY, values=history), horizon, holidays={}, promotions=(),
        effort=PART,
    )  # fmt: skip
    assert len(made.low) == len(made.forecast) == len(made.high) == horizon
    assert np.isfinite([made.low, made.forecast, made.high]).all()
    assert (made.low <= made.forecast).all()
    assert (made.forecast <= made.high).all()
    assert history.min() < 0 or made.low.min() >= 0


def test_coverage_is_near_what_is_meant() -> None:
    held, best = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        level = 1000 * np.exp(np.cumsum(rng.normal(0, 0.01, 365)))
        values = level * np.resize([0.8, 0.9, 0.9, 1, 1.1, 1.3, 1.0], 365) * rng.lognormal(0, 0.1, 365)
        series = Series(kind="total", name="total", first_on=MONDAY, values=values)
        made = forecast_series(series, 28, holidays={}, promotions=(), effort=PART)
        score = made.score(made.method)
        assert score is not None
        held.append(score.coverage)
        best.append(score.scoring)
    assert 0.7 < np.mean(held) < 0.9
    assert np.mean(best) < 1
