"""The whole load of a flat export, as the DAGs make it: file, raw, gate, core. A process of its own, to see its memory.

`python -m benchmarks._loader DSN LANDING`: takes in what lies in LANDING/flat and prints a `Load` as JSON. Imports are
done before the clock starts, as in Airflow, whose scheduler has done them once for all tasks.
"""

from __future__ import annotations

import datetime as dt
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks._flat_export import LAST_DAY, SOURCE

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load did and took: seconds, and the process's peak memory in MiB."""

    read: int
    loaded: int
    quarantined: int
    to_raw: float
    gate: float
    to_core: float
    peak_memory: float

    @property
    def seconds(self) -> float:
        """The whole load."""
        return self.to_raw + self.gate + self.to_core


def load_in_a_process(dsn: str, landing: Path) -> Load:
    """Run this module for the warehouse at `dsn`, which must be empty."""
    command = [sys.executable, "-m", "benchmarks._loader", dsn, str(landing)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def load(dsn: str, landing: Path) -> Load:
    """Take in, judge, merge; each phase is committed."""
    import great_expectations  # noqa: F401
    import pyarrow.csv  # noqa: F401

    from marketflow.privacy import KeyRing, generate_key_ring
    from marketflow.quality import judge
    from marketflow.shared import Clock, Shop
    from marketflow.sources import load_source, take_in
    from marketflow.sources.places import place_of
    from marketflow.warehouse import build_core, connect

    shop = Shop(time_zone="Europe/London", country="GB", locale="en-GB", currency="GBP")
    clock = Clock(time_zone=ZoneInfo(shop.time_zone), pinned_day=LAST_DAY + dt.timedelta(days=1))
    source, keys = load_source(SOURCE), KeyRing.from_json(generate_key_ring())
    times = [time.perf_counter()]
    with connect(dsn, "loader") as conn:
        place = place_of(source, conn=conn, landing=landing, clock=clock)
        summary = take_in(conn, source, place, keys=keys, clock=clock, shop=shop)
        times.append(time.perf_counter())
        assert summary.load_id is not None
        url = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
        verdict = judge(conn, url, summary.load_id, source=source, clock=clock, docs=landing / "docs")
        assert verdict.passed, verdict.reason
        times.append(time.perf_counter())
    with connect(dsn) as conn:
        build_core(conn, clock=clock, shop=shop)
    times.append(time.perf_counter())
    to_raw, gate, to_core = (after - before for before, after in pairwise(times))
    return Load(
        read=summary.read, loaded=summary.loaded, quarantined=summary.quarantined, to_raw=to_raw, gate=gate,
        to_core=to_core, peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asdict(load(sys.argv[1], Path(sys.argv[2])))))
