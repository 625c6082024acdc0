"""How much a grouping explains: by hand, out of sample, and the groups of RFM as models.rfm makes them."""

from __future__ import annotations

import numpy as np
import pytest

from marketflow.segments import load_segments
from marketflow.segments.clusters.maps import plane
from marketflow.segments.clusters.measures import aspects_of, explained, rfm_groups, rfm_slices
from unit.segments.test_cluster_features import MIX, customers


def test_a_group_that_says_all_explains_all() -> None:
    groups = np.repeat([0, 1, 2], 20)
    found = explained(groups, {"spend": groups[:, None] * 3.0}, seed=1)
    assert found == {"spend": pytest.approx(1.0)}


def test_a_group_that_says_nothing_explains_nothing() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(400, 2))
    found = explained(rng.integers(0, 200, 400), {"mix": values}, seed=1)
    assert found["mix"] < 0  # two customers a group: out of sample their mean is worse than everybody's


def test_half_the_variance() -> None:
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 2, 20_000)
    values = groups * 2 - 1 + rng.normal(size=20_000)
    assert explained(groups, {"spend": values[:, None]}, seed=1)["spend"] == pytest.approx(0.5, abs=0.02)


def test_what_is_the_same_for_all_and_who_did_nothing_are_left_out() -> None:
    groups = np.repeat([0, 1], 20)
    basket = np.where(np.arange(40) % 2, groups * 1.0, np.nan)[:, None]
    found = explained(groups, {"basket": basket, "time": np.ones((40, 2)), "mix": np.full((40, 0), 1.0)}, seed=1)
    assert found == {"basket": pytest.approx(1.0)}
    assert explained(groups, {"basket": np.full((40, 1), np.nan)}, seed=1) == {}


def test_aspects_are_in_the_order_of_the_customers() -> None:
    then, after = customers(5), customers(5, seed=2).iloc[[3, 1]]
    found = aspects_of(then, after)
    assert np.flatnonzero(found["purchase_days"][:, 0]).tolist() == [1, 3]
    assert np.flatnonzero(np.isfinite(found["basket"][:, 0])).tolist() == [1, 3]
    assert found["mix"].shape == (5, len(MIX))
    assert found["mix"][3].tolist() == after[MIX].iloc[0].tolist()


def test_groups_of_rfm() -> None:
    frame = customers(250)
    named = rfm_groups(frame)
    assert set(named.tolist()) <= set(range(len(load_segments())))
    best = frame["revenue"].rank() + frame["orders"].rank() - frame["recency_days"].rank()
    top, bottom = best.to_numpy().argsort()[-5:], best.to_numpy().argsort()[:5]
    champions = sorted(s.name for s in load_segments()).index("champions")
    assert (named[top] == champions).any()
    assert not (named[bottom] == champions).any()
    sizes = np.bincount(rfm_slices(frame, 5))
    assert len(sizes) == 5
    assert sizes.min() > 20


def test_equal_customers_are_never_parted_by_rfm() -> None:
    frame = customers(100)
    for name in ("recency_days", "orders", "revenue"):
        frame[name] = 3
    assert len(set(rfm_groups(frame).tolist())) == 1
    assert len(set(rfm_slices(frame, 4).tolist())) == 1


def test_the_map_shows_the_plane_of_most_variance_and_points_to_worth() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(500, 4)) * [5, 2, 0.1, 0.1]
    places, shown = plane(matrix, -matrix[:, 0])
    assert np.corrcoef(places[:, 0], matrix[:, 0])[0, 1] < -0.99
    assert abs(np.corrcoef(places[:, 1], matrix[:, 1])[0, 1]) > 0.99
    assert shown[0] > 0.8 > shown[1] > 0.1
    assert np.isfinite(plane(np.ones((3, 1)), np.ones(3))[0]).all()
    assert plane(np.ones((3, 1)), np.ones(3))[1] == [0.0, 0.0]
