"""The best hour and the best weekday to write to each customer, from what she does by herself, on her own clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.predictions.send_time.backtest import HORIZON_DAYS, Measured, make_stage, measure
from marketflow.predictions.send_time.days import (
    BLOCK,
    EVERYBODY,
    HOUR,
    WEEKDAY,
    Days,
    Dimension,
    Segments,
    read_days,
    read_segments,
)
from marketflow.predictions.send_time.model import (
    BASES,
    CREDIBLE,
    Groups,
    best_of_customers,
    blend_groups,
    group_totals,
)
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, Score, copy_frame, run_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MODEL = "send_times"
SEED = 20260401
SAMPLE = 100_000  # customers that the backtest looks at


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """One dimension as it is applied to all customers: the backtest, and the groups' patterns.

    totals: (segments + 1) x slots counts of all customers; the last row is of those in no segment.
    """

    dimension: Dimension
    measured: Measured
    groups: Groups
    totals: NDArray[np.float64]


def find_send_times(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    window_days: int = 365,
    is_test: bool = False,
) -> ModelSummary:
    """Name the hour and the weekday at which each customer is most active, from the `window_days` up to `as_of`.

    Writes one versioned run, in one transaction. What is said, and on whose behaviour it rests (her own, her segment's,
    everybody's), depends on what foretells later behaviour better: `metrics` and `baseline` hold the log loss for the
    last 28 days, beside everybody's pattern or, where only that one is used, beside no pattern at all. Where the data
    show nothing, nothing is said: the slot is null and the basis `none`.
    """

    def work(run: ModelRun) -> Outcome:
        days = read_days(conn, as_of=run.as_of, window_days=window_days, shop_zone=clock.time_zone.key)
        if not len(days):
            raise NotEnoughData(f"no customer did anything in the {window_days} days up to {run.as_of}")
        backtests = _backtests(conn, days)
        segments = read_segments(conn, days, run.as_of)
        learnt = [_learn(days, dimension, segments, measured) for dimension, measured in backtests]
        copy_frame(conn, "models.send_time_patterns", _patterns(run, learnt, segments))
        rows = sum(copy_frame(conn, f"models.{MODEL}", block) for block in _best(run, days, segments, learnt))
        facts: dict[str, Any] = {
            "customers": len(days), "days": len(days.ages), "days_without_hour": int((days.hours == 0).sum()),
            "customers_in_backtest": min(len(days), SAMPLE), "segments": list(segments.names), "credible": CREDIBLE,
            "seed": SEED, **{dimension.name: measured.facts for dimension, measured in backtests},
        }  # fmt: skip
        return Outcome(rows=rows, scores=scores_of(backtests, run.as_of), facts=facts)

    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, parameters={"window_days": window_days}, window_days=window_days,
        is_test=is_test,
    )  # fmt: skip


def _backtests(conn: psycopg.Connection, days: Days) -> list[tuple[Dimension, Measured]]:
    """Both dimensions, chosen at the cut 56 days before and measured at the one 28 days before."""
    sample = days.sample(SAMPLE, SEED)
    cuts = (2 * HORIZON_DAYS, HORIZON_DAYS)
    segments = [read_segments(conn, sample, days.as_of - dt.timedelta(days=age)) for age in cuts]
    found = []
    for dimension in (HOUR, WEEKDAY):
        tune, test = (make_stage(sample, dimension, s, age) for s, age in zip(segments, cuts, strict=True))
        found.append((dimension, measure(tune, test, seed=SEED)))
    return found


def scores_of(backtests: list[tuple[Dimension, Measured]], as_of: dt.date) -> tuple[Score, ...]:
    """What decides: each dimension of which something is said; all where nothing is, so that nothing is published.

    Beside everybody's pattern where more than that is used, and beside no pattern where it is all that is used.
    How much of the later behaviour fell into the slot that was named is told too.
    """
    cut = as_of - dt.timedelta(days=HORIZON_DAYS)
    split = f"chosen as of {cut - dt.timedelta(days=HORIZON_DAYS)}, learnt until {cut}, measured until {as_of}"
    says = [m.recipe.basis != "none" for _, m in backtests]
    found = []
    for (dimension, m), decides in zip(backtests, says, strict=True):
        personal = m.recipe.basis in ("segment", "customer")
        name, value = ("everybody's pattern", m.everybody) if personal else ("no pattern", m.uniform)
        found.append(
            Score(
                metric=f"log_loss_{dimension.name}", ours=m.ours, baseline=name, baseline_value=value,
                higher_is_better=False, decides=decides or not any(says), split=split, seed=SEED,
            )
        )  # fmt: skip
        if personal:
            found.append(
                Score(
                    metric=f"share_in_best_{dimension.name}", ours=m.facts["share_in_best"],
                    baseline=f"everybody's best {dimension.name}", baseline_value=m.facts["share_in_everybodys_best"],
                    higher_is_better=True, decides=False, split=split, seed=SEED,
                )
            )  # fmt: skip
    return tuple(found)


def _learn(days: Days, dimension: Dimension, segments: Segments, measured: Measured) -> Learnt:
    """The groups' patterns as of the last day, over all customers."""
    import numpy as np

    totals = np.zeros((len(segments.names) + 1, dimension.slots))
    for first, block in _blocks(days):
        codes = segments.codes[first : first + BLOCK]
        totals += group_totals(block.tally(dimension), codes, len(segments.names))
    return Learnt(dimension=dimension, measured=measured, totals=totals, groups=blend_groups(totals, measured.recipe))


def _blocks(days: Days) -> Iterator[tuple[int, Days]]:
    for first in range(0, len(days), BLOCK):
        yield first, days.between(first, first + BLOCK)


def _best(run: ModelRun, days: Days, segments: Segments, learnt: list[Learnt]) -> Iterator[pd.DataFrame]:
    """The rows of models.send_times, some customers at a time."""
    import numpy as np
    import pandas as pd

    for first, block in _blocks(days):
        frame = pd.DataFrame({"run_id": run.run_id, "customer_id": block.customers})
        frame["observations"] = np.diff(block.starts)
        for one in learnt:
            name, codes = one.dimension.name, segments.codes[first : first + BLOCK]
            frame[f"best_{name}"], frame[f"{name}_basis"] = _said(block, one, codes)
        yield frame


def _said(block: Days, one: Learnt, codes: NDArray[np.int64]) -> tuple[pd.Series, NDArray[np.object_]]:
    """Each customer's slot, null where nothing is said, and on whose behaviour it rests.

    Nothing is said of the hour of those of whom no time of day is known: everybody's pattern is that of other people.
    """
    import numpy as np
    import pandas as pd

    recipe = one.measured.recipe
    counts = block.tally(one.dimension, half_life=recipe.half_life)
    best, basis = best_of_customers(counts, codes, one.groups, recipe)
    basis = np.where(counts.sum(axis=1) > 0, basis, BASES.index("none"))
    slot = pd.Series(best + one.dimension.first, dtype="Int64").mask(basis == BASES.index("none"))
    return slot, np.array(BASES, dtype=object)[basis]


def _patterns(run: ModelRun, learnt: list[Learnt], segments: Segments) -> pd.DataFrame:
    """The rows of models.send_time_patterns: everybody, and each segment."""
    import numpy as np
    import pandas as pd

    frames = []
    for one in learnt:
        slots = np.arange(one.dimension.slots) + one.dimension.first
        whose = [(EVERYBODY, one.groups.everybody[0], one.totals.sum(axis=0))]
        whose += list(zip(segments.names, one.groups.shares, one.totals, strict=False))
        frames += [
            pd.DataFrame(
                {"segment": name, "dimension": one.dimension.name, "slot": slots, "share": shares,
                 "observations": counts.astype(np.int64)}
            )
            for name, shares, counts in whose
        ]  # fmt: skip
    found = pd.concat(frames, ignore_index=True)
    found.insert(0, "run_id", run.run_id)
    return found
