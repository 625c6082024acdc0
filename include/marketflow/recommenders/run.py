"""A run: read the baskets, mine rules, rank products per customer, measure on a temporal split, store."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.engines import engine
from marketflow.recommenders.measures import list_quality
from marketflow.recommenders.purchases import Purchases, read_purchases
from marketflow.recommenders.ranking import RECENT_DAYS, Ranking, popularity, rank_products
from marketflow.recommenders.rules import lift_matrix, mine_rules
from marketflow.shared import Clock
from marketflow.warehouse import (
    ModelRun,
    ModelSummary,
    data_as_of,
    finish_run,
    load_transforms,
    lock_job,
    queries,
    run_transform,
    start_run,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MODEL = "product_recommendations"
HORIZON_DAYS = 28
_EVALUATED = 10
_TABLES = ("models.association_rules", "models.product_recommendations")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a run is asked for; stored with it."""

    min_support: float
    min_confidence: float
    max_len: int
    basket_days: int
    per_customer: int


@dataclass(frozen=True, kw_only=True)
class RecommendationSummary(ModelSummary):
    """A run of the recommender: `rows` are recommendations, of `customers`, from `rules`."""

    rules: int
    customers: int


def recommend_products(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    min_support: float = 0.0005,
    min_confidence: float = 0.02,
    per_customer: int = 10,
    max_len: int = 2,
    basket_days: int = 3_650,
    as_of: dt.date | None = None,
    is_test: bool = False,
) -> RecommendationSummary:
    """Mine rules from the baskets of the `basket_days` up to `as_of`, and list products for every customer.

    Writes one versioned run, in one transaction. It is published if it is of the business day and not a test.
    `metrics` and `baseline` hold HR@10 and NDCG@10 for products never bought before, learnt 28 days earlier and
    measured on all customers who then tried something new.
    """
    asked = Thresholds(
        min_support=min_support,
        min_confidence=min_confidence,
        max_len=max_len,
        basket_days=basket_days,
        per_customer=per_customer,
    )
    with conn.transaction():
        lock_job(conn, "recommend_products")
        _refresh_products(conn, clock)
        run = start_run(conn, MODEL, clock=clock, as_of=as_of, parameters=vars(asked), is_test=is_test)
        purchases = read_purchases(conn, run.as_of, basket_days)
        rules = _rules(purchases, asked)
        rows = _write(conn, run, purchases, rules, _rank(purchases, rules, per_customer))
        metrics, baseline = _measure(purchases, asked)
        published = finish_run(conn, run, clock=clock, rows=rows, metrics=metrics, baseline=baseline, tables=_TABLES)
    return RecommendationSummary(
        run_id=run.run_id,
        rows=rows,
        metrics=metrics,
        baseline=baseline,
        published=published,
        rules=len(rules),
        customers=len(purchases.customers),
    )


def _refresh_products(conn: psycopg.Connection, clock: Clock) -> None:
    """Which products may be proposed must be known of all of them, and the marts are built only after this run."""
    row = conn.execute(queries("recommenders")["unknown_products"]).fetchone()
    if not row or not row[0]:
        return
    lock_job(conn, "build_marts")  # it writes the same table
    products = load_transforms()["marts.products"]
    run_transform(conn, products, {}, now=clock.now(), data_as_of=data_as_of(conn, clock))


def _rules(purchases: Purchases, asked: Thresholds) -> pd.DataFrame:
    return mine_rules(
        purchases.baskets,
        engine=engine("local"),
        min_support=asked.min_support,
        min_confidence=asked.min_confidence,
        max_len=asked.max_len,
        total=purchases.orders,
    )


def _rank(purchases: Purchases, rules: pd.DataFrame, k: int) -> Ranking:
    return rank_products(
        purchases.bought,
        purchases.interest(),
        lift_matrix(rules, len(purchases.products)),
        popularity(purchases),
        k=k,
        kinds=purchases.kinds,
    )


def _measure(purchases: Purchases, asked: Thresholds) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, baseline) of the same procedure, learnt 28 days earlier, on what was new to customers since then."""
    past, future = purchases.until(HORIZON_DAYS), purchases.since(HORIZON_DAYS)
    wanted = (future.bought - future.bought * past.bought).tocsr()
    wanted.eliminate_zeros()
    rules = _rules(past, asked)
    own = list_quality(_rank(past, rules, _EVALUATED).product, wanted)
    split = {"horizon_days": HORIZON_DAYS, "candidates": "never bought by the customer", "rules": len(rules)}
    baseline = {
        "what": f"popularity of the last {RECENT_DAYS} days",
        **list_quality(_popular(past, RECENT_DAYS), wanted),
        "popularity_ever": list_quality(_popular(past, None), wanted),
    }
    return own | split, baseline


def _popular(purchases: Purchases, days: int | None) -> NDArray[np.int64]:
    """The baseline's lists: what most customers bought, without what the customer has."""
    import scipy.sparse as sp

    none = sp.csr_array((len(purchases.products), len(purchases.products)))
    popular = popularity(purchases, days)
    return rank_products(purchases.bought, purchases.interest(), none, popular, k=_EVALUATED).product


def _write(conn: psycopg.Connection, run: ModelRun, purchases: Purchases, rules: pd.DataFrame, ranking: Ranking) -> int:
    """Store rules and lists under the run; gives the number of recommendations."""
    q, ids = queries("recommenders"), purchases.products.tolist()
    with conn.cursor() as cursor, cursor.copy(q["write_rules"]) as copy:
        columns = ("antecedents", "consequents", "support", "confidence", "lift", "baskets")
        for left, right, *numbers in zip(*(rules[name].tolist() for name in columns), strict=True):
            copy.write_row((run.run_id, [ids[i] for i in left], [ids[i] for i in right], *numbers))
    rows = 0
    with conn.cursor() as cursor, cursor.copy(q["write_recommendations"]) as copy:
        lists = zip(ranking.product.tolist(), ranking.score.tolist(), ranking.because.tolist(), strict=True)
        for customer, places in zip(purchases.customers.tolist(), lists, strict=True):
            for rank, (product, score, because) in enumerate(zip(*places, strict=True), start=1):
                if product >= 0:
                    reason = ids[because] if because >= 0 else None
                    copy.write_row((run.run_id, customer, rank, ids[product], score, reason))
                    rows += 1
    return rows
