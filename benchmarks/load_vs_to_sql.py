"""The whole validated load of a flat export, against pandas: read_csv and to_sql of the same file, in chunks.

Ours is as in `load_vs_copy`. The baseline is what people write first: `to_sql` with its own settings over SQLAlchemy
and psycopg, in chunks of 100,000 rows so that the file may be larger than memory; no checks, no keys.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from benchmarks import Result
from benchmarks._flat_export import write_export
from benchmarks._loader import load_export
from benchmarks._warehouse import fresh_warehouse
from marketflow.warehouse import connect

LINES = int(os.environ.get("BENCH_LINES", "1500000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CHUNK = 100_000


def run() -> Result:
    """Lines per second: the median of ours, beside one run of pandas, which takes minutes."""
    with fresh_warehouse() as bench:
        path = bench.folder / "flat" / "lines.csv"
        path.parent.mkdir()
        write_export(path, LINES)
        ours = []
        for _ in range(ROUNDS):
            with bench.fresh() as dsn:
                ours.append(load_export(dsn, bench.folder).seconds)
        with bench.fresh() as dsn:
            theirs = _to_sql(dsn, path)
    return Result(
        name="load_vs_to_sql",
        ours=LINES / median(ours),
        baseline=LINES / theirs,
        unit="rows/s",
        what=f"{LINES:,} order lines: file, raw, gate, core; baseline: pandas.read_csv and to_sql",
    )


def _to_sql(dsn: str, path: Path) -> float:
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    started = time.perf_counter()
    with engine.begin() as conn:
        for chunk in pd.read_csv(path, chunksize=CHUNK):
            chunk.to_sql("lines", conn, schema="public", if_exists="append", index=False)
    seconds = time.perf_counter() - started
    engine.dispose()
    with connect(dsn) as owner:
        assert owner.execute("SELECT count(*) FROM public.lines").fetchone() == (LINES,)
    return seconds
