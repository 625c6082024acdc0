"""Twice the customers, how much more time: all scores of a million beside those of half as many."""

from __future__ import annotations

from benchmarks import Result
from benchmarks._scores import score_all
from benchmarks.scores_1m import CUSTOMERS

GROWTH_LIMIT = 2.2


def run() -> Result:
    """Seconds for all customers, beside seconds for half of them; a limit that is broken is said in `what`."""
    half, whole = score_all(CUSTOMERS // 2), score_all(CUSTOMERS)
    growth = whole.seconds / half.seconds
    return Result(
        name="scores_growth", ours=whole.seconds, baseline=half.seconds, unit="s", more_is_better=False,
        what=f"all scores of {whole.customers:,} customers beside those of {half.customers:,}"
             + ("" if growth <= GROWTH_LIMIT else "; OUT OF LIMITS"),
        beside={
            f"times the time (at most {GROWTH_LIMIT})": round(growth, 3),
            **{f"{step}, times": round(took / max(half.steps[step], 1e-9), 2) for step, took in whole.steps.items()},
        },
    )  # fmt: skip
