"""Signals know nothing of the day and later, and say nothing of whom nothing is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marketflow.recommenders.campaigns import signals as signals_room
from marketflow.recommenders.campaigns.alike import alikeness
from marketflow.recommenders.campaigns.known import NEVER
from marketflow.recommenders.campaigns.neighbours import NEAREST, Nearest, by_neighbours, crowd_of, nearest
from marketflow.recommenders.campaigns.signals import FAMILY_OF_SIGNAL, View
from unit.recommenders.campaigns.small_world import answers, campaigns, known, purchases, world

NAMES = list(FAMILY_OF_SIGNAL)


def test_what_comes_later_changes_nothing() -> None:
    everything = world()
    for day in (60, 121, 240):
        cut = replace(
            everything, answers=everything.answers.before(day), purchases=everything.purchases.between(0, day)
        )
        assert len(cut.purchases) < len(everything.purchases)
        for place in (0, 3, 6):
            assert np.array_equal(View(everything, day).signals(place), View(cut, day).signals(place))


def test_a_part_of_the_customers_has_the_signals_that_it_has_among_all() -> None:
    everything = world(60)
    rows = np.arange(20, 35)
    got = everything.answers.where(np.isin(everything.answers.customer, rows))
    of = np.isin(everything.purchases.customer, rows)
    bought = replace(
        everything.purchases,
        **{n: getattr(everything.purchases, n)[of] for n in ("customer", "product", "day", "coupon")},
    )
    part = replace(
        everything,
        customers=everything.customers[rows],
        answers=replace(got, customer=got.customer - 20),
        purchases=replace(bought, customer=bought.customer - 20),
    )
    all_of_them = View(everything, 230)
    assert View(part, 230, all_of_them).signals(5) == pytest.approx(all_of_them.signals(5)[rows])


def test_who_has_no_history_has_the_least_of_every_signal_of_her_own() -> None:
    bought = purchases([(1, 0, 0, 50), (2, 0, 1, 0)])
    view = View(known(2, campaigns([10, 40]), answers([(0, 0, 10, 12)]), bought), 40)
    signals = dict(zip(NAMES, view.signals(1).T, strict=True))
    for name in ("answers", "coupon_days", "coupon_spend", "coupon_lines", "offer_bought", "offer_categories"):
        assert signals[name][1] == 0 < signals[name][0], name
    assert signals["own_rate"][1] == signals["neighbours"][1] == pytest.approx(np.log(view.base / (1 - view.base)))
    assert np.isfinite(view.signals(1)).all()


def test_without_anything_known_signals_are_finite() -> None:
    view = View(known(3, campaigns([10]), answers([]), purchases([])), 10)
    assert np.isfinite(view.signals(0)).all()
    assert view.campaign_rate(0) == pytest.approx(0.05)


def test_a_new_campaigns_rate_is_that_of_campaigns_alike() -> None:
    got = [(c, 0, 0, 5 if c < 60 else NEVER) for c in range(100)] + [(c, 1, 0, NEVER) for c in range(100)]
    view = View(known(100, campaigns([0, 0, 50, 50]), answers(got), purchases([])), 50)
    assert view.campaign_rate(2) > view.base > view.campaign_rate(3)  # `even` did well, `odd` did not


def test_alike_by_theme_season_products_and_words() -> None:
    offered = campaigns([0, 182, 0], texts=["Summer soups", "Winter bread", "More summer soups"])
    alike = alikeness(offered)
    assert np.allclose(alike, alike.T)
    assert np.allclose(np.diag(alike), 1)
    assert alike[0, 2] > alike[0, 1]
    assert ((alike >= 0) & (alike <= 1 + 1e-9)).all()
    assert alikeness(campaigns([0, 5], texts=["", "  "], traits={"theme": ["", ""]})).shape == (2, 2)


def test_neighbours_are_others_who_answered_alike() -> None:
    got = [(0, 0, 0, 5), (1, 0, 0, 5), (1, 1, 0, 5), (2, 2, 0, 5), (0, 1, 0, NEVER), (2, 1, 0, NEVER), (3, 0, 0, NEVER)]
    view = View(known(4, campaigns([0, 0, 0, 50]), answers(got), purchases([])), 50)
    near = nearest(view.crowd, view.known.customers, view.answered)
    rates = by_neighbours(view.crowd, near, 4, np.array([0.0, 1.0, 0.0, 0.0]), 0.1)
    # 0 is like 1, who answered the second campaign; 2 is like nobody, and of 3 nothing is known
    assert rates[0] > 0.3
    assert rates[2] == rates[3] == pytest.approx(0.1)
    assert crowd_of(view.known.customers, view.received, view.answered).customers.tolist() == [1_000, 1_001, 1_002]


def test_of_many_as_near_those_count_who_answer_more_and_not_those_with_the_least_numbers() -> None:
    # everybody answered the first campaign; the second came to 150 of them, and nobody did
    got = [(c, 0, 0, 5) for c in range(200)] + [(c, 1, 0, NEVER) for c in range(150)]
    view = View(known(200, campaigns([0, 0, 50]), answers(got), purchases([])), 50)
    near = nearest(view.crowd, view.known.customers, view.answered)
    assert near.crowd.shape == (200, NEAREST)
    assert near.crowd[0].min() >= 150
    assert all(row not in near.crowd[row] for row in range(200)), "nobody is her own neighbour"
    assert len({tuple(sorted(near.crowd[row])) for row in range(150)}) == 1, "whoever is asked about"
    assert (near.cosine == 1).all()


def test_neighbours_are_looked_for_once_whatever_the_number_of_campaigns(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: Any) -> Nearest:
        calls.append(args)
        return nearest(*args)

    monkeypatch.setattr(signals_room, "nearest", counted)
    view = View(world(60), 230)
    for place in range(7):
        view.signals(place)
    assert len(calls) == 1
