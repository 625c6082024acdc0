"""The additive model: parts that add up, chances between 0 and 1, sane beyond what was learnt from."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketflow.predictions.churn.additive import AdditiveModel, fit_additive, platt
from marketflow.shared import NotEnoughData

RNG = np.random.default_rng(1)
SIGNS = RNG.normal(size=(4000, 4)) * [1, 2, 0, 1]
TRUE = -1 + 0.8 * SIGNS[:, 0] - 0.5 * SIGNS[:, 1]
OUTCOMES = RNG.random(4000) < 1 / (1 + np.exp(-TRUE))


@pytest.fixture(scope="module")
def model() -> AdditiveModel:
    return fit_once()


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 20), st.just(4)), elements=st.floats(-1e6, 1e6)))
def test_contributions_add_up_to_the_logit(signs: np.ndarray) -> None:
    of = fit_once()
    assert of.contributions(signs).sum(axis=1) + of.intercept == pytest.approx(of.logits(signs))
    chances = of.probabilities(signs)
    assert ((chances > 0) & (chances < 1)).all()
    assert np.log(chances / (1 - chances)) == pytest.approx(of.logits(signs), abs=1e-4)


@cache
def fit_once() -> AdditiveModel:
    return fit_additive(SIGNS, OUTCOMES)


def test_it_finds_what_matters(model: AdditiveModel) -> None:
    found = np.corrcoef(model.logits(SIGNS), TRUE)[0, 1]
    assert found > 0.98
    assert np.abs(model.contributions(SIGNS)[:, 3]).mean() < 0.15, "the last sign means nothing"


def test_a_sign_without_differences_has_no_part(model: AdditiveModel) -> None:
    other = SIGNS + np.array([0, 0, 1e6, 0])
    assert model.contributions(other)[:, 2].tolist() == [0.0] * len(SIGNS)


def test_nothing_unseen_runs_away(model: AdditiveModel) -> None:
    far = model.logits(np.full((1, 4), 1e9))
    assert np.abs(far).max() < 10


def test_calibration_moves_and_stays_additive(model: AdditiveModel) -> None:
    later = RNG.random(len(TRUE)) < 1 / (1 + np.exp(-(0.5 * TRUE + 1)))
    moved = model.calibrated(SIGNS, later)
    assert moved.probabilities(SIGNS).mean() == pytest.approx(later.mean(), abs=0.01)
    assert moved.contributions(SIGNS).sum(axis=1) + moved.intercept == pytest.approx(moved.logits(SIGNS))
    same_order = np.argsort(moved.logits(SIGNS), kind="stable") == np.argsort(model.logits(SIGNS), kind="stable")
    assert same_order.mean() > 0.99


def test_calibration_never_turns_the_order_round(model: AdditiveModel) -> None:
    assert model.calibrated(SIGNS, ~OUTCOMES) is model


@pytest.mark.parametrize("bought", [0, 5, 9])
def test_too_few_of_an_outcome(bought: int) -> None:
    outcomes = np.arange(len(SIGNS)) < bought
    with pytest.raises(NotEnoughData, match=f"{bought} stopped buying"):
        fit_additive(SIGNS, outcomes)
    with pytest.raises(NotEnoughData):
        fit_additive(SIGNS, ~outcomes)
    assert platt(TRUE, outcomes) == (1.0, 0.0)


def test_signs_that_are_all_the_same_give_the_share() -> None:
    model = fit_additive(np.ones((100, 3)), np.arange(100) < 30)
    assert model.probabilities(np.ones((2, 3))) == pytest.approx([0.3, 0.3])
