"""What a customer buys again: candidates are her own products, signs are how often, how lately, and what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.recommenders.products.candidates import Candidates, places, single

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.history import History
    from marketflow.recommenders.products.knowledge import Knowledge

_MOST = 150  # of a customer's own products, by purchases that fade with half of them forgotten after so many days:
_HALF_LIFE = 120
_FAR = 9_999  # days: never


def own_products(history: History, catalogue: Catalogue, known: Knowledge) -> Candidates:
    """Each customer's own products that may be proposed, at most 150, with their signs.

    `gap_days`: mean days between two purchases; `due`: days since the last over that gap, above 1 is overdue.
    """
    import numpy as np

    pairs, age = history.pairs, history.age
    size = len(pairs)

    def total(weight: NDArray[np.generic] | None = None) -> NDArray[np.float64]:
        return np.bincount(pairs.line, weights=weight, minlength=size).astype(float)

    count = total()
    last, first = np.full(size, _FAR), np.zeros(size)
    np.minimum.at(last, pairs.line, age)
    np.maximum.at(first, pairs.line, age)
    gap = np.where(count > 1, np.maximum(first - last, 1) / np.maximum(count - 1, 1), np.nan)
    faded = {days: total(np.exp2(-age / days)) for days in (15, 40, 120)}
    may = np.flatnonzero(catalogue.proposable[pairs.product])
    kept = may[places(pairs.customer[may], pairs.product[may], faded[_HALF_LIFE][may]) < _MOST]

    signs: dict[str, NDArray[np.float32]] = {}

    def note(**values: NDArray[np.generic]) -> None:  # at once only of those kept, since there are many more
        signs.update(single({name: each[kept] for name, each in values.items()}))

    note(baskets=count, baskets_28=total(age < 28), baskets_91=total(age < 91))
    note(**{f"faded_{days}": values for days, values in faded.items()})
    note(last_days=last, first_days=first, gap_days=gap, due=last / gap)
    note(**_of_products(pairs.product, known))
    note(**_of_customers(history, pairs.customer, count))
    for name in ("type", "category"):
        note(**_of_group(name, history, catalogue, count, faded[40]))
    return Candidates(
        customer=pairs.customer[kept], product=pairs.product[kept], signs=signs, customers=history.customers
    )  # fmt: skip


def _of_products(product: NDArray[np.int64], known: Knowledge) -> dict[str, NDArray[np.generic]]:
    trend = (known.popular[28] * known.customers + 1) / (known.popular[91] * known.customers / 3 + 1)
    return {
        "buyers": known.buyers[product],
        "again": known.again[product],
        "depth": known.depth[product],
        "popular_7": known.popular[7][product],
        "popular_28": known.popular[28][product],
        "trend": trend[product],
    }


def _of_customers(
    history: History, customer: NDArray[np.int64], count: NDArray[np.float64]
) -> dict[str, NDArray[np.generic]]:
    import numpy as np

    _, one = np.unique(history.basket, return_index=True)
    who, age, rows = history.customer[one], history.age[one], history.customers
    visits = np.bincount(who, minlength=rows)
    last = np.full(rows, _FAR)
    np.minimum.at(last, who, age)
    size = np.bincount(history.customer, minlength=rows) / np.maximum(visits, 1)
    return {
        "visits": visits[customer],
        "visits_28": np.bincount(who, weights=age < 28, minlength=rows)[customer],
        "last_visit_days": last[customer],
        "basket_size": size[customer],
        "share": count / visits[customer],
    }


def _of_group(
    name: str, history: History, catalogue: Catalogue, count: NDArray[np.float64], faded: NDArray[np.float64]
) -> dict[str, NDArray[np.generic]]:
    """How often and how lately the customer bought anything of the product's type or category."""
    import numpy as np

    pairs, group = history.pairs, catalogue.groups[name]
    width = int(group.max(initial=0)) + 1
    key = pairs.customer * width + group[pairs.product]
    _, of = np.unique(key, return_inverse=True)
    total, lately = np.bincount(of, weights=count), np.bincount(of, weights=faded)
    last = np.full(len(total), _FAR)
    np.minimum.at(last, of[pairs.line], history.age)
    return {
        f"{name}_baskets": total[of],
        f"{name}_last_days": last[of],
        f"{name}_share": count / total[of],
        f"{name}_faded_share": faded / np.maximum(lately[of], 1e-9),
    }
