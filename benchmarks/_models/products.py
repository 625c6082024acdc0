"""Products for customers on The Complete Journey: the last four weeks held out, looked at once.

Two settings. Of all products sold, which is how the figures of the literature and of other tools are made; and of those
that may be recommended, which is how the model itself decides whether it is better. Everything else is the same code
on the same customers: `marketflow.recommenders.products.backtest`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks._models.data import JOURNEY
from benchmarks._models.rows import Row
from marketflow.engines import engine
from marketflow.recommenders.products.backtest import AGAIN, NEVER, TO_BEAT, measure
from marketflow.recommenders.products.learning import HORIZON_DAYS, Shop, Snapshots
from marketflow.recommenders.products.read import read
from marketflow.recommenders.products.run import SEED
from marketflow.warehouse import connect

WINDOW_DAYS = 730
GROUPS = ("new", "light", "heavy")
METRICS = {"ndcg": "ndcg_at_10", "hit": "hr_at_10", "recall": "recall_at_10"}
_COUNTED = {
    AGAIN: "who bought any of them in the four weeks",
    NEVER: "who bought any of them for the first time in the four weeks",
}


def product_rows(dsn: str) -> list[Row]:
    """Rows of the evaluation, from the loaded warehouse at `dsn`, in which segments are known; nothing is written."""
    local = engine("local")
    with connect(dsn) as conn:
        shop = read(conn, JOURNEY.last_day, WINDOW_DAYS, engine=local, seed=SEED).shop(local, SEED)
        conn.rollback()
    rows = []
    for setting, one in {"all products": everything(shop), "products to recommend": shop}.items():
        _, facts = measure(Snapshots(shop=one))
        rows += list(rows_of(setting, facts["lists"], int(one.catalogue.proposable.sum())))
    return rows


def everything(shop: Shop) -> Shop:
    """The same shop, in which every product may be proposed."""
    import numpy as np

    catalogue = replace(shop.catalogue, proposable=np.ones(len(shop.catalogue), dtype=bool))
    return replace(shop, catalogue=catalogue)


def rows_of(setting: str, lists: Mapping[str, Mapping[str, Mapping[str, Any]]], products: int) -> Iterator[Row]:
    """A row for each task, list, and figure: of all customers and of each group; what `measure` says of `lists`.

    The NDCG of the list to beat decides. Coverage and novelty say what lists are like: more is not better.
    """
    for task, found in lists.items():
        ours = found["ours"]
        for name, theirs in found.items():
            if name == "ours":
                continue
            base: dict[str, Any] = {
                "data": JOURNEY.name, "model": f"product_recommendations, {setting}, {task}", "baseline": name,
                "split": _split(products, ours["all"]["customers"], task), "seed": SEED,
            }  # fmt: skip
            for group in ("all", *GROUPS):
                yield from _of_group(base, group, ours[group], theirs, decides=name == TO_BEAT[task])
            for metric in ("coverage", "novelty"):
                yield Row(
                    **base, metric=metric, baseline_value=theirs[metric], ours=ours[metric], better=None, decides=False
                )


def _of_group(
    base: Mapping[str, Any], group: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], *, decides: bool
) -> Iterator[Row]:
    for name, metric in METRICS.items():
        mine, value = ours[name], theirs[group][name]
        everybody = group == "all"
        yield Row(
            **base, metric=metric, baseline_value=value, ours=mine,
            better=None if mine is None or value is None else mine > value,
            decides=decides and everybody and name == "ndcg",
            difference=theirs[group]["ndcg_minus_this"] if name == "ndcg" else None,
            group="" if everybody else group, customers=ours["customers"],
        )  # fmt: skip


def _split(products: int, customers: int, task: str) -> str:
    end = JOURNEY.last_day
    begin = end - dt.timedelta(days=HORIZON_DAYS - 1)
    learnt = begin - dt.timedelta(days=1)
    which = f"{products:,} products" + (", without those that a customer had bought before" if task == NEVER else "")
    days = f"learnt until {learnt}, measured {begin} to {end}, days of {JOURNEY.clock.time_zone.key}"
    return f"{days}; candidates: {which}; mean of the {customers:,} customers {_COUNTED[task]}"
