r"""Loading a year of order files through `take_in`, against psql's \copy of the same lines into a bare table.

Ours does what ingest does: 364 files, each hashed, held against its contract, entered in the manifest and committed,
into a table with keys, and the customers with their contacts encrypted. The baseline is one file, one statement, no
checks, no keys.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks import Result
from benchmarks._warehouse import Bench, fresh_warehouse
from marketflow.embedded.postgres import binaries
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import Clock
from marketflow.sources import take_in
from marketflow.sources.complete_journey import write_landing
from marketflow.warehouse import connect

ROUNDS = 3  # the best of each: other work on the machine can only slow things down
BARE = """CREATE TABLE public.bare (
    order_id text, customer_id text, store_id text, product_id text, quantity numeric, amount numeric,
    retail_discount numeric, coupon_discount numeric, currency text, ordered_at timestamptz
)"""


def run() -> Result:
    """Rows of orders per second; ours counts the time that the customers take as well."""
    with fresh_warehouse() as bench:
        landing = bench.folder / "landing"
        lines = write_landing(landing, bad_rows=False).order_lines
        whole = _join(landing / "orders", bench.folder / "orders.csv")
        pairs = [(_ours(bench, landing, lines), _baseline(bench, whole)) for _ in range(ROUNDS)]
    return Result(
        name="copy_vs_psql",
        ours=lines / min(o for o, _ in pairs),
        baseline=lines / min(b for _, b in pairs),
        unit="rows/s",
        what="order files, checked, and encrypted customers into raw; baseline: psql \\copy into a bare table",
    )


def _ours(bench: Bench, landing: Path, lines: int) -> float:
    with connect(bench.dsn) as owner:
        owner.execute("TRUNCATE raw.order_lines, raw.customers, ops.loads, ops.landing_files, ops.quarantine CASCADE")
    keys = KeyRing.from_json(generate_key_ring())
    clock = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(2017, 12, 31))
    with connect(bench.dsn, "loader") as conn:
        started = time.perf_counter()
        take_in(conn, "customers", landing=landing, keys=keys, clock=clock)
        summary = take_in(conn, "orders", landing=landing, keys=keys, clock=clock)
        seconds = time.perf_counter() - started
    assert summary.loaded == lines
    return seconds


def _baseline(bench: Bench, whole: Path) -> float:
    with connect(bench.dsn) as owner:
        owner.execute("DROP TABLE IF EXISTS public.bare")
        owner.execute(BARE)
    command = f"\\copy public.bare FROM '{whole}' WITH (FORMAT csv)"
    started = time.perf_counter()
    subprocess.run([binaries() / "psql", "-q", "-d", bench.dsn, "-c", command], check=True)
    return time.perf_counter() - started


def _join(folder: Path, target: Path) -> Path:
    with target.open("wb") as out:
        for path in sorted(folder.glob("*.csv")):
            out.write(path.read_bytes().split(b"\n", 1)[1])
    return target
