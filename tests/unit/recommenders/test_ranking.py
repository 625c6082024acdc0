"""Lists of products: against a slow and simple computation, and for the customers that are out of the ordinary."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from marketflow.recommenders.measures import list_quality
from marketflow.recommenders.purchases import Purchases
from marketflow.recommenders.ranking import Ranking, popularity, rank_products


def simple(bought: np.ndarray, interest: np.ndarray, gain: np.ndarray, popular: np.ndarray, k: int) -> list:
    """The formula, product by product."""
    raised = 0.03 * interest @ gain
    lists = []
    for c in range(len(bought)):
        scores = {}
        for p in np.flatnonzero(bought[c] == 0):
            without = bought[:, p] == 0
            scores[p] = popular[p] * (1 + raised[c, p]) / (1 + raised[without, p].mean())
        lists.append(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k])
    return lists


def test_equal_to_the_formula() -> None:
    rng = np.random.default_rng(11)
    bought = (rng.random((700, 40)) < 0.2).astype(int)  # more customers than one block
    interest = bought * rng.random(bought.shape)
    gain = np.where(rng.random((40, 40)) < 0.1, rng.random((40, 40)) * 9, 0) * (1 - np.eye(40))
    popular = bought.mean(axis=0)
    ranking = ranked(bought, interest, gain, popular, k=5)
    for c, expected in enumerate(simple(bought, interest, gain, popular, 5)):
        assert ranking.product[c].tolist() == [p for p, _ in expected]
        assert ranking.score[c] == pytest.approx([s for _, s in expected])


def test_the_reason_is_the_purchase_whose_rule_adds_most() -> None:
    bought = np.array([[1, 1, 0, 0], [0, 0, 1, 0]])
    gain = np.zeros((4, 4))
    gain[0, 2], gain[1, 2] = 10, 30
    ranking = ranked(bought, bought * 1.0, gain, np.full(4, 0.5), k=2)
    assert ranking.product[0].tolist() == [2, 3]
    assert ranking.because[0].tolist() == [1, -1]  # product 3 has no rule: it is there for its popularity


def test_a_slight_raise_is_no_reason() -> None:
    gain = np.zeros((2, 2))
    gain[0, 1] = 3  # 0.03 * 3 = 9 %
    assert ranked(np.array([[1, 0]]), np.array([[1.0, 0]]), gain, np.full(2, 0.5), k=1).because[0, 0] == -1


def test_newcomers_get_what_is_popular_and_who_has_everything_gets_nothing() -> None:
    bought = np.array([[0, 0, 0], [1, 1, 1]])
    ranking = ranked(bought, bought * 1.0, np.zeros((3, 3)), np.array([0.1, 0.9, 0.5]), k=2)
    assert ranking.product.tolist() == [[1, 2], [-1, -1]]
    assert (ranking.because == -1).all()


def test_a_list_longer_than_the_catalogue_is_short() -> None:
    ranking = ranked(np.array([[1, 0]]), np.array([[1.0, 0]]), np.zeros((2, 2)), np.array([0.9, 0.5]), k=5)
    assert ranking.product.tolist() == [[1, -1, -1, -1, -1]]


def test_one_of_a_kind_while_there_are_kinds() -> None:
    popular = np.array([0.9, 0.8, 0.7, 0.6])
    kinds = np.array([5, 5, 6, 6])
    nobody, nothing = np.zeros((1, 4)), np.zeros((4, 4))
    assert ranked(nobody, nobody, nothing, popular, k=2, kinds=kinds).product.tolist() == [[0, 2]]
    assert ranked(nobody, nobody, nothing, popular, k=3, kinds=kinds).product.tolist() == [[0, 2, 1]]
    has_first = np.array([[1, 0, 0, 0]])
    assert ranked(has_first, nobody, nothing, popular, k=3, kinds=kinds).product.tolist() == [[1, 2, 3]]


def test_no_customers_and_no_products() -> None:
    assert ranked(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((3, 3)), np.ones(3), k=2).product.shape == (0, 2)
    assert (
        ranked(np.zeros((2, 0)), np.zeros((2, 0)), np.zeros((0, 0)), np.ones(0), k=2).product.tolist() == [[-1, -1]] * 2
    )


def test_quality_by_hand() -> None:
    wanted = sp.csr_array(np.array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]))
    lists = np.array([[3, 1], [1, 2], [0, 1]])
    # first: a hit at place 2 of two wanted; second: none; third: wanted nothing and does not count
    gain = 1 / np.log2(3)
    expected = gain / (1 + gain) / 2
    assert list_quality(lists, wanted) == {"hr_at_10": 0.5, "ndcg_at_10": round(expected, 4), "customers": 2}
    nothing = sp.csr_array((3, 4), dtype=int)
    assert list_quality(lists, nothing) == {"hr_at_10": None, "ndcg_at_10": None, "customers": 0}


def test_purchases_as_of_an_earlier_day_know_nothing_later() -> None:
    lines = purchases()
    past = lines.until(28)
    assert past.age.tolist() == [2]
    assert past.orders == 1
    assert past.bought.toarray().tolist() == [[0, 1], [0, 0]]
    assert lines.since(28).bought.toarray().tolist() == [[1, 0], [0, 0]]


def test_guests_fill_baskets_and_have_no_list() -> None:
    lines = purchases()
    assert lines.baskets.toarray().tolist() == [[1, 0], [1, 0], [0, 1]]  # twice in a basket is in it
    assert lines.bought.toarray().tolist() == [[1, 1], [0, 0]]


def test_popularity_is_of_all_customers_and_the_newest_weeks() -> None:
    assert popularity(purchases(), None).tolist() == [0.5, 0.5]
    assert popularity(purchases()).tolist() == pytest.approx([0.5 + 0.0005, 0.0005])


def purchases() -> Purchases:
    """One customer (row 0) bought product 0 twice today and product 1 thirty days ago; a guest bought product 0."""
    return Purchases(
        basket=np.array([11, 11, 12, 13]),
        customer=np.array([0, 0, -1, 0]),
        product=np.array([0, 0, 0, 1]),
        age=np.array([0, 0, 5, 30]),
        customers=np.array([101, 102]),
        products=np.array([7, 8]),
        kinds=np.array([1, 2]),
        order_ages=np.array([0, 5, 30]),
    )


def ranked(
    bought: np.ndarray,
    interest: np.ndarray,
    gain: np.ndarray,
    popular: np.ndarray,
    *,
    k: int,
    kinds: np.ndarray | None = None,
) -> Ranking:
    matrices = (sp.csr_array(bought), sp.csr_array(interest), sp.csr_array(gain))
    return rank_products(*matrices, popular, k=k, kinds=kinds, rule_weight=0.03)
