"""Frequent pairs of The Complete Journey: ours, against the fastest of three miners of `pyfim` (Borgelt, compiled C).

Each starts from what it takes: ours from a sparse matrix, the other from a list of items for each basket. The sets are
held against each other. Rounds of the two take turns, and medians count.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks import Result
from benchmarks._baskets import as_lists, baskets_of
from marketflow.engines import engine
from marketflow.engines.local import least_count

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
LEVELS = {"product": 0.0005, "type": 0.005}
TIMES_SLOWER = 1.5
_MINERS = ("eclat", "apriori", "fpgrowth")


def run() -> Result:
    """Seconds for pairs of products; types are beside it, and `what` says if one level is out of the limit."""
    if find_spec("fim") is None:
        sys.exit("pairs_vs_pyfim needs pyfim, which is compiled: make install, with a C compiler and Python's headers")
    found = {level: _level(level, min_support) for level, min_support in LEVELS.items()}
    fastest = {level: min(times[name] for name in _MINERS) for level, times in found.items()}
    within = all(found[level]["ours"] <= TIMES_SLOWER * fastest[level] for level in LEVELS)
    return Result(
        name="pairs_vs_pyfim", ours=found["product"]["ours"], baseline=fastest["product"], unit="s",
        more_is_better=False,
        what=f"frequent pairs of products, support {LEVELS['product']}; baseline: pyfim's fastest"
        + ("" if within else "; OUT OF LIMITS"),
        beside={
            f"{level}, support {LEVELS[level]}, {name}": round(seconds, 4)
            for level, times in found.items()
            for name, seconds in times.items()
        },
    )  # fmt: skip


def _level(level: str, min_support: float) -> dict[str, float]:
    """Seconds by name, of ours and of each of pyfim's miners; the number of `sets`, which are the same."""
    import fim

    matrix, _ = baskets_of(level)
    lists, least = as_lists(matrix), least_count(min_support, matrix.shape[0])
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: engine("local").frequent_itemsets(matrix, min_support=min_support, max_len=2),
        **{name: _miner(getattr(fim, name), lists, least) for name in _MINERS},
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    sets: dict[str, dict[frozenset[int], int]] = {}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            started = time.perf_counter()
            found = work()
            seconds[name].append(time.perf_counter() - started)
            if name not in sets:
                pairs = zip(found["itemsets"], found["baskets"], strict=True) if name == "ours" else found
                sets[name] = {frozenset(members): int(count) for members, count in pairs}
    assert all(each == sets["ours"] for each in sets.values()), "the sets are not the same"
    return {name: median(times) for name, times in seconds.items()} | {"sets": len(sets["ours"])}


def _miner(work: Callable[..., Any], lists: list[list[int]], least: int) -> Callable[[], Any]:
    return lambda: work(lists, target="s", supp=-least, zmin=1, zmax=2, report="a")
