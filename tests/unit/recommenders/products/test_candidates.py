"""What is proposed to whom, and what speaks for it; strange customers and strange shops."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from marketflow.engines import engine
from marketflow.recommenders.products.again import own_products
from marketflow.recommenders.products.catalogue import Catalogue, catalogue_of
from marketflow.recommenders.products.discover import new_products
from marketflow.recommenders.products.history import History
from marketflow.recommenders.products.knowledge import Knowledge, know
from marketflow.recommenders.products.ranker import learn, lesson
from marketflow.shared import NotEnoughData


def catalogue(products: int, proposable: list[int] | None = None) -> Catalogue:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "product_id": np.arange(products) + 100,
            "type": [f"TYPE {n % 4}" for n in range(products)],
            "category": [f"CATEGORY {n % 2}" for n in range(products)],
            "brand": None,
            "department": "GROCERY",
            "name": [f"Thing {n}" for n in range(products)],
            "is_recommendable": [proposable is None or n in proposable for n in range(products)],
        }
    )
    return catalogue_of(frame, engine=engine(), seed=1)


def history(baskets: list[tuple[int, int, list[int]]], customers: int, products: int) -> History:
    """Of (customer, age in days, products)."""
    lines = [(c, p, b, age) for b, (c, age, inside) in enumerate(baskets) for p in inside]
    table = np.array(lines, dtype=np.int64).reshape(-1, 4)
    return History(
        customer=table[:, 0].astype(np.int32), product=table[:, 1].astype(np.int32), basket=table[:, 2],
        age=table[:, 3].astype(np.int32), customers=customers, products=products,
    )  # fmt: skip


def known(past: History, of: Catalogue) -> Knowledge:
    return know(past, of, np.zeros(past.customers, dtype=np.int64), 1, engine=engine(), seed=1)


def discovered(past: History, of: Catalogue) -> dict[int, set[int]]:
    found = new_products(past, of, known(past, of), np.zeros(past.customers, dtype=np.int64), engine=engine())
    assert np.isfinite(found.matrix()).all()
    # what several sides propose is one candidate
    assert (np.diff(found.customer * past.products + found.product) > 0).all()
    return {c: set(found.product[found.customer == c].tolist()) for c in range(past.customers)}


TWO_TASTES = [(c, age, [c % 2, 2 + c % 2, 4 + (c * 7 + age) % 4]) for c in range(20) for age in (3, 17, 40)]


def test_signs_of_own_products_by_hand() -> None:
    past = history([(0, 2, [1, 3]), (0, 12, [1]), (0, 32, [1]), (0, 40, [3])], customers=2, products=6)
    found = own_products(past, catalogue(6), known(past, catalogue(6)))
    assert list(zip(found.customer.tolist(), found.product.tolist(), strict=True)) == [(0, 1), (0, 3)]
    signs = {name: values.tolist() for name, values in found.signs.items()}
    assert signs["baskets"] == [3, 2]
    assert signs["baskets_28"] == [2, 1]
    assert signs["last_days"] == [2, 2]
    assert signs["gap_days"] == [15, 38]
    assert signs["due"] == [pytest.approx(2 / 15), pytest.approx(2 / 38)]
    assert signs["visits"] == [4, 4]
    assert signs["share"] == [0.75, 0.5]
    assert signs["category_baskets"] == [5, 5]  # both are of the odd category
    assert signs["category_share"] == pytest.approx([0.6, 0.4])


def test_after_one_purchase_nothing_is_due() -> None:
    past = history([(0, 2, [1])], customers=1, products=3)
    assert np.isnan(own_products(past, catalogue(3), known(past, catalogue(3))).signs["due"]).all()


def test_what_is_new_is_never_bought_and_may_be_proposed() -> None:
    past, of = history(TWO_TASTES, customers=21, products=9), catalogue(9, proposable=[0, 1, 2, 3, 4, 5, 6])
    found = discovered(past, of)
    bought = past.bought.toarray() > 0
    for customer, products in found.items():
        assert products, customer
        assert products <= {0, 1, 2, 3, 4, 5, 6} - set(np.flatnonzero(bought[customer]))
    assert 8 not in set().union(*found.values())  # nobody ever bought it, and it may not be proposed either


def test_a_customer_without_purchases_gets_what_is_popular() -> None:
    past, of = history(TWO_TASTES, customers=21, products=9), catalogue(9)
    assert len(discovered(past, of)[20]) >= 5
    assert 20 not in own_products(past, of, known(past, of)).customer


def test_a_customer_with_every_product_gets_nothing_new() -> None:
    everything = [(20, 5, list(range(9)))]
    found = discovered(history(TWO_TASTES + everything, customers=21, products=9), catalogue(9))
    assert found[20] == set()


def test_a_robot_that_buys_everything_links_nothing() -> None:
    products = 1_200
    plain = history(TWO_TASTES, customers=21, products=products)
    robot = history([*TWO_TASTES, (20, 1, list(range(products)))], customers=21, products=products)
    of = catalogue(products)
    before, after = known(plain, of), known(robot, of)
    assert (before.alike != after.alike).nnz == 0
    assert after.others.shape[0] == 20  # nobody is like it
    # it gets what is new to it, that is nothing, and no more of its own than anybody
    assert len(own_products(robot, of, after).only(own_products(robot, of, after).customer == 20)) == 150


@pytest.mark.parametrize(
    ("baskets", "customers", "products"),
    [
        ([], 3, 4),
        ([(0, 1, [0])], 1, 1),  # a catalogue of one
        ([(0, 1, [0])], 1, 5),
        ([(0, 0, list(range(300)))], 2, 300),  # a basket of all there is
    ],
)
def test_next_to_nothing(baskets: list[tuple[int, int, list[int]]], customers: int, products: int) -> None:
    past, of = history(baskets, customers, products), catalogue(products)
    bought = past.bought.toarray() > 0
    for customer, found in discovered(past, of).items():
        assert not found & set(np.flatnonzero(bought[customer]))
    assert len(own_products(past, of, known(past, of))) == min(bought.sum(), 150)


def test_features_of_a_day_do_not_see_what_came_after() -> None:
    of = catalogue(9)
    whole = history(TWO_TASTES, customers=21, products=9)
    cut = history([(c, age - 10, p) for c, age, p in TWO_TASTES if age >= 10], customers=21, products=9)
    for make in (own_products,):
        np.testing.assert_array_equal(
            make(whole.until(10), of, known(whole.until(10), of)).matrix(), make(cut, of, known(cut, of)).matrix()
        )
    group = np.zeros(21, dtype=np.int64)
    seen = [new_products(past, of, known(past, of), group, engine=engine()).matrix() for past in (whole.until(10), cut)]
    np.testing.assert_array_equal(*seen)


def test_a_ranker_learns_what_was_bought_and_says_how_likely() -> None:
    from marketflow.recommenders.products.candidates import Candidates

    rng = np.random.default_rng(1)
    size = 30_000
    sign = rng.random(size).astype(np.float32)
    bought = rng.random(size) < 0.1 * sign
    found = Candidates(
        customer=np.arange(size), product=np.zeros(size, dtype=np.int64), signs={"sign": sign}, customers=size
    )
    ranker = learn([lesson(found, bought, seed=1)], seed=1)
    score = ranker.score(found)
    assert score.mean() == pytest.approx(bought.mean(), rel=0.1)  # though most of those not bought were left out
    assert score[sign > 0.9].mean() > 3 * score[sign < 0.3].mean()


def test_a_ranker_without_purchases_is_refused() -> None:
    past, of = history(TWO_TASTES, customers=21, products=9), catalogue(9)
    found = own_products(past, of, known(past, of))
    nothing = found.bought(sp.csr_array((21, 9)))
    with pytest.raises(NotEnoughData, match="0 of 0 candidates"):
        learn([lesson(found, nothing, seed=1)], seed=1)
    with pytest.raises(NotEnoughData, match="are needed"):
        learn([], seed=1)
