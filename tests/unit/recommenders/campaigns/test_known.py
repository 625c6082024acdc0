"""What counts as an answer, and what was known on a day."""

from __future__ import annotations

import numpy as np

from marketflow.recommenders.campaigns.known import NEVER, answered_on
from unit.recommenders.campaigns.small_world import answers, campaigns, first_answered


def test_coupons_go_before_clicks_and_clicks_before_purchases() -> None:
    offered = campaigns([1, 1, 1], has_coupons=np.array([True, False, False]))
    given = answers(
        [(0, 0, 1, 5), (1, 0, 1, NEVER), (0, 1, 1, NEVER), (1, 1, 1, NEVER), (0, 2, 1, NEVER)],
        clicked=[2, 2, 3, NEVER, NEVER],
        bought=[2, 2, 2, 4, 6],
        opened=[2, 2, 2, 2, 2],
    )
    # the second campaign was clicked by somebody, so that the other one's purchase is no answer
    offered = first_answered(offered, given)
    assert answered_on(given, offered, 10).tolist() == [5, NEVER, 3, NEVER, 6]


def test_what_counts_as_an_answer_is_said_by_everybody_and_by_the_day() -> None:
    given = answers([(0, 0, 1, NEVER), (1, 1, 1, NEVER)], bought=[3, 3], clicked=[NEVER, NEVER])
    # others, who are not among these customers, clicked on the first campaign and redeemed a coupon of the second
    offered = campaigns([1, 1], coupons=False, clicked=np.array([8, NEVER]), redeemed=np.array([NEVER, 12]))
    for day, expected in ((8, [3, 3]), (9, [NEVER, 3]), (12, [NEVER, 3]), (13, [NEVER, NEVER])):
        assert answered_on(given, offered, day).tolist() == expected, day


def test_what_happens_on_the_day_itself_is_not_known_yet() -> None:
    given = answers([(0, 0, 4, 9), (1, 0, 4, 10), (2, 0, 10, 12)])
    before = given.before(10)
    assert before.customer.tolist() == [0, 1]
    assert before.redeemed.tolist() == [9, NEVER]
    assert given.redeemed.tolist() == [9, 10, 12], "what was given is left as it was"
