"""Reasons are true, in words for a marketer, and never empty."""

from __future__ import annotations

import numpy as np

from marketflow.recommenders.campaigns.known import NEVER
from marketflow.recommenders.campaigns.reasons import reasons_of
from marketflow.recommenders.campaigns.signals import FAMILY_OF_SIGNAL, View
from unit.recommenders.campaigns.small_world import answers, campaigns, known, purchases

ALL = np.full((1, len(FAMILY_OF_SIGNAL)), 0.1)


def said(view: View, row: int, **raised: float) -> str:
    contributions = np.array([[raised.get(name, 0.0) for name in FAMILY_OF_SIGNAL]])
    (text,) = reasons_of(view, 2, np.array([row]), contributions)
    return text


def shop() -> View:
    got = [(0, 0, 0, 5), (0, 1, 30, NEVER), (1, 0, 0, 5), (2, 0, 0, NEVER)]
    bought = [(1, 0, 2, 50), (2, 0, 2, 0), (3, 0, 3, 0), (4, 0, 9, 10), (5, 2, 3, 0)]
    return View(known(4, campaigns([0, 30, 60]), answers(got), purchases(bought)), 60)


def test_the_weightiest_first_and_only_what_is_true() -> None:
    view = shop()
    words = said(view, 0, answers=0.5, coupon_days=0.4, offer_bought=0.6)
    assert words == "buys what it offers: Cheese; used coupons of 1 of the 2 campaigns received; used coupons on 2 days"
    assert said(view, 1, answers=0.5, coupon_days=9.0) == "used coupons of the campaign received"


def test_who_speaks_for_nothing_is_told_so() -> None:
    view = shop()
    assert said(view, 3, campaign_rate=3.0) == "nothing is known of this customer yet: ranked by how such campaigns did"
    assert said(view, 2, answers=1.0) == "buys some of what it offers: Juice"
    assert said(view, 1).startswith("ranked by how such campaigns did")


def test_no_more_than_three() -> None:
    (text,) = reasons_of(shop(), 2, np.array([0]), ALL)
    assert len(text.split("; ")) == 3
