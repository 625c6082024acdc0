"""The search for parameters of greatest likelihood: positive numbers, by their logarithms, with a gradient.

Equal rows are counted once with their number (a likelihood is a sum over rows, so nothing is lost).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    # parameters -> (log-likelihood, its derivative by each parameter)
    Likelihood = Callable[[Floats], tuple[float, Floats]]

# What decides between starting points looks at so many rows; the best of them is then followed on all.
_SCREENED = 20_000


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Different rows: each column's values, how many customers each row stands for, and where each customer went."""

    columns: tuple[Floats, ...]
    weights: Floats
    row_of: NDArray[np.int64]

    @property
    def total(self) -> float:
        """How many customers there are."""
        return float(self.weights.sum())

    def few(self) -> Rows:
        """Rows for a first look: every so-manieth of the sorted ones."""
        step = max(1, len(self.weights) // _SCREENED)
        return Rows(columns=tuple(c[::step] for c in self.columns), weights=self.weights[::step], row_of=self.row_of)


def group_rows(*columns: Floats, weights: ArrayLike | None = None) -> Rows:
    """The different rows of `columns`, (customers,) each, sorted by the first, then the second, and so on.

    weights: how many customers each given row stands for. Raises ValueError for weights that are negative, not finite
    or of another number.
    """
    import numpy as np

    given = np.ones(len(columns[0])) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != columns[0].shape or not np.isfinite(given).all() or (given < 0).any():
        raise ValueError("weights are one number per row, zero or more")
    code = np.zeros(len(given), dtype=np.int64)
    for column in columns:
        values, places = np.unique(column, return_inverse=True)
        # numbered anew after each column, so that the product of the counts can't outgrow 64 bits
        code = np.unique(code * len(values) + places, return_inverse=True)[1]
    size = int(code.max()) + 1 if len(code) else 0
    first = np.zeros(size, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code) - 1, -1, -1)
    return Rows(columns=tuple(c[first] for c in columns), weights=sums_by(code, given, size), row_of=code)


def sums_by(place: NDArray[np.int64], values: Floats, size: int) -> Floats:
    """The sum of the values of each place, (size,)."""
    import numpy as np

    return np.asarray(np.bincount(place, weights=values, minlength=size), dtype=np.float64)


def dot(one: Floats, other: Floats) -> float:
    """The sum of products. Not by BLAS, whose threads wait for each other where other tasks keep the cores busy."""
    import numpy as np

    return float(np.einsum("i,i->", one, other))


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Where the search ended."""

    parameters: tuple[float, ...]
    log_likelihood: float


def maximise(
    likelihood: Likelihood,
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    *,
    screen: Likelihood,
) -> Fit:
    """Follow each start on `screen`, a likelihood of fewer rows, and the best of them on `likelihood`.

    Never leaves `bounds`, (lowest, highest) > 0 of each parameter: where the likelihood rises without end, it ends.
    """
    tried = [_follow(screen, start, bounds, rough=True) for start in starts]
    best = max(tried, key=lambda fit: fit.log_likelihood)
    return _follow(likelihood, best.parameters, bounds, rough=False)


def _follow(
    likelihood: Likelihood, start: Sequence[float], bounds: Sequence[tuple[float, float]], *, rough: bool
) -> Fit:
    """L-BFGS-B in logarithms. The sum is divided by its size at the start: tolerances then mean the same anywhere."""
    import numpy as np
    from scipy.optimize import minimize

    limits = np.log(np.array(bounds))
    first = np.clip(np.log(np.array(start)), limits[:, 0], limits[:, 1])
    size = max(1.0, abs(likelihood(np.exp(first))[0]))

    def lost(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, slope = likelihood(parameters)
        return -value / size, -slope * parameters / size

    options: dict[str, Any] = {"maxiter": 100 if rough else 1_000, "maxcor": 20}
    options |= {"ftol": 1e-8, "gtol": 1e-6} if rough else {"ftol": 1e-15, "gtol": 1e-9}
    found = minimize(lost, first, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return Fit(parameters=tuple(float(v) for v in np.exp(found.x)), log_likelihood=-float(found.fun) * size)
