"""Names and descriptions: of a stable vocabulary, unique, kept while they are true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.segments.clusters import words
from marketflow.segments.clusters.features import SHARE
from marketflow.segments.clusters.matrix import cleaned
from marketflow.segments.clusters.profiles import Profile, named, profiles_of
from unit.segments.test_cluster_features import customers

USUAL = {"purchase_days": 0.0, "basket": 0.0, "recency_days": 0.0, SHARE + "FUEL": 0.0, SHARE + "MEAT": 0.0}


def profile(**difference: float) -> Profile:
    return Profile(customers=1, share=0.1, revenue_share=0.1, mean={}, overall={}, difference=USUAL | difference)


@pytest.mark.parametrize(
    ("difference", "name"),
    [
        ({"purchase_days": 1.2, "basket": 0.9}, "Frequent, big baskets"),
        ({"purchase_days": -0.8, SHARE + "FUEL": 2.0}, "Occasional, much fuel"),
        ({"purchase_days": 0.1, "basket": -0.5, SHARE + "MEAT": -3.0}, "Regular, small baskets"),
        ({"purchase_days": -0.9, "recency_days": 2.0, "basket": 0.1}, "Occasional, long away"),
        (
            {"purchase_days": 0.9, "basket": 0.5, SHARE + "FUEL": 0.7, SHARE + "MEAT": 0.6},
            "Frequent, much fuel, much meat",
        ),
        ({}, "Regular"),
    ],
)
def test_names(difference: dict[str, float], name: str) -> None:
    assert words.names_of(USUAL | difference)[0] == name


def test_no_two_have_the_same_name() -> None:
    same = [profile(purchase_days=1.0, basket=0.9, recency_days=0.1) for _ in range(4)]
    names = named(same, {})
    assert names[:2] == ["Frequent, big baskets", "Frequent, big baskets, long away"]
    assert len(set(names)) == 4


def test_a_name_stays_while_its_words_hold() -> None:
    before = {0: "Frequent, big baskets", 1: "Occasional, much fuel"}
    still = named(
        [profile(purchase_days=0.3, basket=0.25), profile(purchase_days=-1.0, **{SHARE + "FUEL": 0.3})], before
    )
    assert still == ["Frequent, big baskets", "Occasional, much fuel"]
    no_more = named([profile(purchase_days=0.1, basket=1.0), profile(purchase_days=-1.0, basket=-0.6)], before)
    assert no_more == ["Regular, big baskets", "Occasional, small baskets"]


def test_a_name_that_is_kept_is_not_given_to_another() -> None:
    both = [profile(purchase_days=1.0, basket=0.9, **{SHARE + "MEAT": 0.3}), profile(purchase_days=1.0, basket=0.9)]
    assert named(both, {1: "Frequent, big baskets"}) == ["Frequent, big baskets, much meat", "Frequent, big baskets"]


def test_words_that_are_not_ours_do_not_stay() -> None:
    assert not words.still_fits("Whales", USUAL)
    assert not words.still_fits("Frequent, whales", USUAL | {"purchase_days": 2.0})
    assert not words.still_fits("Much toys", USUAL)  # a department that is no longer told apart


@given(st.dictionaries(st.sampled_from([*USUAL, "evening_share", "weekend_share", "discount_share"]), st.floats(-3, 3)))
def test_each_name_is_true_of_what_it_was_given_for(difference: dict[str, float]) -> None:
    for name in words.names_of(difference):
        strong = {c: d for c, d in difference.items() if abs(d) >= 0.2}
        if all(abs(d) >= 0.2 for d in difference.values()):
            assert words.still_fits(name, strong)


def test_descriptions_by_hand() -> None:
    overall = {"purchase_days": 52.0, "basket": 30.0, SHARE + "FUEL": 0.05, "recency_days": 21.0, "kids": 0.6}
    mean = {"purchase_days": 161.2, "basket": 30.2, SHARE + "FUEL": 0.18, "recency_days": 3.2, "kids": 1.26}
    text = words.describe(mean, overall, {"purchase_days": 2.0, SHARE + "FUEL": 1.3, "recency_days": -0.4, "kids": 0.3})
    assert text == (
        "They buy 3.1 times as often as the average and spend about as much each time. "
        "18 % of their spending is fuel (all: 5 %). They were last here 3 days ago (all: 21)."
    )


def test_profiles_by_hand() -> None:
    frame = cleaned(customers(200))
    labels = (frame["revenue"] > frame["revenue"].median()).to_numpy().astype(np.int64)
    low, high = profiles_of(frame, labels)
    rich = frame[labels == 1]
    assert (high.customers, high.share) == (100, 0.5)
    assert high.revenue_share == pytest.approx(rich["revenue"].sum() / frame["revenue"].sum())
    assert high.mean["revenue"] == pytest.approx(rich["revenue"].mean())
    assert high.overall["revenue"] == pytest.approx(frame["revenue"].mean())
    sd = frame["revenue"].std(ddof=0)
    assert high.difference["revenue"] == pytest.approx((rich["revenue"].mean() - frame["revenue"].mean()) / sd)
    assert low.revenue_share + high.revenue_share == pytest.approx(1)


def test_of_what_is_known_of_few_nothing_is_told() -> None:
    frame = cleaned(customers(200, known=0.0))
    frame.loc[:9, "age"] = 30.0
    frame["lines"] = 1.0
    found = profiles_of(frame, np.zeros(200, dtype=np.int64))[0]
    assert not {"age", "kids"} & set(found.mean)
    assert found.difference["lines"] == 0
    assert np.isfinite(list(found.mean.values()) + list(found.difference.values())).all()
