"""Customer values: a run. BG/NBD and Gamma-Gamma of what was bought, measured on the horizon before, stored.

Where the history is long enough, the numbers expected from all of it, from the last 13 weeks and from the last 4 are
weighed by how much of each came true in an earlier horizon; else it is BG/NBD of the whole history as it is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.value.history import (
    MEMORIES,
    History,
    bought_after,
    gather_purchases,
    history_until,
    repeats_by_day,
)
from marketflow.predictions.value.model import (
    ALL,
    Expected,
    Spending,
    can_weigh,
    expect_orders,
    expect_spending,
    model_facts,
    present,
    weigh_memories,
    weighed,
)
from marketflow.predictions.value.scores import by_frequency, by_tenth, scores_of, tracking, unmeasured
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, Score, copy_frame, run_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MODEL = "customer_values"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run is asked for; stored with it."""

    horizon_days: int
    discount_rate: float
    window_days: int | None

    def __post_init__(self) -> None:
        if self.horizon_days < 1 or self.discount_rate <= -1 or (self.window_days is not None and self.window_days < 1):
            raise ValueError(
                "horizon_days and window_days are 1 or more, discount_rate is over -1 (0.1 is 10 % a year)"
            )


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What the test cut gave: how good the procedure was there, and the weights that the horizon since then teaches."""

    scores: tuple[Score, ...]
    weights: Floats | None
    facts: dict[str, Any]


def value_customers(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    horizon_days: int = 90,
    discount_rate: float = 0.10,
    window_days: int | None = None,
    is_test: bool = False,
) -> ModelSummary:
    """What every customer who has bought is expected to buy in the `horizon_days` after `as_of`, and to be worth.

    discount_rate: by year. window_days: what was bought earlier is not looked at; None looks at everything. Scores are
    of the horizon until `as_of`, learnt before it: errors per customer beside her own rate so far, and beside what she
    bought in the period before. Raises ValueError for a horizon, window or rate that cannot be.
    """
    asked = Asked(horizon_days=horizon_days, discount_rate=discount_rate, window_days=window_days)

    def work(run: ModelRun) -> Outcome:
        gather_purchases(conn, as_of=run.as_of, window_days=asked.window_days)
        now = history_until(conn, run.as_of, asked.horizon_days)
        if now.frame.empty:
            raise NotEnoughData(f"no customer has bought anything until {run.as_of}")
        test = _backtest(conn, run.as_of, asked.horizon_days)
        expected = expect_orders(now, asked.horizon_days, asked.discount_rate, memories=_needed(test.weights))
        weights = present(test.weights, expected)
        rows, facts = _write(conn, run, now, expected, weights)
        return Outcome(rows=rows, scores=test.scores, facts={**facts, "backtest": test.facts})

    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=vars(asked), window_days=window_days, is_test=is_test
    )


def _backtest(conn: psycopg.Connection, as_of: dt.date, horizon_days: int) -> Backtest:
    """The same procedure, as of a horizon earlier."""
    cut = as_of - dt.timedelta(days=horizon_days)
    history = history_until(conn, cut, horizon_days)
    weights = _weights_before(conn, cut, horizon_days)
    try:
        expected = expect_orders(history, horizon_days, memories=_needed(weights))
    except NotEnoughData as why:
        return Backtest(scores=unmeasured(cut, as_of), weights=None, facts={"not_measured": str(why)})
    bought = bought_after(conn, history, as_of)
    ours = weighed(expected, weights)
    spending = _spending(history)
    spend = None if spending is None else ours * spending.value
    facts = {
        "customers": len(ours),
        "purchases": float(bought.days.sum()),
        "expected": float(ours.sum()),
        "money": float(bought.money.sum()),
        "expected_money": None if spend is None else float(spend.sum()),
        "weights": _named(weights),
        "bgnbd": model_facts(expected.models),
        "gamma_gamma": None if spending is None else spending.facts,
        "by_repeats": by_frequency(history, expected, ours, bought),
        "by_tenth": by_tenth(ours, bought),
        "by_week": tracking(history, expected, repeats_by_day(conn, history, as_of)),
    }
    plain = None if weights is None else expected.orders[:, 0]
    scores = scores_of(history, bought, as_of, ours=ours, spend=spend, plain=plain)
    # what was not tested is not used: weights for the run only if the test had some
    later = None if weights is None else weigh_memories(expected, bought.days)
    return Backtest(scores=scores, weights=later, facts=facts)


def _weights_before(conn: psycopg.Connection, cut: dt.date, horizon_days: int) -> Floats | None:
    """What the horizon that ends with `cut` teaches about the memories."""
    history = history_until(conn, cut - dt.timedelta(days=horizon_days), horizon_days)
    if not can_weigh(history):
        return None
    try:
        expected = expect_orders(history, horizon_days)
    except NotEnoughData:
        return None
    return weigh_memories(expected, bought_after(conn, history, cut).days)


def _needed(weights: Floats | None) -> tuple[str, ...]:
    return ALL if weights is not None else ALL[:1]


def _spending(history: History) -> Spending | None:
    try:
        return expect_spending(history)
    except NotEnoughData:
        return None


def _write(
    conn: psycopg.Connection, run: ModelRun, now: History, expected: Expected, weights: Floats | None
) -> tuple[int, dict[str, Any]]:
    """Store a row per customer; gives their number and what is worth knowing."""
    import pandas as pd

    orders, spending = weighed(expected, weights), expect_spending(now)
    value = orders * spending.value * expected.discounted
    rows = pd.DataFrame(
        {
            "run_id": run.run_id,
            "customer_id": now.frame["customer_id"],
            "alive_probability": expected.alive,
            "expected_orders": orders,
            "expected_order_value": spending.value.round(2),
            "customer_value": value.round(2),
        }
    )
    facts = {
        "customers": len(rows),
        "alive": float(expected.alive.sum()),
        "expected_orders": float(orders.sum()),
        "expected_value": float(value.sum()),
        "bgnbd": model_facts(expected.models),
        "gamma_gamma": spending.facts,
        "weights": _named(weights),
    }
    return copy_frame(conn, f"models.{MODEL}", rows), facts


def _named(weights: Floats | None) -> dict[str, float] | None:
    return None if weights is None else {name: float(w) for name, w in zip(MEMORIES, weights, strict=True)}
