"""A run: learn from the campaigns of the past, measure on the latest that ended, score everybody for those that run."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from marketflow.recommenders.campaigns.backtest import Backtest, Trial
from marketflow.recommenders.campaigns.known import NEVER, Known, answered_on
from marketflow.recommenders.campaigns.measures import SEED, auc, within_auc
from marketflow.recommenders.campaigns.model import Blend
from marketflow.recommenders.campaigns.read import Reader, Reading
from marketflow.recommenders.campaigns.reasons import reasons_of
from marketflow.recommenders.campaigns.signals import FAMILY_OF_SIGNAL, View
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, Score, copy_frame, queries, run_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MODEL = "campaign_recommendations"
LEARN_FROM = 10_000
"""Customers: more teach the weights nothing new, and their purchases have to lie in memory."""
_AT_A_TIME = 20_000
_MEASURED_ANSWERS = 100
_MEASURED_CAMPAIGNS = (3, 8)


@dataclass(frozen=True)
class _Proposal:
    """The campaigns that are proposed, by place, and how many to each customer at most."""

    places: list[int]
    per_customer: int


def recommend_campaigns(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    is_test: bool = False,
    history_days: int = 730,
    ahead_days: int = 28,
    attribution_days: int = 7,
    per_customer: int = 10,
) -> ModelSummary:
    """How likely each customer answers each campaign that runs on `as_of` (the business day) or begins soon after.

    Learnt from the campaigns of the `history_days` before. A campaign with coupons is answered by redeeming one, one
    without by a click, and one without clicks by a purchase within `attribution_days`. Each customer gets up to
    `per_customer` campaigns, without those answered already, and each campaign its customers in order. It is published
    if, for the latest campaigns that have ended, each foreseen by what was known the day before it began, its AUC
    within campaigns is above that of the best single signal. Refused where there is no campaign or no answer to learn
    from.
    """

    def work(run: ModelRun) -> Outcome:
        reading = Reading(
            as_of=run.as_of, time_zone=clock.time_zone.key, history_days=history_days, ahead_days=ahead_days,
            attribution_days=attribution_days,
        )  # fmt: skip
        return _work(conn, run, reading, per_customer)

    parameters = {
        "history_days": history_days, "ahead_days": ahead_days, "attribution_days": attribution_days,
        "per_customer": per_customer,
    }  # fmt: skip
    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters=parameters, window_days=history_days, is_test=is_test
    )


def _work(conn: psycopg.Connection, run: ModelRun, reading: Reading, per_customer: int) -> Outcome:
    reader, day = Reader(conn, reading), reading.day
    proposal = _Proposal(_proposed(reader, day), per_customer)
    known = reader.sample(LEARN_FROM)
    if not len(known.answers):
        raise NotEnoughData(f"nobody is known to have received a campaign until {run.as_of}")
    backtest = Backtest(known)
    model = backtest.model(day)
    scores = _measure(backtest, day)
    customers = _write(conn, reader, known, model, proposal)
    rows = conn.execute(queries("campaign_recommendations")["write_scores"], {"run": run.run_id}).rowcount
    if not rows:
        raise NotEnoughData("every customer has answered every campaign that runs already")
    facts = {
        "campaigns": len(proposal.places), "customers": customers, "learnt_from_customers": len(known.customers),
        "weights": dict(zip(FAMILY_OF_SIGNAL, model.weights.tolist(), strict=True)), "ridge": model.strength,
    }  # fmt: skip
    return Outcome(rows=rows, scores=scores, facts=facts)


def _proposed(reader: Reader, day: int) -> list[int]:
    """The places of the campaigns that run or come, and have a number. Raises NotEnoughData if there are none."""
    import numpy as np

    campaigns = reader.campaigns
    if not len(campaigns):
        raise NotEnoughData(f"no campaign is known that ran in the {reader.reading.history_days} days before")
    found = np.flatnonzero((campaigns.ends >= day - 1) & (campaigns.ids > 0))
    if not len(found):
        raise NotEnoughData(
            f"no campaign runs on {reader.reading.as_of} or begins in the {reader.reading.ahead_days} days after"
        )
    return [int(place) for place in found]


def _write(conn: psycopg.Connection, reader: Reader, known: Known, model: Blend, proposal: _Proposal) -> int:
    """Scores of everybody into the temporary table, in parts that bound the memory; gives how many customers."""
    day, customers = reader.reading.day, 0
    crowd = View(known, day)
    for part in reader.parts(_AT_A_TIME, known.since):
        frame = _score(View(part, day, crowd), model, proposal)
        copy_frame(conn, "pg_temp.campaign_scores", frame)
        customers += len(part.customers)
    return customers


def _score(view: View, model: Blend, proposal: _Proposal) -> pd.DataFrame:
    """Rows of campaign_scores: each customer's best campaigns among those not answered yet."""
    import numpy as np
    import pandas as pd

    places = proposal.places
    signals = [view.signals(place) for place in places]
    chances = np.column_stack([model.probabilities(of) for of in signals])
    done = view.answered[:, places].toarray() > 0
    order = np.argsort(np.where(done, 2.0, -chances), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(places) + 1)[np.newaxis, :], axis=1)
    frames = []
    for at, place in enumerate(places):
        rows = np.flatnonzero(~done[:, at] & (rank[:, at] <= proposal.per_customer))
        columns = {
            "customer_id": view.known.customers[rows],
            "campaign_id": view.known.campaigns.ids[place],
            "rank": rank[rows, at],
            "score": chances[rows, at],
            "reason": reasons_of(view, place, rows, model.contributions(signals[at][rows])),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def _measure(backtest: Backtest, day: int) -> tuple[Score, ...]:
    """Beside every single signal; what decides is the AUC within campaigns beside the best of them."""
    places = latest_ended(backtest.known, day)
    trial = backtest.trial(places)
    split = f"each of the {len(places)} latest campaigns that ended, by what was known the day before it began"
    score = partial(Score, split=split, higher_is_better=True, seed=SEED)
    if trial is None:
        return (score(metric="auc", ours=None, baseline="best single signal", baseline_value=None),)
    scores = []
    for metric in ("auc", "pooled_auc"):
        ours = _figure(metric, trial, trial.ours)
        found = {name: _figure(metric, trial, order) for name, order in trial.singles.items()}
        best = max(found, key=lambda name: found[name] or 0.0)
        for name, value in found.items():
            decides = metric == "auc" and name == best
            scores.append(score(metric=metric, ours=ours, baseline=name, baseline_value=value, decides=decides))
    return tuple(scores)


def latest_ended(known: Known, day: int) -> list[int]:
    """Places of the latest campaigns that ended before `day`, of those that anybody received.

    Three at least; then as many as have 100 answers together, and eight at most.
    """
    import numpy as np

    fewest, most = _MEASURED_CAMPAIGNS

    answered = answered_on(known.answers, known.campaigns, day) < NEVER
    size = len(known.campaigns)
    received = np.bincount(known.answers.campaign, minlength=size)
    answers = np.bincount(known.answers.campaign, answered, minlength=size)
    ended = np.flatnonzero((known.campaigns.ends < day) & (received > 0))
    found: list[int] = []
    for place in ended[np.argsort(-known.campaigns.ends[ended], kind="stable")].tolist():
        if len(found) >= fewest and (len(found) >= most or answers[found].sum() >= _MEASURED_ANSWERS):
            break
        found.append(place)
    return found


def _figure(metric: str, trial: Trial, order: Floats) -> float | None:
    if metric == "auc":
        return within_auc(trial.answered, order, trial.campaign)
    return auc(trial.answered, order)
