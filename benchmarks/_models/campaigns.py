"""Campaigns on The Complete Journey: each campaign foreseen by what was known the day before it began.

The big ones, with at least 100 redeemers, one by one; all others pooled. The blend stands beside each single signal,
with the interval of the difference over customers drawn with replacement. A campaign counts if there was enough before
it to learn from; those that still run on the last day are answered as far as the data go.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from benchmarks._models.data import JOURNEY
from benchmarks._models.rows import Row
from marketflow.recommenders.campaigns.backtest import Backtest, Trial
from marketflow.recommenders.campaigns.known import NEVER, Known, answered_on
from marketflow.recommenders.campaigns.measures import SEED, auc, bootstrap, interval, within_auc
from marketflow.recommenders.campaigns.read import Reader, Reading
from marketflow.warehouse import connect

if TYPE_CHECKING:
    import numpy as np
    import psycopg
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BIG = 100
DRAWS = 1_000
_LAST = 2**30  # every customer, however many there are


def campaign_rows(dsn: str) -> list[Row]:
    """Rows of the evaluation, from the loaded warehouse at `dsn`; nothing is written."""
    with connect(dsn) as conn:
        known, names = _read(conn)
        conn.rollback()
    rows = []
    for what, places in _groups(known, names):
        trial = Backtest(known).trial(places)
        if trial is not None:
            rows += rows_of(what, trial, pooled=len(places) > 1)
    return rows


def rows_of(what: str, trial: Trial, *, pooled: bool) -> list[Row]:
    """A row for each single signal, and one for chance; of pooled campaigns others for the order within them.

    `decides` marks the best single signal.
    """
    table = partial(_row, f"campaign_recommendations, {what}", _split(trial, pooled=pooled))
    drawn = bootstrap(trial.answered, {"ours": trial.ours, **trial.singles}, trial.customer, DRAWS)
    ours = auc(trial.answered, trial.ours)
    found = {name: auc(trial.answered, order) for name, order in trial.singles.items()}
    best = max(found, key=lambda name: found[name] or 0.0)
    rows = [
        table(_Figure("auc", name, value, ours), drawn["ours"] - drawn[name], decides=name == best)
        for name, value in found.items()
    ]
    rows.append(table(_Figure("auc", "chance", 0.5, ours), drawn["ours"] - 0.5))
    if pooled:
        within = within_auc(trial.answered, trial.ours, trial.campaign)
        for name, order in trial.singles.items():
            value = within_auc(trial.answered, order, trial.campaign)
            rows.append(table(_Figure("auc within campaigns", name, value, within)))
    return rows


class _Figure(NamedTuple):
    metric: str
    baseline: str
    value: float | None
    ours: float | None


def _row(model: str, split: str, figure: _Figure, apart: Floats | None = None, *, decides: bool = False) -> Row:
    found = None if apart is None else interval(apart)
    value, ours = figure.value, figure.ours
    return Row(
        data=JOURNEY.name, model=model, split=split, metric=figure.metric, baseline=figure.baseline,
        baseline_value=_rounded(value), ours=_rounded(ours), seed=SEED,
        better=None if value is None or ours is None else ours > value, decides=decides,
        difference=(round(found.low, 4), round(found.high, 4)) if found else None,
    )  # fmt: skip


def _split(trial: Trial, *, pooled: bool) -> str:
    import numpy as np

    of = f"{len(np.unique(trial.campaign))} campaigns, " if pooled else ""
    redeemed = int(trial.answered.sum())
    return f"{of}{len(trial.answered):,} receivers, {redeemed:,} redeemed; known the day before each began"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _read(conn: psycopg.Connection) -> tuple[Known, list[str]]:
    """Everything until the last day, and the shop's own numbers of the campaigns."""
    reading = Reading(
        as_of=JOURNEY.last_day, time_zone=JOURNEY.clock.time_zone.key, history_days=730, ahead_days=28,
        attribution_days=7,
    )  # fmt: skip
    reader = Reader(conn, reading)
    refs: dict[int, str] = dict(conn.execute("SELECT campaign_id, external_id FROM core.campaigns").fetchall())
    return reader.sample(_LAST), [refs.get(number, "") for number in reader.campaigns.ids.tolist()]


def _groups(known: Known, names: list[str]) -> list[tuple[str, list[int]]]:
    import numpy as np

    answered = answered_on(known.answers, known.campaigns, NEVER) < NEVER
    count = np.bincount(known.answers.campaign, answered, minlength=len(known.campaigns))
    order = np.argsort(known.campaigns.starts, kind="stable").tolist()
    big = [(f"campaign {names[place]}", [place]) for place in order if count[place] >= BIG]
    return [*big, ("the other campaigns, pooled", [place for place in order if count[place] < BIG])]
