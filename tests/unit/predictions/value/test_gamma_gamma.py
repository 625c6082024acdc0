"""Gamma-Gamma: the published parameters, the likelihood written out, and what must hold for any customer."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.value.gamma_gamma import GammaGamma, _Likelihood, fit_gamma_gamma
from marketflow.predictions.value.likelihoods import group_rows
from marketflow.shared import NotEnoughData

DATASETS = Path(next(iter(find_spec("lifetimes").submodule_search_locations))) / "datasets"
positive = st.floats(0.05, 50)
models = st.builds(GammaGamma, p=positive, q=st.floats(1.05, 50), gamma=positive, log_likelihood=st.just(0.0))
customers = st.lists(
    st.tuples(st.sampled_from([1.0, 2.0, 5.0, 10_000.0]), st.floats(0.01, 1e5)), min_size=1, max_size=12
)


def summary() -> tuple[np.ndarray, np.ndarray]:
    """(x, mean) of CDNOW's published summary, whose means are rounded to cents."""
    with (DATASETS / "cdnow_customers_summary_with_transactions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return np.array([float(r["x"]) for r in rows]), np.array([float(r["zbar"]) for r in rows])


def purchases() -> tuple[np.ndarray, np.ndarray]:
    """(x, mean) of CDNOW's sample itself until 30 September 1997: purchase days after the first, and their mean."""
    days: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in (DATASETS / "CDNOW_sample.txt").read_text().splitlines():
        _, customer, day, _, dollars = line.split()
        if day <= "19970930":
            days[customer][day] += float(dollars)
    repeats = [[money for day, money in sorted(found.items())][1:] for found in days.values()]
    return np.array([float(len(m)) for m in repeats]), np.array([float(np.mean(m)) if m else 0.0 for m in repeats])


def slow_likelihood(model: GammaGamma, x: float, mean: float) -> float:
    """Equation (1a) of the note: ln of the density of one customer's mean."""
    p, q, g = model.p, model.q, model.gamma
    gammas = math.lgamma(p * x + q) - math.lgamma(p * x) - math.lgamma(q)
    powers = q * math.log(g) + (p * x - 1) * math.log(mean) + p * x * math.log(x)
    return gammas + powers - (p * x + q) * math.log(g + mean * x)


def test_the_published_parameters_come_out() -> None:
    x, mean = purchases()
    assert (x > 0).sum() == 946
    found = fit_gamma_gamma(x, mean)
    assert [round(v, 2) for v in (found.p, found.q, found.gamma)] == [6.25, 3.74, 15.44]
    assert found.log_likelihood == pytest.approx(-4055.918, abs=0.001)


def test_the_rounded_summary_gives_them_but_for_the_rounding() -> None:
    found = fit_gamma_gamma(*summary())
    assert [round(found.p, 2), round(found.q, 2)] == [6.25, 3.74]
    assert found.gamma == pytest.approx(15.44, abs=0.01)  # means of whole cents move the top: 15.448


def test_the_published_expectation_is_between_the_customers_mean_and_everybodys() -> None:
    model = GammaGamma(p=6.25, q=3.74, gamma=15.44, log_likelihood=0.0)
    assert model.mean_value == pytest.approx(35.2, abs=0.05)
    known = model.expected_order_value([1.0, 1000.0], [100.0, 100.0])
    assert known[0] == pytest.approx(6.25 * (15.44 + 100) / (6.25 + 2.74))
    assert known[1] == pytest.approx(100, rel=0.001)


@given(models, customers)
def test_the_likelihood_is_the_notes(model: GammaGamma, rows: list[tuple[float, float]]) -> None:
    x, mean = (np.array(v) for v in zip(*rows, strict=True))
    value, _ = _Likelihood(group_rows(x, mean))(np.array([model.p, model.q, model.gamma]))
    assert value == pytest.approx(sum(slow_likelihood(model, *row) for row in rows), rel=1e-8, abs=1e-4)


@given(models, customers)
def test_the_gradient_is_the_slope(model: GammaGamma, rows: list[tuple[float, float]]) -> None:
    x, mean = (np.array(v) for v in zip(*rows, strict=True))
    likelihood = _Likelihood(group_rows(x, mean))
    at = np.array([model.p, model.q, model.gamma])
    _, slope = likelihood(at)
    for n in range(3):
        step = np.zeros(3)
        step[n] = 1e-5 * at[n]
        up, down = likelihood(at + step)[0], likelihood(at - step)[0]
        # a mean of ten thousand purchases has terms of a million, of which a difference of a thousand is left
        noise = 1e-14 * (model.p * x).sum() * np.log(1e9) / step[n]
        assert slope[n] == pytest.approx((up - down) / (2 * step[n]), rel=1e-4, abs=1e-3 + noise)


@given(models, customers)
def test_an_expectation_is_between_the_customers_mean_and_everybodys(
    model: GammaGamma, rows: list[tuple[float, float]]
) -> None:
    x, mean = (np.array(v) for v in zip(*rows, strict=True))
    found = model.expected_order_value(x, mean)
    low, high = np.minimum(mean, model.mean_value), np.maximum(mean, model.mean_value)
    assert ((found >= low * (1 - 1e-9)) & (found <= high * (1 + 1e-9))).all()


@given(models)
def test_of_whom_nothing_is_known_the_populations_mean_is_expected(model: GammaGamma) -> None:
    found = model.expected_order_value([0.0, 3.0, 3.0], [0.0, 0.0, -12.0])
    assert found == pytest.approx(model.mean_value)


def test_weights_are_repetitions_and_the_unit_of_money_does_not_matter() -> None:
    x, mean = purchases()
    once, twice = fit_gamma_gamma(x, mean), fit_gamma_gamma(x, mean, weights=np.full(len(x), 2.0))
    cents = fit_gamma_gamma(x, mean * 100)
    assert (twice.p, twice.q, twice.gamma) == pytest.approx((once.p, once.q, once.gamma), rel=1e-4)
    assert (cents.p, cents.q, cents.gamma / 100) == pytest.approx((once.p, once.q, once.gamma), rel=1e-4)
    assert twice.log_likelihood == pytest.approx(2 * once.log_likelihood)


def test_sums_not_above_zero_are_left_out() -> None:
    x, mean = purchases()
    more = fit_gamma_gamma([*x, 4.0, 2.0, 0.0, 1.0], [*mean, -3.0, 0.0, 5.0, math.nan])
    assert more == fit_gamma_gamma(x, mean)


@pytest.mark.parametrize(
    ("x", "mean"),
    [
        ([3.0] * 50, [10.0] * 50),  # all the same
        ([1.0], [5.0]),  # one customer
        ([1e4, 1.0], [5.0, 1e9]),
        ([1.0, 2.0, 3.0], [1e-9, 1e9, 1.0]),
        ([5.0] * 30 + [1.0], [1.0] * 30 + [1e6]),
    ],
)
def test_strange_sums_give_finite_numbers(x: list[float], mean: list[float]) -> None:
    found = fit_gamma_gamma(x, mean)
    assert all(math.isfinite(v) and v > 0 for v in (found.p, found.q, found.gamma))
    expected = found.expected_order_value([*x, 0.0], [*mean, 0.0])
    assert np.isfinite(expected).all()
    assert (expected > 0).all()


def test_all_the_same_is_expected_again() -> None:
    found = fit_gamma_gamma([3.0] * 50, [10.0] * 50)
    assert found.expected_order_value([3.0, 0.0], [10.0, 0.0]) == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("x", "mean"), [([], []), ([0.0, 0.0], [0.0, 9.0]), ([2.0, 1.0], [-1.0, 0.0])])
def test_without_sums_it_is_refused(x: list[float], mean: list[float]) -> None:
    with pytest.raises(NotEnoughData, match="positive"):
        fit_gamma_gamma(x, mean)


def test_figures_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        fit_gamma_gamma([1.0], [1.0, 2.0])
