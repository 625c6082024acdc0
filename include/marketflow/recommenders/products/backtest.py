"""The latest four weeks, looked at once: the lists beside simple ones, for all customers and by how much they buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketflow.recommenders.products.learning import HORIZON_DAYS, Snapshot, Snapshots
from marketflow.recommenders.products.lists import as_table, together
from marketflow.recommenders.products.measures import LENGTH, Quality, interval_of_difference, quality
from marketflow.warehouse import Score

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines import Engine

    Tables = dict[str, NDArray[np.int64]]

_PEOPLE = 40
_NEW = 3  # visits: whoever has fewer is new
AGAIN, NEVER = "with repeats", "never bought"


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
    simple = _simple(last, snapshots.shop.engine)
    tables: dict[str, Tables] = {
        AGAIN: {
            "ours": as_table(*blended, LENGTH),
            **{name: simple[name] for name in ("own top products", "popularity")},
        },
        NEVER: {"ours": as_table(last.discover, chances[1], LENGTH), **_without_own(simple)},
    }
    wanted = {AGAIN: last.wanted, NEVER: _never_bought(last)}
    share = last.known.buyers / max(last.known.customers, 1)
    found = {
        task: {name: quality(lists, wanted[task], share) for name, lists in tables[task].items()} for task in tables
    }
    scores = tuple(score for task, each in found.items() for score in _scores(task, each, snapshots.shop.seed))
    return scores, {"lists": {task: _words(each, last, snapshots.shop.seed) for task, each in found.items()}}


def _simple(last: Snapshot, engine: Engine) -> Tables:
    """What is easily made: the lists of the baselines and of each model alone."""
    import numpy as np
    import scipy.sparse as sp

    history, known = last.history, last.known
    everybody = sp.csr_array(np.ones((history.customers, 1), dtype=np.float32))
    popular = sp.csr_array(known.popular[28][None, :])
    like_me = engine.neighbours(history.counted(), _PEOPLE)
    bought = history.bought
    table = {
        "popularity": engine.top_n(everybody, popular, LENGTH),
        "popularity, never bought": engine.top_n(everybody, popular, LENGTH, exclude=bought),
        f"user-based, {_PEOPLE} neighbours": engine.top_n(like_me, bought, LENGTH, exclude=bought),
        "item-based": engine.top_n(history.interest(), known.alike, LENGTH, exclude=bought),
    }
    lists: Tables = {name: best.columns.astype(np.int64) for name, best in table.items()}
    lists["own top products"] = as_table(last.again, np.asarray(last.again.signs["baskets"], dtype=float), LENGTH)
    for sign in ("factors", "words", "in_group"):
        lists[_NAMES[sign]] = as_table(last.discover, np.asarray(last.discover.signs[sign], dtype=float), LENGTH)
    return lists


_NAMES = {"factors": "matrix factorisation", "words": "content", "in_group": "popularity by segment"}


def _without_own(simple: Tables) -> Tables:
    lists = {name: table for name, table in simple.items() if name not in {"own top products", "popularity"}}
    lists["popularity"] = lists.pop("popularity, never bought")
    return lists


def _never_bought(last: Snapshot) -> sp.csr_array:
    import scipy.sparse as sp

    wanted = sp.csr_array(last.wanted - last.wanted * last.history.bought)
    wanted.eliminate_zeros()
    return wanted


def _scores(task: str, found: dict[str, Quality], seed: int) -> list[Score]:
    """The baseline that the issue of a list decides on comes first and decides by its NDCG."""
    first = "own top products" if task == AGAIN else f"user-based, {_PEOPLE} neighbours"
    others = [first, *(name for name in found if name not in {"ours", first})]
    return [
        Score(
            metric=f"{name}_at_{LENGTH}, {task}",
            ours=found["ours"].mean(attribute),
            baseline=baseline,
            baseline_value=found[baseline].mean(attribute),
            split=f"the last {HORIZON_DAYS} days held out, learnt on earlier weeks only; customers who bought in them",
            higher_is_better=True,
            seed=seed,
            decides=baseline == first and name == "ndcg",
        )
        for baseline in others
        for name, attribute in (("ndcg", "ndcg"), ("hr", "hit"))
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
    ours = found["ours"]
    return {
        name: {
            "coverage": round(each.coverage, 4),
            "novelty": round(each.novelty, 2),
            "ndcg_minus_this": None if name == "ours" else interval_of_difference(ours.ndcg, each.ndcg, seed=seed),
            **{
                group: {
                    "customers": int(among[each.customer].sum()),
                    **{metric: each.mean(metric, among) for metric in ("hit", "ndcg", "recall")},
                }
                for group, among in who.items()
            },
        }
        for name, each in found.items()
    }
