"""How often a customer buys: her own gaps between purchases, shrunk towards everybody's while she has few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WEIGHT = 3.0
"""How many gaps of one's own everybody's rhythm counts for."""
QUANTILE = 0.9
"""Which share of a customer's gaps is to be shorter than her churn days."""
_NORMAL_QUANTILE = 1.2815515655446004  # of QUANTILE, of the normal distribution
_NO_GAP_DAYS = 30.0  # where nobody has bought twice
_NO_GAP_STD = 1.0


@dataclass(frozen=True)
class Rhythm:
    """Mean and standard deviation of the logarithms of gaps in days, of each customer: arrays of (customers,)."""

    mean: Floats
    std: Floats

    def part(self, rows: slice) -> Rhythm:
        """That of these customers."""
        return Rhythm(self.mean[rows], self.std[rows])

    def usual_gap(self) -> Floats:
        """The gap in days that is as often exceeded as not, were the gaps log-normal."""
        import numpy as np

        gap: Floats = np.exp(self.mean)
        return gap

    def churn_days(self, shortest: int, longest: int) -> NDArray[np.int64]:
        """N: after how many days without a purchase a customer counts as gone, from `shortest` to `longest`.

        N is the 90 % quantile of her own gaps, were they log-normal, rounded up: exp(mean + 1.28 std), where
        mean = (n m + 3 M) / (n + 3) and std^2 = ((n - 1) s^2 + 3 S^2) / (n + 2), of her n gaps with mean m and
        standard deviation s of their logarithms, and M and S those of everybody.
        """
        import numpy as np

        days = np.ceil(np.exp(np.minimum(self.mean + _NORMAL_QUANTILE * self.std, 20.0)))
        return np.clip(days, shortest, longest).astype(np.int64)


def rhythm_of(features: pd.DataFrame) -> Rhythm:
    """The rhythm of each customer as of the features' day; everybody's is that of all customers in the frame."""
    import numpy as np

    gaps = features["purchase_days"].to_numpy(np.float64) - 1
    mean = features["mean_log_gap"].fillna(0.0).to_numpy(np.float64)
    std = features["std_log_gap"].fillna(0.0).to_numpy(np.float64)
    once, twice = gaps >= 1, gaps >= 2
    all_mean = float(mean[once].mean()) if once.any() else float(np.log(_NO_GAP_DAYS))
    all_var = float((std[twice] ** 2).mean()) if twice.any() else _NO_GAP_STD**2
    freedom = np.maximum(gaps - 1, 0)
    return Rhythm(
        mean=(gaps * mean + WEIGHT * all_mean) / (gaps + WEIGHT),
        std=np.sqrt((freedom * std**2 + WEIGHT * all_var) / (freedom + WEIGHT)),
    )
