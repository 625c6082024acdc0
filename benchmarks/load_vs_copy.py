r"""The whole validated load of a flat export, against psql's \copy of the same file into a bare typed table.

Ours: file → raw → gate → core by one source file: every field judged, the manifest, Great Expectations, customers,
products, orders with totals and lines with keys, what was touched noted. The baseline: one statement, no keys.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from statistics import median

from benchmarks import Result
from benchmarks._flat_export import BARE, write_export
from benchmarks._loader import STEPS, Load, load_export
from benchmarks._warehouse import fresh_warehouse
from marketflow.embedded.postgres import binaries
from marketflow.warehouse import connect

LINES = int(os.environ.get("BENCH_LINES", "1500000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def run() -> Result:
    """Lines per second; the rounds alternate, the medians count."""
    with fresh_warehouse() as bench:
        path = bench.folder / "flat" / "lines.csv"
        path.parent.mkdir()
        write_export(path, LINES)
        ours: list[Load] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            with bench.fresh() as dsn:
                ours.append(load_export(dsn, bench.folder))
            with bench.fresh() as dsn:
                bare.append(_copy(dsn, path))
    assert all(load.loaded == load.read == LINES for load in ours)
    parts = {f"{step.replace('_', ' ')}, s": round(median(load.steps[step] for load in ours), 2) for step in STEPS}
    return Result(
        name="load_vs_copy",
        ours=LINES / median(load.seconds for load in ours),
        baseline=LINES / median(bare),
        unit="rows/s",
        what=f"{LINES:,} order lines: file, raw, gate, core; baseline: psql \\copy into a bare table",
        beside=parts | {"peak memory, MiB": round(max(load.peak_memory for load in ours), 1)},
    )


def _copy(dsn: str, path: Path) -> float:
    with connect(dsn) as owner:
        owner.execute(BARE)
    command = f"\\copy public.bare FROM '{path}' WITH (FORMAT csv, HEADER)"
    environment = os.environ | {"PGDATESTYLE": "ISO, DMY"}
    started = time.perf_counter()
    subprocess.run([binaries() / "psql", "-q", "-d", dsn, "-c", command], check=True, env=environment)
    return time.perf_counter() - started
