"""RFM, clusters and all scores of a million customers with twenty million order lines, beside ten minutes."""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._scores import score_all

CUSTOMERS = int(os.environ.get("BENCH_SCORED", "1000000"))
SECONDS_LIMIT, MEMORY_LIMIT = 600.0, 6 * 1024


def run() -> Result:
    """Seconds of all models and marts, from nothing kept, beside the limit; a broken limit is said in `what`."""
    done = score_all(CUSTOMERS)
    peak = max(done.peaks.values())
    within = done.seconds <= SECONDS_LIMIT and peak < MEMORY_LIMIT
    return Result(
        name="scores_1m", ours=done.seconds, baseline=SECONDS_LIMIT, unit="s", more_is_better=False,
        what=f"all scores of {done.customers:,} customers with {done.lines:,} order lines; baseline: the limit"
             + ("" if within else "; OUT OF LIMITS"),
        beside={
            f"peak memory with the server, MiB (under {MEMORY_LIMIT})": round(peak),
            **{f"{step}, s": round(seconds, 1) for step, seconds in done.steps.items()},
            **{f"peak of {step}, MiB": round(peak) for step, peak in done.peaks.items()},
        },
    )  # fmt: skip
