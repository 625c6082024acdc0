"""BG/NBD of a million customers' summaries, simulated by the model itself: ours, against a plain fit with scipy.

Each fit is in a process of its own, whose peak memory (VmHWM) counts. The plain one is as it is written first: the
likelihood of every customer as the paper has it, and its slope by differences. `python -m benchmarks.bgnbd_1m WAY FILE`
does one for the summaries in FILE and prints what it took as JSON. Beside it stand the parameters of CDNOW's sample.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import Result
from benchmarks._peak import peak_mib
from marketflow.predictions.value.bgnbd import fit_bgnbd
from marketflow.predictions.value.gamma_gamma import fit_gamma_gamma

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
SEED = 20260401
SECONDS_LIMIT, MEMORY_LIMIT = 60, 1024
_TRUE = {"r": 0.8, "alpha": 6.0, "a": 0.8, "b": 4.0}
_WEEKS = 104
_PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "gamma": 15.44}


def run() -> Result:
    """Seconds of both fits; `what` says if a limit is broken, or if CDNOW's parameters are not the published ones."""
    with tempfile.TemporaryDirectory(prefix="marketflow-bench-") as folder:
        path = Path(folder) / "summaries.npy"
        _simulate(path)
        ours, plain = (_in_a_process(way, path) for way in ("ours", "plain"))
    cdnow = _cdnow()
    within = ours["seconds"] < SECONDS_LIMIT and ours["peak"] < MEMORY_LIMIT
    return Result(
        name="bgnbd_1m", ours=ours["seconds"], baseline=plain["seconds"], unit="s", more_is_better=False,
        what=f"BG/NBD of {CUSTOMERS:,} customers; baseline: scipy without grouping and gradient"
        + ("" if within else "; OUT OF LIMITS") + ("" if cdnow == _PUBLISHED else "; NOT THE PUBLISHED PARAMETERS"),
        beside={
            f"peak memory, MiB (under {MEMORY_LIMIT})": round(ours["peak"], 1),
            "peak memory of the baseline, MiB": round(plain["peak"], 1),
            "log-likelihood above the baseline's": round(ours["log_likelihood"] - plain["log_likelihood"], 3),
            **{f"{name} found (simulated with {true})": round(ours[name], 3) for name, true in _TRUE.items()},
            **{f"CDNOW {name} (published {_PUBLISHED[name]})": found for name, found in cdnow.items()},
        },
    )  # fmt: skip


def _simulate(path: Path) -> None:
    """Write (x, t_x, T) in weeks, (3, customers): purchases to the day, of customers who came within two years."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    rate = rng.gamma(_TRUE["r"], 1 / _TRUE["alpha"], CUSTOMERS) / 7
    leaves = rng.beta(_TRUE["a"], _TRUE["b"], CUSTOMERS)
    age = rng.integers(1, 7 * _WEEKS + 1, CUSTOMERS)
    bought, last, now = np.zeros(CUSTOMERS), np.zeros(CUSTOMERS), np.zeros(CUSTOMERS)
    there = np.flatnonzero(rate > 0)
    while len(there):
        now[there] += rng.exponential(size=len(there)) / rate[there]
        there = there[now[there] < age[there]]
        day = np.ceil(now[there])
        bought[there] += day > last[there]  # purchases of a day are one
        last[there] = day
        there = there[rng.random(len(there)) >= leaves[there]]
    np.save(path, np.stack([bought, last / 7, age / 7]))


def _in_a_process(way: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bgnbd_1m", way, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ours(x: Floats, t_x: Floats, age: Floats) -> dict[str, float]:
    return dict(vars(fit_bgnbd(x, t_x, age)))


def _plain(x: Floats, t_x: Floats, age: Floats) -> dict[str, float]:
    """Equation (6) of the paper for each customer, maximised by its differences."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import gammaln

    def lost(logs: Floats) -> float:
        r, alpha, a, b = np.exp(logs)
        one = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        two = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        three = -(r + x) * np.log(alpha + age)
        four = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
        top = np.maximum(three, four)
        both = np.where(x > 0, top + np.log(np.exp(three - top) + np.exp(four - top)), three)
        return -float(np.mean(one + two + both))

    found = minimize(lost, np.zeros(4), method="L-BFGS-B")
    level = -float(found.fun) * len(x)
    return dict(zip(("r", "alpha", "a", "b"), np.exp(found.x).tolist(), strict=True)) | {"log_likelihood": level}


def _cdnow() -> dict[str, float]:
    """What comes out for CDNOW's sample until 30 September 1997, rounded as it was published."""
    import datetime as dt

    end = dt.date(1997, 9, 30)
    days: dict[str, dict[dt.date, float]] = defaultdict(lambda: defaultdict(float))
    for line in _sample().splitlines():
        _, customer, on, _, dollars = line.split()
        day = dt.date.fromisoformat(on)
        if day <= end:
            days[customer][day] += float(dollars)
    x, t_x, age, mean = [], [], [], []
    for bought in days.values():
        first, *later = sorted(bought)
        x.append(len(later))
        t_x.append((max(bought) - first).days / 7)
        age.append((end - first).days / 7)
        mean.append(sum(bought[day] for day in later) / len(later) if later else 0.0)
    found = {**vars(fit_bgnbd(x, t_x, age)), **vars(fit_gamma_gamma(x, mean))}
    return {name: round(found[name], 3 if name in _TRUE else 2) for name in _PUBLISHED}


def _sample() -> str:
    spec = find_spec("lifetimes")
    assert spec is not None, "`make install` brings it"
    (folder,) = spec.submodule_search_locations or ()
    return (Path(folder) / "datasets/CDNOW_sample.txt").read_text()


def _measure(fit: Callable[[Floats, Floats, Floats], dict[str, float]], path: Path) -> dict[str, Any]:
    import numpy as np
    import scipy.optimize
    import scipy.special  # noqa: F401 - both are there before the clock starts

    x, t_x, age = np.load(path)
    started = time.perf_counter()
    found = fit(x, t_x, age)
    return {**found, "seconds": time.perf_counter() - started, "peak": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_measure({"ours": _ours, "plain": _plain}[sys.argv[1]], Path(sys.argv[2]))))
