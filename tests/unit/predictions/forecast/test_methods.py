"""Each method on series whose days to come are known, and on series that are hard on it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.predictions.forecast.backtest import foresee
from marketflow.predictions.forecast.calendar import Calendar, Promotion
from marketflow.predictions.forecast.methods import METHODS, MIN_DAYS, Memory, of_logarithms, swings_grow

MONDAY = dt.date(2017, 1, 2)
WEEK = np.array([10.0, 11, 12, 13, 20, 30, 25])
ALL = sorted(METHODS)


def ahead(method: str, history: np.ndarray, horizon: int = 14, calendar: Calendar | None = None) -> np.ndarray:
    return foresee(method, history, calendar or Calendar(MONDAY, len(history) + horizon), horizon, Memory())


@pytest.mark.parametrize("method", ALL)
def test_a_week_that_comes_again(method: str) -> None:
    found = ahead(method, np.tile(WEEK, 20))
    assert found == pytest.approx(np.tile(WEEK, 2), rel=0.03)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("level", [0.0, 7.25, -3.0, 1e9])
def test_a_constant_stays(method: str, level: float) -> None:
    assert ahead(method, np.full(100, level)) == pytest.approx(np.full(14, level))


def test_the_last_week_and_the_mean_of_six() -> None:
    history = np.arange(70.0)
    assert list(ahead("seasonal naive", history, 8)) == [63, 64, 65, 66, 67, 68, 69, 63]
    assert list(ahead("same-weekday mean", history, 7)) == [45.5, 46.5, 47.5, 48.5, 49.5, 50.5, 51.5]
    assert list(ahead("same-weekday mean", history[:21], 2)) == [7, 8]  # of three weeks


def noisy(days: int, seed: int = 1) -> np.ndarray:
    return np.resize(WEEK, days) * np.random.default_rng(seed).lognormal(0, 0.1, days)


@pytest.mark.parametrize("method", ["regression", "regression of logarithms"])
def test_regression_knows_holidays(method: str) -> None:
    days = [dt.date(2017, m, 15) for m in range(1, 8)]
    history = noisy(192)
    for day in days[:-1]:
        history[(day - MONDAY).days] *= 3
    calendar = Calendar(MONDAY, 220, dict.fromkeys(days, "a holiday"))
    known, unknown = ahead(method, history, 7, calendar), ahead(method, history, 7)
    holiday = (days[-1] - MONDAY).days - 192
    assert 1.5 < known[holiday] / unknown[holiday] < 3.5
    assert np.delete(known / unknown, holiday) == pytest.approx(1, abs=0.2)


def test_regression_knows_promotions_that_are_known() -> None:
    history = noisy(200)
    spans = [(20, 27), (80, 90), (140, 150), (200, 207)]
    for first, end in spans:
        history[first:end] *= 2

    def promotion(first: int, end: int, known_on: dt.date) -> Promotion:
        days = [MONDAY + dt.timedelta(days=n) for n in (first, end - 1)]
        return Promotion(first_on=days[0], last_on=days[1], known_on=known_on)

    past = tuple(promotion(*span, MONDAY) for span in spans[:-1])
    planned = promotion(*spans[-1], MONDAY + dt.timedelta(days=199))
    late = promotion(*spans[-1], MONDAY + dt.timedelta(days=200))
    found = [ahead("regression", history, 7, Calendar(MONDAY, 207, {}, (*past, last))) for last in (planned, late)]
    assert 1.5 < found[0].sum() / found[1].sum() < 2.2


def test_regression_holds_the_newest_level() -> None:
    history = np.concatenate([noisy(100) * 10, noisy(60)])  # ten times as much until not long ago
    assert ahead("regression", history, 28).mean() == pytest.approx(WEEK.mean(), rel=0.1)


def test_a_closed_day_does_not_change_its_weekday() -> None:
    history = noisy(140)
    closed = history.copy()
    closed[105] = 0  # a Monday
    assert ahead("regression", closed, 7)[0] == pytest.approx(ahead("regression", history, 7)[0], rel=0.05)


def test_logarithms_are_left_alone_where_they_make_no_sense() -> None:
    sometimes = np.resize([0.0, 5, 9, 2, 0, 1, 3], 100)
    below = noisy(100)
    below[50] = -1
    assert swings_grow(noisy(100))
    for history in (sometimes, below):
        assert not swings_grow(history)
        assert list(ahead("ETS of logarithms", history)) == list(ahead("ETS", history))


def test_a_forecast_out_of_all_range_is_replaced() -> None:
    memory = Memory()
    wild = of_logarithms(lambda _history, _calendar, horizon, _memory: np.full(horizon, 50.0))
    history = noisy(70)
    found = wild(history, Calendar(MONDAY, 84), 14, memory)
    assert memory.fallbacks == 1
    assert list(found) == list(ahead("same-weekday mean", history))


VALUES = st.one_of(st.just(0.0), st.floats(-1e4, 1e6), st.floats(0, 100))


@given(
    history=st.lists(VALUES, min_size=MIN_DAYS, max_size=60).map(np.array),
    horizon=st.integers(1, 30),
)
@settings(max_examples=12, deadline=None)
def test_always_numbers_and_not_below_nothing(history: np.ndarray, horizon: int) -> None:
    for method in METHODS:
        found = ahead(method, history, horizon)
        assert found.shape == (horizon,)
        assert np.isfinite(found).all()
        assert history.min() < 0 or found.min() >= 0


@pytest.mark.parametrize("method", ["ETS", "ARIMA"])
def test_what_is_remembered_is_only_how_to_begin(method: str) -> None:
    """An origin that follows others finds nearly what it finds alone."""
    history, memory = noisy(200), Memory()
    calendar = Calendar(MONDAY, 214)
    for seen in (150, 157, 164):
        found = foresee(method, history[:seen], calendar, 14, memory)
        assert found == pytest.approx(foresee(method, history[:seen], calendar, 14, Memory()), rel=0.1)
    assert (memory.ordered_at, memory.fallbacks) == (150, 0)
