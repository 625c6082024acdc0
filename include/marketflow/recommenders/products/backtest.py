"""The latest four weeks, looked at once: the lists beside simple ones, for all customers and by how much they buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketflow.recommenders.products.learning import HORIZON_DAYS, Shop, Snapshot, Snapshots
from marketflow.recommenders.products.lists import as_table, together
from marketflow.recommenders.products.measures import LENGTH, Quality, interval_of_difference, quality
from marketflow.warehouse import Score

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Tables = dict[str, NDArray[np.int64]]

_PEOPLE = 40
_NEW = 3  # visits: whoever has fewer is new
AGAIN, NEVER = "with repeats", "never bought"
VARIED = "ours, each name once"  # as lists are shown
_USER_BASED = f"user-based, {_PEOPLE} neighbours"  # by log(1 + purchases), which is better than by plain counts
_OWN = {"own top products": "baskets", "own top products, older purchases fading": "faded_120"}
_ALONE = {"matrix factorisation": "factors", "content": "words", "popularity by segment": "in_group"}
TO_BEAT = {AGAIN: "own top products", NEVER: _USER_BASED}
"""The list of each task whose NDCG decides."""


def measure(snapshots: Snapshots) -> tuple[tuple[Score, ...], dict[str, Any]]:
    """(scores, facts) of lists learnt until four weeks ago on what customers bought since.

    Two tasks, all customers who bought something that counts: anything that may be proposed (`with repeats`), where the
    blended list decides beside the customer's own top products; and what they had never bought, beside user-based
    collaborative filtering with 40 neighbours. Raises NotEnoughData where the history is too short.
    """
    rankers = snapshots.rankers(HORIZON_DAYS)
    last = snapshots.of(HORIZON_DAYS)
    chances = rankers.again.score(last.again), rankers.discover.score(last.discover)
    blended = together((last.again, chances[0]), (last.discover, chances[1]))
    tables = _simple(last, snapshots.shop)
    for task, scored in ((AGAIN, blended), (NEVER, (last.discover, chances[1]))):
        varied = {VARIED: as_table(*scored, LENGTH, snapshots.shop.catalogue.kinds)}
        tables[task] = {"ours": as_table(*scored, LENGTH), **varied, **tables[task]}
    wanted = {AGAIN: last.wanted, NEVER: _never_bought(last)}
    share = last.known.buyers / max(last.known.customers, 1)
    found = {
        task: {name: quality(lists, wanted[task], share) for name, lists in tables[task].items()} for task in tables
    }
    scores = tuple(score for task, each in found.items() for score in _scores(task, each, snapshots.shop.seed))
    return scores, {"lists": {task: _words(each, last, snapshots.shop.seed) for task, each in found.items()}}


def _simple(last: Snapshot, shop: Shop) -> dict[str, Tables]:
    """What is easily made, by task: the baselines' lists, and those of each model alone.

    All choose among the same products, those that may be proposed. Matrix factorisation and content put our candidates
    in order; the others choose from everything.
    """
    import numpy as np

    lists: dict[str, Tables] = {AGAIN: {}, NEVER: {}}
    for name, (left, right) in _products_of(last, shop).items():
        for task, own in ((AGAIN, None), (NEVER, last.history.bought)):
            best = shop.engine.top_n(left, right, LENGTH, exclude=own)
            lists[task][name] = best.columns.astype(np.int64)
    for name, sign in _OWN.items():
        lists[AGAIN][name] = as_table(last.again, np.asarray(last.again.signs[sign], dtype=float), LENGTH)
    for name, sign in _ALONE.items():
        lists[NEVER][name] = as_table(last.discover, np.asarray(last.discover.signs[sign], dtype=float), LENGTH)
    return lists


def _products_of(last: Snapshot, shop: Shop) -> dict[str, tuple[sp.csr_array, sp.csr_array]]:
    """Two matrices for each method, whose product is every customer's score for every product."""
    import numpy as np
    import scipy.sparse as sp

    history, known, engine = last.history, last.known, shop.engine
    may = sp.diags_array(shop.catalogue.proposable.astype(np.float32), format="csr")
    everybody = sp.csr_array(np.ones((history.customers, 1), dtype=np.float32))
    interest, counts = history.interest(), history.counted()
    logs = counts.copy()
    logs.data = np.log1p(logs.data)
    return {
        "popularity": (everybody, sp.csr_array(known.popular[28][None, :]) @ may),
        _USER_BASED: (engine.neighbours(logs, _PEOPLE), interest @ may),
        f"{_USER_BASED}, plain counts": (engine.neighbours(counts, _PEOPLE), history.bought @ may),
        "item-based": (interest, known.alike),
    }


def _never_bought(last: Snapshot) -> sp.csr_array:
    import scipy.sparse as sp

    wanted = sp.csr_array(last.wanted - last.wanted * last.history.bought)
    wanted.eliminate_zeros()
    return wanted


def _scores(task: str, found: dict[str, Quality], seed: int) -> list[Score]:
    """The baseline that is to be beaten comes first; the NDCG decides, of both our lists: in order, and as shown."""
    first = TO_BEAT[task]
    others = [first, *(name for name in found if name not in {"ours", VARIED, first})]

    def score(ours: str, metric: str, attribute: str, baseline: str) -> Score:
        return Score(
            metric=metric,
            ours=found[ours].mean(attribute),
            baseline=baseline,
            baseline_value=found[baseline].mean(attribute),
            split=f"the last {HORIZON_DAYS} days held out, learnt on earlier weeks only; customers who bought in them",
            higher_is_better=True,
            seed=seed,
            decides=baseline == first and attribute == "ndcg",
        )

    measures = (("ndcg", "ndcg"), ("hr", "hit"))
    return [
        *(
            score("ours", f"{name}_at_{LENGTH}, {task}", attribute, each)
            for each in others
            for name, attribute in measures
        ),
        score(VARIED, f"ndcg_at_{LENGTH}, {task}, each name once", "ndcg", first),
    ]


def _words(found: dict[str, Quality], last: Snapshot, seed: int) -> dict[str, Any]:
    """All measures of all lists, by how much the customers buy, and how sure the difference to each list is."""
    import numpy as np

    _, one = np.unique(last.history.basket, return_index=True)
    visits = np.bincount(last.history.customer[one], minlength=last.history.customers)
    regular = visits[visits >= _NEW]
    middle = float(np.median(regular)) if len(regular) else 0.0
    who = {
        "all": np.ones(len(visits), dtype=bool),
        "new": visits < _NEW,
        "light": (visits >= _NEW) & (visits <= middle),
        "heavy": (visits >= _NEW) & (visits > middle),
    }
    return {
        name: {
            "coverage": round(each.coverage, 4),
            "novelty": round(each.novelty, 2),
            **{
                group: _of_group(each, None if name == "ours" else found["ours"], among, seed)
                for group, among in who.items()
            },
        }
        for name, each in found.items()
    }


def _of_group(each: Quality, ours: Quality | None, among: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    inside = among[each.customer]
    apart = None if ours is None else interval_of_difference(ours.ndcg[inside], each.ndcg[inside], seed=seed)
    return {
        "customers": int(inside.sum()),
        **{metric: each.mean(metric, among) for metric in ("hit", "ndcg", "recall")},
        "ndcg_minus_this": apart,
    }
