"""BG/NBD: the published parameters, the likelihood written out, and what must hold for any customer."""

from __future__ import annotations

import csv
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import betaln, hyp2f1

from marketflow.predictions.value.bgnbd import BgNbd, _Likelihood, fit_bgnbd
from marketflow.predictions.value.likelihoods import group_rows
from marketflow.shared import NotEnoughData

CDNOW = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426, log_likelihood=-9582.4)
positive = st.floats(0.01, 50)
models = st.builds(BgNbd, r=positive, alpha=positive, a=positive, b=positive, log_likelihood=st.just(0.0))


@st.composite
def customers(draw: st.DrawFn) -> tuple[list[float], list[float], list[float]]:
    """Some of any kind: bought once or ten thousand times, just now or long ago."""
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        age = draw(st.floats(0.2, 500))
        x = draw(st.sampled_from([0, 0, 1, 2, 3, 7, 40, 10_000]))
        rows.append((float(x), draw(st.floats(0.1, 1)) * age if x else 0.0, age))
    x, t_x, end = zip(*rows, strict=True)
    return list(x), list(t_x), list(end)


def cdnow() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, t_x, T) of CDNOW's sample until 30 September 1997, in weeks; the package is read, never imported."""
    folder = Path(next(iter(find_spec("lifetimes").submodule_search_locations)))
    with (folder / "datasets/cdnow_customers_summary_with_transactions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("x", "t_x", "T"))


def slow_likelihood(model: BgNbd, x: float, t_x: float, end: float) -> float:
    """Equation (3) integrated over both distributions, as it stands in the paper: ln L of one customer."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    gammas = math.lgamma(r + x) - math.lgamma(r) + r * math.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) + gammas - (r + x) * math.log(alpha + end)
    if x == 0:
        return float(alive)
    gone = betaln(a + 1, b + x - 1) - betaln(a, b) + gammas - (r + x) * math.log(alpha + t_x)
    return float(np.logaddexp(alive, gone))


def test_the_published_parameters_come_out() -> None:
    x, t_x, end = cdnow()
    found = fit_bgnbd(x, t_x, end)
    assert [round(v, 3) for v in (found.r, found.alpha, found.a, found.b)] == [0.243, 4.414, 0.793, 2.426]
    assert found.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_the_published_example_comes_out() -> None:
    # the customer of the authors' note on the model in Excel, of 2005
    assert CDNOW.expected_purchases(39, [2], [30.43], [38.86])[0, 0] == pytest.approx(1.226, abs=0.001)


@given(models, customers())
def test_the_likelihood_is_the_papers(model: BgNbd, rows: tuple[list[float], ...]) -> None:
    x, t_x, end = (np.array(v) for v in rows)
    value, _ = _Likelihood(group_rows(x, t_x, end))(np.array([model.r, model.alpha, model.a, model.b]))
    slow = sum(slow_likelihood(model, *row) for row in zip(*rows, strict=True))
    assert value == pytest.approx(slow, rel=1e-8, abs=1e-6)


@given(models, customers())
def test_the_gradient_is_the_slope(model: BgNbd, rows: tuple[list[float], ...]) -> None:
    likelihood = _Likelihood(group_rows(*(np.array(v) for v in rows)))
    at = np.array([model.r, model.alpha, model.a, model.b])
    _, slope = likelihood(at)
    for n in range(4):
        step = np.zeros(4)
        step[n] = 1e-5 * at[n]
        up, down = likelihood(at + step)[0], likelihood(at - step)[0]
        noise = 1e-11 * (abs(up) + abs(down)) / step[n]
        assert slope[n] == pytest.approx((up - down) / (2 * step[n]), rel=1e-4, abs=1e-3 + noise)


@given(models, customers())
def test_the_chance_to_be_alive_is_a_chance_and_one_before_the_first_repeat(
    model: BgNbd, rows: tuple[list[float], ...]
) -> None:
    alive = model.probability_alive(*rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (alive[np.array(rows[0]) == 0] == 1).all()


@given(models, customers())
def test_silence_lowers_the_chance_to_be_alive(model: BgNbd, rows: tuple[list[float], ...]) -> None:
    x, t_x, end = (np.array(v) for v in rows)
    assert (model.probability_alive(x, t_x, end + 10) <= model.probability_alive(x, t_x, end)).all()


@given(models, customers())
def test_expected_purchases_rise_with_time_and_stay_under_the_pace(model: BgNbd, rows: tuple[list[float], ...]) -> None:
    x, _, end = (np.array(v) for v in rows)
    times = np.array([0, 0.5, 1, 10, 100.0])
    found = model.expected_purchases(times, *rows)
    assert np.isfinite(found).all()
    assert (found[:, 0] == 0).all()
    assert (np.diff(found, axis=1) >= -1e-12).all()
    pace = (model.r + x) / (model.alpha + end)
    assert (found <= pace[:, np.newaxis] * times * (1 + 1e-9)).all()


@settings(max_examples=200)
@given(
    st.builds(
        BgNbd,
        r=st.floats(0.05, 5),
        alpha=st.floats(0.1, 50),
        a=st.one_of(st.floats(0.05, 0.9), st.floats(1.1, 5)),
        b=st.floats(0.2, 20),
        log_likelihood=st.just(0.0),
    ),
    st.integers(0, 30),
    st.floats(0.2, 100),
    st.floats(0.5, 60),
)
def test_the_average_over_chances_is_the_papers_closed_form(model: BgNbd, x: int, end: float, time: float) -> None:
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    assume(a + b + x - 1 > 0.05)  # at zero the closed form has a pole, and what it stands for has none
    z = time / (alpha + end + time)
    shrunk = ((alpha + end) / (alpha + end + time)) ** (r + x)
    closed = (a + b + x - 1) / (a - 1) * (1 - shrunk * hyp2f1(r + x, b + x, a + b + x - 1, z))
    found = model.purchases_if_alive(time, [float(x)], [end])[0, 0]
    assert found == pytest.approx(closed, rel=1e-4)


@pytest.mark.parametrize("a", [1e-4, 0.5, 1.0, 1 + 1e-12, 2.0])
def test_there_are_no_poles(a: float) -> None:
    model = BgNbd(r=0.2, alpha=1.0, a=a, b=1.0 - 1e-3, log_likelihood=0.0)
    found = model.purchases_if_alive([1, 39], [0.0, 1.0, 10_000.0], [0.0, 5.0, 9_000.0])
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_where_the_closed_form_has_none_the_number_is_right() -> None:
    # with a + b = 1 it has no value; the mean of 1 / (2 + p) over the arcsine distribution has
    model = BgNbd(r=1.0, alpha=1.0, a=0.5, b=0.5, log_likelihood=0.0)
    assert model.purchases_if_alive(1, [0.0], [1.0])[0, 0] == pytest.approx(6**-0.5, rel=1e-6)


def test_nobody_who_never_leaves_buys_less_than_the_pace() -> None:
    model = BgNbd(r=2.0, alpha=3.0, a=1e-4, b=1e5, log_likelihood=0.0)
    assert model.expected_purchases(5, [4], [9], [10])[0, 0] == pytest.approx(6 / 13 * 5, rel=1e-6)


@given(customers(), st.integers(2, 5))
def test_weights_are_repetitions(rows: tuple[list[float], ...], times: int) -> None:
    repeated = [v * times for v in rows]
    at = np.array([0.5, 3.0, 0.7, 2.0])
    by_rows = _Likelihood(group_rows(*(np.array(v) for v in repeated)))(at)
    by_weights = _Likelihood(group_rows(*(np.array(v) for v in rows), weights=np.full(len(rows[0]), float(times))))(at)
    assert by_weights[0] == pytest.approx(by_rows[0], rel=1e-9)
    assert by_weights[1] == pytest.approx(by_rows[1], rel=1e-9, abs=1e-9)


@given(customers())
def test_grouping_loses_nothing(rows: tuple[list[float], ...]) -> None:
    columns = [np.array(v) for v in rows]
    found = group_rows(*columns)
    assert found.total == len(columns[0])
    for kept, given_ in zip(found.columns, columns, strict=True):
        assert (kept[found.row_of] == given_).all()
    assert len(set(zip(*found.columns, strict=True))) == len(found.weights)


def test_the_unit_of_time_does_not_matter() -> None:
    x, t_x, end = cdnow()
    weeks, seconds = fit_bgnbd(x, t_x, end), fit_bgnbd(x, t_x * 604_800, end * 604_800)
    assert seconds.alpha / 604_800 == pytest.approx(weeks.alpha, rel=1e-4)
    assert (seconds.r, seconds.a, seconds.b) == pytest.approx((weeks.r, weeks.a, weeks.b), rel=1e-4)
    assert seconds.log_likelihood == pytest.approx(weeks.log_likelihood - x.sum() * math.log(604_800))


def test_what_was_simulated_is_found_again() -> None:
    rng = np.random.default_rng(20260401)
    n, end = 20_000, 60.0
    rate, leaves = rng.gamma(0.8, 1 / 6.0, n), rng.beta(0.9, 3.0, n)
    x, t_x = np.zeros(n), np.zeros(n)
    for i in range(n):
        at = rng.exponential(1 / rate[i])
        while at < end:
            x[i], t_x[i] = x[i] + 1, at
            if rng.random() < leaves[i]:
                break
            at += rng.exponential(1 / rate[i])
    found = fit_bgnbd(x, t_x, np.full(n, end))
    assert (found.r, found.alpha) == pytest.approx((0.8, 6.0), rel=0.1)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.9, rel=0.1)


@pytest.mark.parametrize(
    ("x", "t_x", "end"),
    [
        ([3.0] * 50, [10.0] * 50, [12.0] * 50),  # all the same
        ([10_000.0], [100.0], [100.0]),  # one customer
        ([364.0] * 20, [52.0] * 20, [52.0] * 20),  # every day, and nobody has left
        ([1.0] + [0.0] * 99, [1.0] + [0.0] * 99, [1.0] + [500.0] * 99),  # one of all has come back
        ([1e4, 1.0, 0.0], [1.0, 1e-3, 0.0], [1e4, 1e-3, 0.0]),
    ],
)
def test_strange_customers_give_finite_numbers(x: list[float], t_x: list[float], end: list[float]) -> None:
    found = fit_bgnbd(x, t_x, end)
    assert all(math.isfinite(v) and v > 0 for v in (found.r, found.alpha, found.a, found.b))
    assert math.isfinite(found.log_likelihood)
    expected = found.expected_purchases([1, 13], x, t_x, end)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


@pytest.mark.parametrize("rows", [([], [], []), ([0.0, 0.0], [0.0, 0.0], [3.0, 9.0])])
def test_without_repeats_it_is_refused(rows: tuple[list[float], ...]) -> None:
    with pytest.raises(NotEnoughData, match="two days"):
        fit_bgnbd(*rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (([1.0], [1.0], [1.0, 2.0]), "one length"),
        (([math.nan], [1.0], [2.0]), "finite"),
        (([1.5], [1.0], [2.0]), "whole number"),
        (([1.0], [3.0], [2.0]), "between zero and age"),
        (([1.0], [0.0], [0.0]), "above zero"),
    ],
)
def test_figures_that_cannot_be_are_refused(rows: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_bgnbd(*rows)


def test_weights_and_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        fit_bgnbd([1.0], [1.0], [2.0], weights=[-1.0])
    with pytest.raises(ValueError, match="times"):
        CDNOW.expected_purchases(-1, [1.0], [1.0], [2.0])
