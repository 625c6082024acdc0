"""Does the whole validated load keep its speed and its memory when the file grows? A file, and one of twice the rows.

The figures are seconds; the ratio is the time of the smaller file over that of the larger, 0.5 when time grows as the
rows do, and may not be under 1 / 2.2. The peak memory is of the loading processes (VmHWM), of
which the DAGs have one for each step: take in, gate, core.
"""

from __future__ import annotations

import os

from benchmarks import Result
from benchmarks._flat_export import write_export
from benchmarks._loader import Load, load_export
from benchmarks._warehouse import Bench, fresh_warehouse

LINES = int(os.environ.get("BENCH_GROWTH_LINES", "15000000"))
MEMORY_LIMIT, GROWTH_LIMIT = 500, 2.2


def run() -> Result:
    """Seconds for all lines, beside seconds for half of them; a limit that is broken is said in `what`."""
    with fresh_warehouse() as bench:
        half, whole = (_load(bench, lines) for lines in (LINES // 2, LINES))
    growth = whole.seconds / half.seconds
    within = growth <= GROWTH_LIMIT and whole.peak_memory < MEMORY_LIMIT
    return Result(
        name="load_growth",
        ours=whole.seconds,
        baseline=half.seconds,
        unit="s",
        more_is_better=False,
        what=f"{LINES:,} order lines beside half of them" + ("" if within else "; OUT OF LIMITS"),
        beside={
            f"times the time (at most {GROWTH_LIMIT})": round(growth, 3),
            f"peak memory, MiB (under {MEMORY_LIMIT})": round(whole.peak_memory, 1),
            "peak memory of half, MiB": round(half.peak_memory, 1),
            **{f"{step.replace('_', ' ')}, s": round(seconds, 1) for step, seconds in whole.steps.items()},
            **{f"peak of {step.replace('_', ' ')}, MiB": round(peak, 1) for step, peak in whole.peaks.items()},
        },
    )


def _load(bench: Bench, lines: int) -> Load:
    path = bench.folder / "flat" / "lines.csv"
    path.parent.mkdir(exist_ok=True)
    write_export(path, lines)
    with bench.fresh() as dsn:
        found = load_export(dsn, bench.folder)
    assert found.loaded == lines
    path.unlink()
    return found
