"""An estimate with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEPS = 60  # halvings: of an interval of length 2 they leave 1e-18


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Numbers of one shape: what was found, the ends of its interval, and the two-sided p-value of no difference."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]


def where_it_passes(
    is_left: Callable[[NDArray[np.float64]], Any], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where a condition that holds on the left of a place stops to hold: by halving between `low` and `high`."""
    low, high = low.copy(), high.copy()
    for _ in range(_STEPS):
        middle = (low + high) / 2
        left = is_left(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return (low + high) / 2
