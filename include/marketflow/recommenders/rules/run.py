"""A run of association rules: read the baskets, see how much would come out, mine each level, store."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.engines import TooManySets, engine
from marketflow.recommenders.catalogue import know_products
from marketflow.recommenders.rules.estimate import (
    MOST_SETS,
    Cut,
    estimate_sets,
    find_sets,
    possible_rules,
    refuse_too_many,
)
from marketflow.recommenders.rules.levels import Level, LevelName, levels_above, products_level, read_lines
from marketflow.recommenders.rules.mine import rules_from
from marketflow.shared import Clock, ConfigurationError, NotEnoughData
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    Outcome,
    copy_frame,
    run_model,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MODEL = "association_rules"
_SUPPORTS: dict[LevelName, str] = {
    "product": "min_support", "type": "min_support_types", "category": "min_support_categories",
}  # fmt: skip
_SIDES = ("antecedents", "consequents")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a run is asked for; stored with it."""

    min_support: float
    min_support_types: float
    min_support_categories: float
    min_confidence: float
    max_len: int | None
    basket_days: int

    def __post_init__(self) -> None:
        for name in (*_SUPPORTS.values(), "min_confidence"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be above 0 and at most 1")
        if self.basket_days < 1 or (self.max_len is not None and self.max_len < 2):
            raise ConfigurationError("basket_days must be at least 1, max_len at least 2")


def mine_association_rules(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    min_support: float = 0.0005,
    min_support_types: float = 0.002,
    min_support_categories: float = 0.005,
    min_confidence: float = 0.02,
    max_len: int | None = 3,
    basket_days: int = 3_650,
    as_of: dt.date | None = None,
    is_test: bool = False,
) -> ModelSummary:
    """Rules between products, between types and between categories, of the baskets of the `basket_days` up to `as_of`.

    Supports are shares of all baskets, those included that hold nothing that may be recommended; `max_len`: most items
    in a rule, both sides together (None: any number). Writes one versioned run, in one transaction, which is published
    if it is of the business day and not a test: it describes, and has no baseline. It is refused, and says which
    threshold to raise, where there would be too many rules. Raises ConfigurationError for impossible thresholds.
    """
    asked = Thresholds(
        min_support=min_support, min_support_types=min_support_types, min_support_categories=min_support_categories,
        min_confidence=min_confidence, max_len=max_len, basket_days=basket_days,
    )  # fmt: skip

    def work(run: ModelRun) -> Outcome:
        return _work(conn, run, asked)

    know_products(conn, clock)
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=asdict(asked), window_days=basket_days, is_test=is_test,
        late_data_too=True, describes=True,
    )  # fmt: skip


def _work(conn: psycopg.Connection, run: ModelRun, asked: Thresholds) -> Outcome:
    lines = read_lines(conn, run.as_of, asked.basket_days)
    products, left_out = products_level(lines)
    if products.baskets.shape[0] == 0:
        wide = f" but {left_out} that hold too many to say anything" if left_out else ""
        raise NotEnoughData(
            f"no basket of the {asked.basket_days} days until {run.as_of} holds a product that may be recommended{wide}"
        )
    facts: dict[str, Any] = {"baskets": products.total, "baskets_left_out": left_out, "levels": {}}
    rows = 0
    for level in (products, *levels_above(products, lines.catalogue)):
        rules, facts["levels"][level.name] = _mine(level, asked)
        rows += _write(conn, run, level, rules)
    if rows == 0:
        supports = ", ".join(f"{name} ({getattr(asked, name):g})" for name in _SUPPORTS.values())
        raise NotEnoughData(
            f"no two items are together in enough of the {products.total:,} baskets for a rule: lower {supports} or "
            f"min_confidence ({asked.min_confidence:g})"
        )
    return Outcome(rows=rows, facts=facts)


def _mine(level: Level, asked: Thresholds) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The level's rules, with columns for items, and what there is to know; NotEnoughData where there are too many."""
    threshold = _SUPPORTS[level.name]
    cut = Cut(
        level=level.name, threshold=threshold, min_support=getattr(asked, threshold), max_len=asked.max_len,
        total=level.total,
    )  # fmt: skip
    expected = estimate_sets(level.baskets, cut, engine=engine("local"), most=MOST_SETS)
    refuse_too_many(cut, sets=expected.sets, rules=expected.rules, is_least=expected.is_least)
    itemsets = _count(level, cut)
    sizes = itemsets["itemsets"].map(len)
    refuse_too_many(cut, sets=len(itemsets), rules=possible_rules(sizes))
    rules = rules_from(itemsets, min_confidence=asked.min_confidence, total=level.total)
    return rules, {
        "baskets": level.baskets.shape[0],
        "items": len(level.ids),
        "expected": asdict(expected) | {"sets": expected.sets},
        "sets": len(itemsets),
        "largest_set": int(sizes.max()) if len(sizes) else 0,
        "rules": len(rules),
    }


def _count(level: Level, cut: Cut) -> pd.DataFrame:
    """The frequent sets; NotEnoughData where there are more than the estimate said and the limit allows."""
    try:
        return find_sets(level.baskets, cut, engine("local"), MOST_SETS)
    except TooManySets:
        refuse_too_many(cut, sets=MOST_SETS, rules=0, is_least=True)
        raise


def _write(conn: psycopg.Connection, run: ModelRun, level: Level, rules: pd.DataFrame) -> int:
    """Store the rules, and the names of the items in them; gives the number of rules."""
    import pandas as pd

    sides = {
        side: [_as_array(level.ids, members) for members in rules[side]] for side in ("antecedents", "consequents")
    }
    copy_frame(conn, "models.association_rules", rules.assign(run_id=run.run_id, level=level.name, **sides))
    if level.names is not None:
        used = sorted({column for side in sides for members in rules[side] for column in members})
        items = {"item_id": level.ids[used], "name": [level.names[column] for column in used]}
        copy_frame(conn, "models.rule_items", pd.DataFrame(items).assign(run_id=run.run_id, level=level.name))
    return len(rules)


def _as_array(ids: NDArray[np.int64], members: tuple[int, ...]) -> str:
    """PostgreSQL's text of an array."""
    return "{" + ",".join(str(ids[column]) for column in members) + "}"
