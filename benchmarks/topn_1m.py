"""Two lists of ten products for each of a million customers, of 50,000 products and 30 million interactions.

All that a run does but reading and writing: what goes with what and both rankers are learnt from a tenth of the
customers, then everybody is scored, in parts of the size that the run takes. It is in a process of its own, whose
memory counts: when a tenth of the parts are done, and at the end. The shop is made up: half of the purchases are
habits, others follow one of 50 tastes, and the rest what is popular. `python -m benchmarks.topn_1m CUSTOMERS` prints
what it took as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import Result
from benchmarks._peak import peak_mib
from marketflow.engines import engine
from marketflow.recommenders.products.catalogue import catalogue_of
from marketflow.recommenders.products.history import History
from marketflow.recommenders.products.learning import Shop, Snapshots, days_ago
from marketflow.recommenders.products.listing import Lister
from marketflow.recommenders.products.read import SAMPLE
from marketflow.recommenders.products.write import AT_A_TIME

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
PRODUCTS = 50_000
LENGTH = 10
SECONDS_LIMIT, MEMORY_LIMIT = 15 * 60, 8 * 1024
_EACH = 31  # interactions; a few are the same product on the same day
_TASTES, _HABITS = 50, 5
_SEED = 20260401


def run() -> Result:
    """Seconds of learning and scoring beside the limit; a broken limit is said in `what`."""
    command = [sys.executable, "-m", "benchmarks.topn_1m", str(CUSTOMERS)]
    both = os.environ | {"OMP_NUM_THREADS": "2"}  # the limit is for two cores
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=both, check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    seconds = found["learning, s"] + found["scoring, s"]
    within = seconds < SECONDS_LIMIT and found["peak memory, MiB"] < MEMORY_LIMIT
    return Result(
        name="topn_1m", ours=seconds, baseline=SECONDS_LIMIT, unit="s", more_is_better=False,
        what=f"two lists for {CUSTOMERS:,} customers, {PRODUCTS:,} products; baseline: the limit"
        + ("" if within else "; OUT OF LIMITS"),
        beside={**found, "limit of the memory, MiB": MEMORY_LIMIT},
    )  # fmt: skip


def _measure(customers: int) -> dict[str, float]:
    import numpy as np

    local, started = engine("local"), time.perf_counter()
    sample = np.arange(0, customers, max(1, customers // SAMPLE))
    history = _history(sample)
    made = time.perf_counter() - started  # the shop is not what is measured
    group = np.zeros(len(sample), dtype=np.int64)
    snapshots = Snapshots(
        shop=Shop(
            catalogue=catalogue_of(_products(), engine=local, seed=_SEED), history=history,
            groups=dict.fromkeys(days_ago(), group), group_count=1, engine=local, seed=_SEED,
        )
    )  # fmt: skip
    lister = Lister(
        catalogue=snapshots.shop.catalogue, rankers=snapshots.rankers(0), known=snapshots.known(0), engine=local,
        as_of=dt.date(2026, 1, 1), length=LENGTH,
    )  # fmt: skip
    del snapshots, history
    learnt = time.perf_counter() - started - made
    found = _score(lister, customers)
    return {"learning, s": round(learnt, 1), **found, "peak memory, MiB": round(peak_mib(), 1)}


def _score(lister: Lister, customers: int) -> dict[str, float]:
    """Time without that of making the purchases; rows; the peak memory when a tenth was done."""
    import numpy as np

    seconds, rows, lines, early = 0.0, 0, 0, 0.0
    for start in range(0, customers, AT_A_TIME):
        part = np.arange(start, min(start + AT_A_TIME, customers))
        history = _history(part)
        began = time.perf_counter()
        found = lister.lists(history, np.zeros(len(part), dtype=np.int64))
        seconds += time.perf_counter() - began
        rows, lines = rows + sum(map(len, found.values())), lines + len(history.age)
        if not early and start + AT_A_TIME >= customers / 10:
            early = round(peak_mib(), 1)
    return {
        "scoring, s": round(seconds, 1), "interactions": lines, "rows of lists": rows,
        "peak memory when a tenth was done, MiB": early,
    }  # fmt: skip


def _products() -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    number = np.arange(PRODUCTS)
    levels = {"type": 1_500, "category": 300, "brand": 2_000, "department": 20}
    named = {name: [f"{name} {n}" for n in number % many] for name, many in levels.items()}
    names = [f"{kind} thing {n}" for n, kind in enumerate(named["type"])]
    return pd.DataFrame({"product_id": number, **named, "name": names, "is_recommendable": True})


def _history(customers: NDArray[np.int64]) -> History:
    """A year of purchases, the same of the same customers."""
    import numpy as np

    rng = np.random.default_rng([_SEED, int(customers[0]), len(customers)])
    many = rng.poisson(_EACH, len(customers))
    row = np.repeat(np.arange(len(customers)), many)
    who, size, draw = customers[row], len(row), rng.random(len(row))
    of_taste = PRODUCTS // _TASTES
    taste = who * 2_654_435_761 % _TASTES
    habit = (who * 7_919 + rng.integers(0, _HABITS, size) * 104_729) % of_taste * _TASTES + taste
    to_taste = (of_taste * rng.random(size) ** 3).astype(np.int64) * _TASTES + taste
    popular = (PRODUCTS * rng.random(size) ** 3).astype(np.int64)
    product = np.where(draw < 0.5, habit, np.where(draw < 0.8, to_taste, popular))
    age = rng.integers(0, 365, size)
    basket, product, row, age = np.unique(np.stack([row * 365 + age, product, row, age], axis=1), axis=0).T
    return History(
        customer=row.astype(np.int32), product=product.astype(np.int32), basket=basket, age=age.astype(np.int32),
        customers=len(customers), products=PRODUCTS,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
