"""Origins, errors by hand, and the choice of a method."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from marketflow.predictions.forecast.backtest import (
    COMBINATIONS,
    EQUAL_WEIGHTS,
    Backtest,
    Plan,
    backtest,
    choose,
    combine,
    mase,
    plan_origins,
    scale_of,
)
from marketflow.predictions.forecast.calendar import Calendar
from marketflow.predictions.forecast.methods import MEMBERS, METHODS
from marketflow.predictions.forecast.one import WHOLE, forecast_series
from marketflow.predictions.forecast.series import Series

MONDAY = dt.date(2017, 1, 2)


def test_mase_by_hand() -> None:
    history = np.array([10.0, 20, 30, 40, 50, 60, 70, 12, 20, 36, 40, 50, 60, 70])
    assert scale_of(history) == pytest.approx((2 + 0 + 6 + 0 + 0 + 0 + 0) / 7)
    assert mase(np.array([5.0, 9]), np.array([6.0, 6]), 8 / 7) == pytest.approx((1 + 3) / 2 / (8 / 7))
    assert mase(np.array([5.0]), np.array([5.0]), 0) == 0
    assert mase(np.array([5.0]), np.array([6.0]), 0) is None


def test_selection_is_over_before_scoring_begins() -> None:
    for days in range(70, 600):
        plan = plan_origins(days, 28)
        assert plan is not None
        assert plan.selection[-1] + plan.horizon <= plan.scoring[0]
        assert plan.scoring[-1] + plan.horizon == days
        assert plan.selection[0] >= 28
        assert len(plan.selection) == len(plan.scoring) >= 3
        assert {(days - origin - plan.horizon) % 7 for origin in plan.origins} == {0}


@pytest.mark.parametrize(
    ("days", "horizon", "expected"),
    [(365, 28, (28, 13)), (308, 28, (28, 13)), (307, 28, (28, 12)), (112, 28, (28, 3)), (111, 28, (14, 3)), (70, 28, (7, 3)),
     (365, 3, (3, 13)), (365, 100, (100, 6))],
)  # fmt: skip
def test_as_many_origins_as_there_is_room_for(days: int, horizon: int, expected: tuple[int, int]) -> None:
    plan = plan_origins(days, horizon)
    assert plan is not None
    assert (plan.horizon, len(plan.scoring)) == expected


def test_too_short_for_any() -> None:
    assert plan_origins(69, 28) is None
    assert plan_origins(61, 3) is None


def series(days: int, seed: int = 0) -> np.ndarray:
    return np.resize([10.0, 11, 12, 13, 20, 30, 25], days) * np.random.default_rng(seed).lognormal(0, 0.1, days)


def test_origins_see_nothing_of_later_days() -> None:
    history, plan = series(200), plan_origins(200, 14, most=3)
    assert plan is not None
    calendar = Calendar(MONDAY, 220)
    found = backtest(history, calendar, plan, tuple(METHODS))
    last = plan.scoring[-1]
    changed = np.concatenate([history[:last], history[last:] * 100])
    again = backtest(changed, calendar, plan, tuple(METHODS))
    for method in METHODS:
        assert found.forecasts[method].tolist() == again.forecasts[method].tolist(), method
    assert found.actual[0].tolist() == history[plan.origins[0] :][:14].tolist()


def test_combinations() -> None:
    said = {name: np.array([[float(n)]]) for name, n in zip(MEMBERS, (1, 2, 3, 10), strict=True)}
    found = combine(said, (0.5, 0.5, 0, 0))
    assert [float(found[name][0, 0]) for name in COMBINATIONS] == [4, 2.5, 1.5]


def of_errors(errors: dict[str, float]) -> Backtest:
    """A backtest in which each method is off by so much at the one origin that selects, and by 1 at the other."""
    return Backtest(
        plan=Plan(horizon=1, selection=(30,), scoring=(31,)),
        forecasts={name: np.array([[error], [1.0]]) for name, error in errors.items()},
        actual=np.zeros((2, 1)), scales=np.ones(2), memories={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("alone", "chosen"), [(2.0, COMBINATIONS[1]), (0.95, COMBINATIONS[1]), (0.91, COMBINATIONS[1]), (0.89, "ARIMA")]
)
def test_a_method_alone_must_win_clearly(alone: float, chosen: str) -> None:
    errors = {**dict.fromkeys(METHODS, 3.0), "ARIMA": alone, **dict(zip(COMBINATIONS, (1.5, 1.0, 1.2), strict=True))}
    assert choose(of_errors(errors)) == chosen


def test_weights_are_learnt_where_methods_are_chosen() -> None:
    history, plan = series(200), plan_origins(200, 14, most=3)
    assert plan is not None
    found = backtest(history, Calendar(MONDAY, 220), plan, MEMBERS)
    errors = [found.mase(name, scoring=False) for name in MEMBERS]
    assert sum(found.weights) == pytest.approx(1)
    assert np.argsort(found.weights).tolist() == np.argsort(errors)[::-1].tolist()
    assert EQUAL_WEIGHTS == (0.25,) * 4


def test_a_constant_has_no_error() -> None:
    plan = plan_origins(100, 14)
    assert plan is not None
    found = backtest(np.full(100, 5.0), Calendar(MONDAY, 120), plan, tuple(METHODS))
    assert {found.mase(name, scoring=True) for name in found.forecasts} == {0.0}
    assert choose(found) in COMBINATIONS


@pytest.mark.parametrize("week", [[100, 120, 90, 80, 200, 300, 10], [49, 0, 0, 0, 0, 0, 0]])
def test_weeks_that_are_all_alike_have_no_scale_and_are_forecast(week: list[float]) -> None:
    values = np.array(week * 52, dtype=float)
    series = Series(kind="total", name="total", first_on=dt.date(2017, 1, 1), values=values)
    found = forecast_series(series, 28, holidays={}, promotions=(), effort=WHOLE)
    assert found.forecast == pytest.approx(np.array(week * 4), abs=0.01)
