"""Campaigns on The Complete Journey: each campaign foreseen by what was known the day before it began.

The big ones, with at least 100 redeemers, one by one; all others pooled. The blend stands beside each single signal,
with the interval of the difference over customers drawn with replacement. A campaign counts if there was enough before
it to learn from; those that still run on the last day are answered as far as the data go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """A row for each single signal; of pooled campaigns another one for the order within them.

    The baseline's name tells the interval of the difference; `decides` marks the best single signal.
    """
    drawn = bootstrap(trial.answered, {"ours": trial.ours, **trial.singles}, trial.customer, DRAWS)
    found = {name: auc(trial.answered, order) or 0.0 for name, order in trial.singles.items()}
    best = max(found, key=lambda name: found[name])
    split = f"{what}: {len(trial.answered):,} receivers, {int(trial.answered.sum())} redeemed; known the day before"
    rows = []
    for name, single in found.items():
        difference = interval(drawn["ours"] - drawn[name])
        words = f", difference [{difference.low:.3f}, {difference.high:.3f}]" if difference else ""
        rows.append(_row("auc", name + words, single, auc(trial.answered, trial.ours), split, decides=name == best))
    own = interval(drawn["ours"])
    if own is not None:
        rows += [_row(f"auc {end}", "", None, at, split) for end, at in (("from", own.low), ("to", own.high))]
    if pooled:
        ours = within_auc(trial.answered, trial.ours, trial.campaign)
        for name, order in trial.singles.items():
            value = within_auc(trial.answered, order, trial.campaign)
            rows.append(_row("auc within campaigns", name, value, ours, split))
    return rows


def _row(
    metric: str, baseline: str, value: float | None, ours: float | None, split: str, *, decides: bool = False
) -> Row:  # fmt: skip
    better = None if value is None or ours is None else ours > value
    return Row(
        data=JOURNEY.name, model="campaign_recommendations", split=split, metric=metric, baseline=baseline,
        baseline_value=value, ours=ours, seed=SEED, better=better, decides=decides,
    )  # fmt: skip


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

    answered = answered_on(known.answers, known.campaigns) < NEVER
    count = np.bincount(known.answers.campaign, answered, minlength=len(known.campaigns))
    order = np.argsort(known.campaigns.starts, kind="stable").tolist()
    big = [(f"campaign {names[place]}", [place]) for place in order if count[place] >= BIG]
    return [*big, ("the other campaigns, pooled", [place for place in order if count[place] < BIG])]
