"""What a customer may like that she never bought: candidates from four sides, and what speaks for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.recommenders.products.candidates import Candidates, is_first, single
from marketflow.recommenders.products.catalogue import GROUPS
from marketflow.recommenders.products.knowledge import NEW_WINDOWS, WINDOWS

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines import Best, Engine
    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.history import History
    from marketflow.recommenders.products.knowledge import Knowledge

_EACH = 30  # candidates from each side; 60 were no better on earlier weeks, and twice the work
_SCORED = 150  # so far down a side's list its score is known; 0 below
_PEOPLE = 100  # customers who buy alike
_DEEP = 600  # products of a group of customers, or of a type, that are looked at
_PER_TYPE = 20
_ROWS = 65_536  # entries whose vectors are multiplied at a time


def new_products(
    history: History, catalogue: Catalogue, known: Knowledge, group: NDArray[np.int64], *, engine: Engine
) -> Candidates:
    """Products that each customer never bought, from those who buy alike, products bought alike, her types, her group.

    `group`: the number of each customer's group, as in `know`. A customer without purchases gets her group's.
    """
    import numpy as np

    interest = history.interest()
    sides = _sides(history, catalogue, known, group, engine)
    width = history.products
    key = _distinct(np.concatenate([_keys(best, width, _EACH) for best in sides.values()]))
    customer, product = key // width, key % width
    signs: dict[str, NDArray[np.generic]] = {}
    for name in ("items", "people"):
        score = _looked_up(sides[name], width, key)
        signs[name] = score
        signs[f"{name}_relative"] = score / np.maximum(sides[name].scores[:, 0][customer], 1e-9)
    signs["factors"] = _along(interest @ known.factors, known.factors, customer, product)
    signs["words"] = _along(_unit(interest @ catalogue.meaning), catalogue.meaning, customer, product)
    for name in GROUPS:
        signs[f"own_{name}"] = _affinity(interest, catalogue.groups[name], customer, product)
    signs |= {f"popular_{days}": known.popular[days][product] for days in WINDOWS}
    signs |= {f"new_{days}": known.new[days][product] for days in NEW_WINDOWS}
    signs |= {"buyers": known.buyers[product], "again": known.again[product], "depth": known.depth[product]}
    signs["new_share"] = known.new[28][product] / (known.popular[28][product] + 1e-4)
    signs["in_group"] = known.by_group[group[customer], product]
    signs |= _of_customers(history, customer)
    return Candidates(customer=customer, product=product, signs=single(signs), customers=history.customers)


def _distinct(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """In order, each once: by sorting; `numpy.unique` hashes, which takes a hundred times as long for keys so close."""
    import numpy as np

    ordered = np.sort(key)
    return ordered[is_first(ordered)]


def _sides(
    history: History, catalogue: Catalogue, known: Knowledge, group: NDArray[np.int64], engine: Engine
) -> dict[str, Best]:
    import numpy as np
    import scipy.sparse as sp

    interest = history.interest()
    may = sp.diags_array(catalogue.proposable.astype(np.float32), format="csr")
    people = engine.neighbours(interest, _PEOPLE, among=known.others)
    rows = (np.ones(len(group), dtype=np.float32), (np.arange(len(group)), group))
    of_group = sp.csr_array(sp.coo_array(rows, shape=(len(group), len(known.by_group))))
    by_group = _largest(known.by_group * catalogue.proposable, _DEEP)
    kind = catalogue.groups["type"]
    types, fresh = _types(interest, kind), _fresh(kind, known.new[28] * catalogue.proposable)
    bought = history.bought
    return {
        "items": engine.top_n(interest, known.alike, _SCORED, exclude=bought),
        "people": engine.top_n(people, known.others_bought @ may, _SCORED, exclude=bought),
        "group": engine.top_n(of_group, by_group, _EACH, exclude=bought),
        "types": engine.top_n(types, fresh, _EACH, exclude=bought),
    }


def _largest(values: NDArray[np.float32], most: int) -> sp.csr_array:
    """The `most` largest of each row."""
    import numpy as np
    import scipy.sparse as sp

    most = min(most, values.shape[1])
    if most == 0:
        return sp.csr_array(values.shape, dtype=np.float32)
    columns = np.argpartition(-values, most - 1, axis=1)[:, :most]
    row = np.repeat(np.arange(len(values)), most)
    kept = np.take_along_axis(values, columns, axis=1).ravel()
    return sp.csr_array(sp.coo_array((kept, (row, columns.ravel())), shape=values.shape))


def _types(interest: sp.csr_array, kind: NDArray[np.int64]) -> sp.csr_array:
    """Customers x types: the share of her interest."""
    import numpy as np
    import scipy.sparse as sp

    of_type = sp.csr_array(
        sp.coo_array(
            (np.ones(len(kind), dtype=np.float32), (np.arange(len(kind)), kind)),
            shape=(len(kind), int(kind.max(initial=0)) + 1),
        )
    )
    return interest @ of_type


def _fresh(kind: NDArray[np.int64], new: NDArray[np.float32]) -> sp.csr_array:
    """Types x products: the products of each type that most customers have found lately, at most 20."""
    import numpy as np
    import scipy.sparse as sp

    from marketflow.recommenders.products.candidates import places

    some = np.flatnonzero(new > 0)
    near = some[places(kind[some], some, new[some]) < _PER_TYPE]
    shape = (int(kind.max(initial=0)) + 1, len(kind))
    return sp.csr_array(sp.coo_array((new[near], (kind[near], near)), shape=shape))


def _keys(best: Best, width: int, most: int) -> NDArray[np.int64]:
    """customer * width + product of the first `most` of each list."""
    import numpy as np

    columns = best.columns[:, :most]
    row = np.nonzero(columns >= 0)[0]
    return row * width + columns[columns >= 0]


def _looked_up(best: Best, width: int, key: NDArray[np.int64]) -> NDArray[np.float32]:
    import numpy as np

    known = _keys(best, width, best.columns.shape[1])
    order = np.argsort(known, kind="stable")
    if len(order) == 0:
        return np.zeros(len(key), dtype=np.float32)
    place = order[np.minimum(np.searchsorted(known, key, sorter=order), len(known) - 1)]
    scores = best.scores[best.columns >= 0]
    return np.where(known[place] == key, scores[place], 0).astype(np.float32)


def _along(
    left: NDArray[np.float32], right: NDArray[np.float32], customer: NDArray[np.int64], product: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The product of each customer's vector and each product's."""
    import numpy as np

    found = np.zeros(len(customer), dtype=np.float32)
    for start in range(0, len(customer), _ROWS):
        part = slice(start, start + _ROWS)
        found[part] = np.einsum("ij,ij->i", left[customer[part]], right[product[part]])
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _affinity(
    interest: sp.csr_array, group: NDArray[np.int64], customer: NDArray[np.int64], product: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of the customer's interest that went to the product's group."""
    import numpy as np

    width = int(group.max(initial=0)) + 1
    row = np.repeat(np.arange(interest.shape[0]), np.diff(interest.indptr))
    known, of = np.unique(row * width + group[interest.indices], return_inverse=True)
    if len(known) == 0:
        return np.zeros(len(customer))
    total = np.bincount(of, weights=interest.data)
    everything = np.bincount(row, weights=interest.data, minlength=interest.shape[0])
    key = customer * width + group[product]
    place = np.minimum(np.searchsorted(known, key), len(known) - 1)
    return np.where(known[place] == key, total[place], 0) / np.maximum(everything[customer], 1e-9)


def _of_customers(history: History, customer: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    import numpy as np

    rows = history.customers
    _, one = np.unique(history.basket, return_index=True)
    who, age = history.customer[one], history.age[one]
    first = np.zeros(len(history.pairs), dtype=np.int64)
    np.maximum.at(first, history.pairs.line, history.age)
    return {
        "visits": np.bincount(who, minlength=rows)[customer],
        "visits_28": np.bincount(who, weights=age < 28, minlength=rows)[customer],
        "own_products": np.bincount(history.pairs.customer, minlength=rows)[customer],
        "found_28": np.bincount(history.pairs.customer, weights=first < 28, minlength=rows)[customer],
    }
