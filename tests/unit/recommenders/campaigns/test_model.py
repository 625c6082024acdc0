"""The blend: never against a signal, better than single ones where there is something to learn, refused where not."""

from __future__ import annotations

import numpy as np
import pytest

from marketflow.recommenders.campaigns.backtest import Backtest
from marketflow.recommenders.campaigns.known import NEVER
from marketflow.recommenders.campaigns.measures import auc, bootstrap, interval, within_auc
from marketflow.recommenders.campaigns.model import Rows, fit_blend
from marketflow.shared import NotEnoughData
from unit.recommenders.campaigns.small_world import answers, campaigns, known, purchases, world


def test_what_is_useless_or_the_wrong_way_round_gets_no_weight() -> None:
    rng = np.random.default_rng(1)
    signals = rng.normal(size=(4_000, 3))
    chance = 1 / (1 + np.exp(-(signals[:, 0] - signals[:, 1] - 2)))
    rows = Rows(signals, rng.random(4_000) < chance, np.arange(4_000) % 8)
    blend = fit_blend(rows)
    assert blend.weights[0] > 0.8
    assert blend.weights[1] == 0
    assert abs(blend.weights[2]) < 0.1
    chances = blend.probabilities(signals)
    assert chances.mean() == pytest.approx(rows.answered.mean(), rel=0.02)
    assert (blend.probabilities(signals * 100) < 1).all()


@pytest.mark.parametrize(
    ("answered", "words"), [(0, "nobody answered any of the 2 campaigns"), (19, "19 were answered")]
)
def test_too_few_answers_are_refused(answered: int, words: str) -> None:
    rows = Rows(np.ones((100, 2)), np.arange(100) < answered, np.arange(100) % 2)
    with pytest.raises(NotEnoughData, match=words):
        fit_blend(rows)


def test_signals_that_do_not_differ_are_left_out() -> None:
    blend = fit_blend(Rows(np.ones((100, 2)), np.arange(100) < 50, np.arange(100) % 2))
    assert blend.probabilities(np.ones((3, 2))) == pytest.approx([0.5] * 3)


def test_a_trial_knows_only_what_was_known_the_day_before_the_campaign_began() -> None:
    everything = world()
    trial = Backtest(everything).trial([5])
    assert trial is not None
    start = int(everything.campaigns.starts[5])
    blind = Backtest(everything)
    cut = Backtest(
        known(300, everything.campaigns, everything.answers.before(start), everything.purchases.between(0, start))
    )
    assert np.array_equal(cut.model(start).weights, blind.model(start).weights)
    assert trial.answered.sum() > 20
    own = auc(trial.answered, trial.ours)
    assert own is not None
    assert own > 0.8 > (auc(trial.answered, trial.singles["campaign's base rate"]) or 0)


@pytest.mark.parametrize("day", [11, 12, 15, 16, 30])
def test_what_counts_as_an_answer_to_learn_from_is_what_counted_that_day(day: int) -> None:
    """Without coupons: thirty bought on day 3, and on day 15 the first of them clicked; then only clicks count."""
    got = [(c, 0, 0, NEVER) for c in range(100)]
    everything = known(
        100,
        campaigns([0], coupons=False),
        answers(got, bought=[3 if c < 30 else NEVER for c in range(100)], clicked=[15] + [NEVER] * 99),
        purchases([(1, 0, 0, 0)]),
    )
    then = known(100, everything.campaigns, everything.answers.before(day), everything.purchases)
    rows = Backtest(everything).rows(day)
    assert rows.answered.sum() == Backtest(then).rows(day).answered.sum() == (30 if day <= 15 else 1)


def test_who_got_it_later_is_not_learnt_from_yet() -> None:
    got = [(c, 0, 0 if c < 60 else 15, NEVER) for c in range(100)]
    everything = known(100, campaigns([0]), answers(got), purchases([(1, 0, 0, 0)]))
    assert len(Backtest(everything).rows(15).answered) == 60
    assert len(Backtest(everything).rows(16).answered) == 100


def test_who_buys_everything_and_answers_everything_spoils_nobody_elses_place() -> None:
    plain = world()
    every_day = [(day, 0, product, 50) for day in range(270) for product in range(20)]
    got = [(0, place, start, start) for place, start in enumerate(plain.campaigns.starts.tolist())]
    others = plain.answers.where(plain.answers.customer != 0)
    bought = plain.purchases
    with_bot = known(
        300,
        plain.campaigns,
        answers([*zip(others.customer, others.campaign, others.received, others.redeemed, strict=True), *got]),
        purchases([*zip(bought.day, bought.customer, bought.product, bought.coupon, strict=True), *every_day]),
    )
    trial, before = Backtest(with_bot).trial([5, 6]), Backtest(plain).trial([5, 6])
    assert trial is not None
    assert before is not None
    assert trial.ours[trial.customer == 0].max() < 1
    people, were = trial.customer != 0, before.customer != 0
    found, was = auc(trial.answered[people], trial.ours[people]), auc(before.answered[were], before.ours[were])
    assert found is not None
    assert found == pytest.approx(was, abs=0.02)
    assert trial.ours[people].mean() == pytest.approx(before.ours[were].mean(), rel=0.1)


def test_the_first_campaign_has_nothing_to_be_foreseen_by() -> None:
    assert Backtest(world()).trial([0]) is None


def test_a_campaign_nobody_answered_is_learnt_from_and_has_no_auc() -> None:
    everything = world()
    silent = np.where(everything.answers.campaign == 2, NEVER, everything.answers.redeemed)
    got = list(
        zip(everything.answers.customer, everything.answers.campaign, everything.answers.received, silent, strict=True)
    )
    one = known(300, everything.campaigns, answers(got), everything.purchases)
    trial = Backtest(one).trial([2])
    assert trial is not None
    assert len(trial.answered) > 100
    assert auc(trial.answered, trial.ours) is None
    assert Backtest(one).model(400).weights.max() > 0


def test_nobody_answered_anything() -> None:
    got = [(c, p, p * 30, NEVER) for c in range(50) for p in range(2)]
    one = known(50, campaigns([0, 30]), answers(got), purchases([(1, 0, 0, 0)]))
    with pytest.raises(NotEnoughData, match="nobody answered any of the 2 campaigns"):
        Backtest(one).model(100)


def test_auc_is_that_of_another_library_and_none_without_both_outcomes() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    scores, answered = rng.integers(0, 5, 200).astype(float), rng.random(200) < 0.3
    assert auc(answered, scores) == pytest.approx(roc_auc_score(answered, scores))
    assert auc(np.zeros(5, dtype=bool), np.arange(5.0)) is None


def test_within_campaigns_their_rates_do_not_count() -> None:
    answered = np.array([True, False, True, False])
    campaign = np.array([0, 0, 1, 1])
    assert within_auc(answered, np.array([0.2, 0.1, 0.9, 0.8]), campaign) == 1
    assert within_auc(answered, np.array([0.9, 0.8, 0.2, 0.1]), campaign) == 1
    assert within_auc(answered[[0, 2]], np.array([0.1, 0.2]), np.array([0, 1])) is None


def test_the_interval_holds_the_figure_and_narrows_with_more_customers() -> None:
    rng = np.random.default_rng(4)
    widths = []
    for size in (100, 3_000):
        answered = rng.random(size) < 0.3
        scores = answered + rng.normal(size=size)
        found = interval(bootstrap(answered, {"a": scores}, np.arange(size), 200)["a"])
        assert found is not None
        assert found.low < (auc(answered, scores) or 0) < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 3
    assert interval(np.array([])) is None
