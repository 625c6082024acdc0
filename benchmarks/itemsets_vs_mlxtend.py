"""Frequent itemsets of The Complete Journey: ours, against `mlxtend.fpgrowth` on the plain one-hot table.

The plain table has a column for each of 2,242 types. For products it would need 68,509 columns and 10 GiB, and mlxtend
more to work with it: there only ours runs, and its memory counts. Each runs in a process of its own, from the purchases
as they are delivered; reading them is not counted as time. `python -m benchmarks.itemsets_vs_mlxtend WAY LEVEL SUPPORT`
does one, and prints what it took as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import Result
from benchmarks._baskets import baskets_of
from benchmarks._peak import peak_mib
from marketflow.embedded.memory import PeakMemory

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
TYPES, PRODUCTS = ("type", 0.005), ("product", 0.001)
TIMES_FASTER, MEMORY_LIMIT = 5, 1024


def run() -> Result:
    """Seconds at type level, the median of ours beside one run of mlxtend; a broken limit is said in `what`."""
    ours, plain, products = (
        _in_a_process("ours", *TYPES),
        _in_a_process("plain", *TYPES),
        _in_a_process("ours", *PRODUCTS),
    )
    assert (ours["digest"], ours["sets"]) == (plain["digest"], plain["sets"]), "the sets are not the same"
    within = plain["seconds"] >= TIMES_FASTER * ours["seconds"] and products["peak"] < MEMORY_LIMIT
    return Result(
        name="itemsets_vs_mlxtend", ours=ours["seconds"], baseline=plain["seconds"], unit="s", more_is_better=False,
        what=f"frequent sets of types, support {TYPES[1]}; baseline: mlxtend.fpgrowth on the one-hot table"
        + ("" if within else "; OUT OF LIMITS"),
        beside={
            "sets of types": ours["sets"],
            "peak memory, types, MiB": round(ours["peak"]),
            "peak memory, types, mlxtend, MiB": round(plain["peak"]),
            f"products, support {PRODUCTS[1]}, s": round(products["seconds"], 3),
            "sets of products": products["sets"],
            f"peak memory, products, MiB (under {MEMORY_LIMIT})": round(products["peak"]),
        },
    )  # fmt: skip


def _in_a_process(way: str, level: str, min_support: float) -> dict[str, Any]:
    """What it printed, and the process's highest memory in MiB: as it says itself, and as it was seen from outside."""
    command = [sys.executable, "-m", "benchmarks.itemsets_vs_mlxtend", way, level, str(min_support)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True)
    with PeakMemory(lambda: [process.pid]) as memory:
        printed, _ = process.communicate()
    assert process.returncode == 0, f"{way} at {level} level ended with {process.returncode}"
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found | {"peak": max(memory.peak, found["peak"])}


def _ours(baskets: sp.csr_array, min_support: float) -> Callable[[], pd.DataFrame]:
    from marketflow.engines import engine

    return lambda: engine("local").frequent_itemsets(baskets, min_support=min_support)


def _plain(baskets: sp.csr_array, min_support: float) -> Callable[[], pd.DataFrame]:
    """The one-hot table is made beforehand, and not counted as time."""
    import pandas as pd
    from mlxtend.frequent_patterns import fpgrowth

    table = pd.DataFrame(baskets.astype(bool).toarray())
    return lambda: fpgrowth(table, min_support=min_support)


def _once(way: str, level: str, min_support: float) -> dict[str, Any]:
    baskets, _ = baskets_of(level)
    work = {"ours": _ours, "plain": _plain}[way](baskets, min_support)
    seconds = []
    for _ in range(ROUNDS if way == "ours" else 1):
        started = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - started)
    counts = (found["support"] * baskets.shape[0]).round().astype(int).tolist()
    sets = sorted((sorted(map(int, members)), n) for members, n in zip(found["itemsets"], counts, strict=True))
    digest = hashlib.sha256(json.dumps(sets).encode()).hexdigest()
    return {"seconds": median(seconds), "sets": len(sets), "digest": digest, "peak": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_once(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
