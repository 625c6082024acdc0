"""The whole load of a flat export, as the DAGs make it: file, raw, gate, core; each step in a process of its own.

`python -m benchmarks._loader STEP DSN LANDING` does a step (`to_raw`, `gate`, `to_core`) for what lies in LANDING/flat
and prints what it took as JSON. What of its libraries Airflow's scheduler imports once for all tasks
(orchestration.preload) is imported before the clock starts.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from benchmarks._flat_export import LAST_DAY, SOURCE
from benchmarks._peak import peak_mib

if TYPE_CHECKING:
    from collections.abc import Callable

    from marketflow.shared import Clock, Shop
    from marketflow.sources import Source

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load did and took: seconds by step, and the peak memory of each step's process in MiB."""

    read: int
    loaded: int
    quarantined: int
    steps: dict[str, float]
    peaks: dict[str, float]

    @property
    def seconds(self) -> float:
        """The whole load."""
        return sum(self.steps.values())

    @property
    def peak_memory(self) -> float:
        """Of the process that needed most."""
        return max(self.peaks.values())


def load_export(dsn: str, landing: Path) -> Load:
    """Load what lies in `landing`/flat into the warehouse at `dsn`, which must be empty."""
    found = {step: _in_a_process(step, dsn, landing) for step in STEPS}
    return Load(
        **found["to_raw"]["counts"],
        steps={step: what["seconds"] for step, what in found.items()},
        peaks={step: what["peak"] for step, what in found.items()},
    )


def _in_a_process(step: str, dsn: str, landing: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._loader", step, dsn, str(landing)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    what: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return what


def _to_raw(dsn: str, landing: Path) -> tuple[float, dict[str, int]]:
    import duckdb  # noqa: F401
    import pandas as pd  # noqa: F401 - pyarrow does, sooner or later
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401

    from marketflow.privacy import KeyRing, generate_key_ring
    from marketflow.sources import take_in
    from marketflow.sources.places import place_of
    from marketflow.warehouse import connect

    source, shop, clock = _given()
    keys = KeyRing.from_json(generate_key_ring())
    started = time.perf_counter()
    with connect(dsn, "loader") as conn:
        place = place_of(source, conn=conn, landing=landing, clock=clock)
        done = take_in(conn, source, place, keys=keys, clock=clock, shop=shop)
    seconds = time.perf_counter() - started
    return seconds, {"read": done.read, "loaded": done.loaded, "quarantined": done.quarantined}


def _gate(dsn: str, landing: Path) -> tuple[float, dict[str, int]]:
    import great_expectations  # noqa: F401

    from marketflow.quality import judge
    from marketflow.warehouse import connect

    source, _, clock = _given()
    url = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    started = time.perf_counter()
    with connect(dsn, "loader") as conn:
        verdict = judge(conn, url, 1, source=source, clock=clock, docs=landing / "docs")
    assert verdict.passed, verdict.reason
    return time.perf_counter() - started, {}


def _to_core(dsn: str, _landing: Path) -> tuple[float, dict[str, int]]:
    from marketflow.warehouse import build_core, connect

    _, shop, clock = _given()
    started = time.perf_counter()
    with connect(dsn) as conn:
        built = build_core(conn, clock=clock, shop=shop)
    assert built.loads == [1]
    return time.perf_counter() - started, {}


def _given() -> tuple[Source, Shop, Clock]:
    from marketflow.shared import Clock, Shop
    from marketflow.sources import load_source

    shop = Shop(time_zone="Europe/London", country="GB", locale="en-GB", currency="GBP")
    clock = Clock(time_zone=ZoneInfo(shop.time_zone), pinned_day=LAST_DAY + dt.timedelta(days=1))
    return load_source(SOURCE), shop, clock


STEPS: dict[str, Callable[[str, Path], tuple[float, dict[str, int]]]] = {
    "to_raw": _to_raw,
    "gate": _gate,
    "to_core": _to_core,
}

if __name__ == "__main__":
    seconds, counts = STEPS[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
    print(json.dumps({"seconds": seconds, "peak": peak_mib(), "counts": counts}))
