"""A small shop: who received which campaign and answered it, and who bought what; made up, and the same each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from marketflow.recommenders.campaigns.known import NEVER, Answers, Campaigns, Known, Purchases


def campaigns(starts: list[int], *, coupons: bool = True, **other: Any) -> Campaigns:
    """Each runs 20 days; campaign n offers the products n and n + 1 of twenty."""
    n = len(starts)
    products = sp.csr_array((n, 20)).tolil()
    for place in range(n):
        products[place, [place % 20, (place + 1) % 20]] = 1
    values: dict[str, Any] = {
        "ids": np.arange(1, n + 1), "starts": np.array(starts), "ends": np.array(starts) + 20,
        "has_coupons": np.full(n, coupons), "clicked": np.full(n, NEVER), "redeemed": np.full(n, NEVER), "products": products.tocsr() if coupons else sp.csr_array((n, 20)),
        "traits": {"theme": ["even" if place % 2 == 0 else "odd" for place in range(n)]}, "texts": [""] * n,
    }  # fmt: skip
    return Campaigns(**{**values, **other})


def answers(rows: list[tuple[int, int, int, int]], **other: list[int]) -> Answers:
    """Of (customer, campaign, received, redeemed)."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    never = np.full(columns.shape[1], NEVER)
    values = {"opened": never, "clicked": never, "bought": never, "redeemed": columns[3]}
    values |= {name: np.array(days, dtype=np.int64) for name, days in other.items()}
    return Answers(customer=columns[0], campaign=columns[1], received=columns[2], **values)


def purchases(rows: list[tuple[int, int, int, int]]) -> Purchases:
    """Of (day, customer, product, coupon)."""
    columns = np.array(sorted(rows), dtype=np.int64).reshape(-1, 4).T
    return Purchases(day=columns[0], customer=columns[1], product=columns[2], coupon=columns[3])


def world(customers: int = 300, *, seed: int = 7, starts: tuple[int, ...] = (60, 90, 120, 150, 180, 210, 240)) -> Known:
    """A third of the customers like coupons: they use them in baskets, and answer campaigns."""
    rng = np.random.default_rng(seed)
    likes = rng.random(customers) < 1 / 3
    bought = [
        (day, customer, int(rng.integers(20)), int(rng.random() < (0.3 if likes[customer] else 0.03)) * 50)
        for customer in range(customers)
        for day in range(int(rng.integers(10)), 270, 10)
    ]
    got = []
    for place, start in enumerate(starts):
        for customer in np.flatnonzero(rng.random(customers) < 0.7).tolist():
            answered = rng.random() < (0.4 if likes[customer] else 0.03)
            got.append((customer, place, start, start + int(rng.integers(1, 20)) if answered else NEVER))
    return known(customers, campaigns(list(starts)), answers(got), purchases(bought))


def first_answered(offered: Campaigns, answered: Answers) -> Campaigns:
    """With the first days on which anybody of these customers clicked and redeemed."""
    days = np.full((2, len(offered)), NEVER)
    np.minimum.at(days[0], answered.campaign, answered.clicked)
    np.minimum.at(days[1], answered.campaign, answered.redeemed)
    return replace(offered, clicked=days[0], redeemed=days[1])


def known(customers: int, offered: Campaigns, answered: Answers, bought: Purchases) -> Known:
    """Twenty products in four categories and two brands; customer numbers from 1,000. Nobody else answered anything."""
    return Known(
        customers=np.arange(1_000, 1_000 + customers), campaigns=first_answered(offered, answered), answers=answered, purchases=bought,
        categories=np.arange(20) % 5 - 1, brands=np.arange(20) % 2,
        category_names=["Bread", "Cheese", "Juice", "Soup"], since=0,
    )  # fmt: skip
