"""A run: measured on the latest four weeks, learnt until today, two lists for every customer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.engines import engine
from marketflow.recommenders.catalogue import know_products
from marketflow.recommenders.products.backtest import AGAIN, NEVER, measure
from marketflow.recommenders.products.learning import Rankers, Snapshots
from marketflow.recommenders.products.listing import Lister
from marketflow.recommenders.products.read import read
from marketflow.recommenders.products.refresh import carry_over, refresh
from marketflow.recommenders.products.simple import ByHabit, ByPopularity
from marketflow.recommenders.products.write import MODEL, Writer
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    Outcome,
    Score,
    run_model,
)

SEED = 20260401


def recommend_products(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    per_customer: int = 10,
    window_days: int = 730,
    as_of: dt.date | None = None,
    is_test: bool = False,
    whole: bool = False,
) -> ModelSummary:
    """List for every customer what she may buy again, and what she may like that she never bought.

    Learnt from the baskets of the `window_days` until `as_of`, of at most 100,000 customers. Those who did something
    since the published run are scored, in parts that bound the memory, and the others keep their lists; every seventh
    day, and with `whole`, all are scored.

    What was learnt is used if it is better than the customer's own top products, and for what was never bought than
    user-based collaborative filtering, by NDCG@10 on the four weeks before `as_of`. Where it is not, or there is too
    little history, own products by habit and the segment's popular ones are listed; the metric `by_rule` says so.
    """
    parameters = {"per_customer": per_customer, "window_days": window_days}

    def work(run: ModelRun) -> Outcome:
        return _work(conn, run, parameters, whole=whole)

    know_products(conn, clock)
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=parameters, window_days=window_days, is_test=is_test
    )


def _work(conn: psycopg.Connection, run: ModelRun, asked: dict[str, int], *, whole: bool) -> Outcome:
    local = engine("local")
    reader = read(conn, run.as_of, asked["window_days"], engine=local, seed=SEED)
    if not len(reader.customers) or not reader.catalogue.proposable.any():
        raise NotEnoughData("there is nobody to propose anything to, or no product that may be proposed")
    snapshots = Snapshots(shop=reader.shop(local, SEED))
    if not len(snapshots.shop.history.age):
        raise NotEnoughData(f"nothing was bought in the {asked['window_days']} days until {run.as_of}")
    learnt = _learn(snapshots)
    known = snapshots.known(0)
    learnt.facts["lines_learnt_from"] = len(snapshots.shop.history.age)
    del snapshots
    found = refresh(
        conn, run, reader.customers, parameters=asked, by_rule=learnt.facts.get("by_rule", {}), whole=whole
    )  # fmt: skip
    lister = Lister(
        catalogue=reader.catalogue, known=known, rankers=learnt.rankers, engine=local, as_of=run.as_of,
        length=asked["per_customer"],
    )  # fmt: skip
    written = Writer(conn=conn, run=run, reader=reader, lister=lister).write(found.customers)
    carried = {} if found.carried_from is None else carry_over(conn, run, found)
    facts = {**learnt.facts, **found.facts(), **written, "carried_rows": sum(carried.values())}
    return Outcome(
        rows=sum([*written.values(), *carried.values()]), scores=learnt.scores, facts=facts, by_rule=learnt.by_rule
    )


@dataclass(frozen=True, kw_only=True)
class _Learnt:
    rankers: Rankers
    scores: tuple[Score, ...]
    facts: dict[str, Any]
    by_rule: bool


def _learn(snapshots: Snapshots) -> _Learnt:
    """What was measured, and then learnt again with the newest weeks; a plain rule for a list that is not better."""
    rule = Rankers(again=ByHabit(), discover=ByPopularity())
    try:
        scores, facts = measure(snapshots)
        newest = snapshots.rankers(0)
    except NotEnoughData as why:
        return _Learnt(rankers=rule, scores=(), facts={"by_rule": {"both lists": str(why)}}, by_rule=True)
    worse = {score.metric: score.words() for score in scores if score.decides and not score.better}
    rankers = Rankers(
        again=rule.again if any(AGAIN in metric for metric in worse) else newest.again,
        discover=rule.discover if any(NEVER in metric for metric in worse) else newest.discover,
    )
    return _Learnt(rankers=rankers, scores=scores, facts={**facts, "by_rule": worse}, by_rule=bool(worse))
