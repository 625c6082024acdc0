"""Next order: how many days until it, as a median with an 80 % interval, from quantile regressions made honest.

Quantiles by gradient boosting of the pinball loss, of waits cut off at the horizon: quantiles below the cut stay what
they are (Powell, "Censored regression quantiles", Journal of Econometrics 32, 1986). Then each kind of interval is
widened or narrowed until it covers what it should on a later day (Romano, Patterson and Candes, "Conformalized
Quantile Regression", 2019).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.predictions.customers.features import SEED
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COVERAGE = 0.8
LEVELS = (0.1, 0.2, 0.5, 0.8, 0.9)
FEWEST = 50
"""Customers to learn from, and of a kind to calibrate it."""
_LOWEST, _LOW, _MIDDLE, _HIGH, _HIGHEST = range(5)
TWO_SIDED, FROM_TOMORROW, OPEN_ENDED = range(3)
_KINDS = ("two_sided", "from_tomorrow", "open_ended")
_BOOSTING = {
    "max_iter": 100, "learning_rate": 0.07, "max_leaf_nodes": 8, "min_samples_leaf": 60, "l2_regularization": 5.0,
    "early_stopping": False, "random_state": SEED,
}  # fmt: skip


@dataclass(frozen=True)
class Foreseen:
    """Days from the features' day, whole and from 1; arrays of (customers,). inf: later than the horizon.

    earliest <= expected <= latest. earliest is horizon + 1 where even that is later.
    """

    expected: Floats
    earliest: Floats
    latest: Floats


@dataclass(frozen=True)
class NextOrderModel:
    """The quantile regressions by LEVELS, and how much each kind of interval is widened: margins of a logarithm.

    Kinds: two-sided, from the 10 % to the 90 % quantile; from tomorrow on until the 80 % quantile, where the 10 % one
    is tomorrow, so that nothing can be missed below; and from the 20 % quantile with an open end, where the 90 % one is
    later than the horizon.
    """

    regressions: tuple[Any, ...]
    horizon_days: int
    margins: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def quantiles(self, signs: Floats) -> Floats:
        """(customers, LEVELS) in days, never crossing: sorted (Chernozhukov, Fernandez-Val and Galichon 2010)."""
        import numpy as np

        with _one_thread():
            found = np.column_stack([r.predict(signs) for r in self.regressions])
        found.sort(axis=1)
        days: Floats = np.clip(found, 1.0, self.horizon_days + 1.0)
        return days

    def foresee(self, signs: Floats) -> Foreseen:
        """The median and the interval of each customer."""
        import numpy as np

        quantiles = self.quantiles(signs)
        kinds = kinds_of(quantiles, self.horizon_days)
        return intervals(quantiles, kinds, np.array(self.margins)[kinds], self.horizon_days)

    def calibrated(self, signs: Floats, waits: Floats) -> NextOrderModel:
        """The model whose intervals cover, of each kind, at least 80 % of these later waits (inf: none was seen)."""
        quantiles = self.quantiles(signs)
        kinds, waits = kinds_of(quantiles, self.horizon_days), cut_off(waits, self.horizon_days)
        margins = [
            _margin(quantiles[kinds == kind], waits[kinds == kind], kind, self.horizon_days)
            for kind in (TWO_SIDED, FROM_TOMORROW, OPEN_ENDED)
        ]
        return NextOrderModel(self.regressions, self.horizon_days, (margins[0], margins[1], margins[2]))

    def margins_by_kind(self) -> dict[str, float]:
        """For the book."""
        return dict(zip(_KINDS, self.margins, strict=True))


def fit_next_orders(signs: Floats, waits: Floats, horizon_days: int) -> NextOrderModel:
    """Learn from signs (customers, signs) and days until the next purchase (customers,), inf where none was seen.

    Raises NotEnoughData for fewer than 50 customers.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    if len(waits) < FEWEST:
        raise NotEnoughData(f"{len(waits)} customers to learn from; at least {FEWEST} are needed")
    target = cut_off(waits, horizon_days)
    with _one_thread():
        fitted = [
            HistGradientBoostingRegressor(loss="quantile", quantile=level, **_BOOSTING).fit(signs, target)
            for level in LEVELS
        ]
    return NextOrderModel(tuple(fitted), horizon_days)


def cut_off(waits: Floats, horizon_days: int) -> Floats:
    """Waits of which all that are later than the horizon are the same: horizon + 1 days."""
    import numpy as np

    return np.minimum(waits, horizon_days + 1.0)


def kinds_of(quantiles: Floats, horizon_days: int) -> NDArray[np.int64]:
    """(customers,): which kind of interval fits these quantiles of LEVELS, see NextOrderModel."""
    import numpy as np

    days = np.round(quantiles)
    tomorrow = (days[:, _LOWEST] <= 1) & (days[:, _HIGH] <= horizon_days)
    later = days[:, _HIGHEST] > horizon_days
    return np.select([tomorrow, later], [FROM_TOMORROW, OPEN_ENDED], TWO_SIDED).astype(np.int64)


def intervals(quantiles: Floats, kinds: NDArray[np.int64], margins: Floats, horizon_days: int) -> Foreseen:
    """Whole days from quantiles of LEVELS, ends moved outwards by `margins` (customers,) of their logarithms."""
    import numpy as np

    latest_known = horizon_days + 1.0
    expected = np.round(quantiles[:, _MIDDLE])
    low = np.where(kinds == OPEN_ENDED, quantiles[:, _LOW], quantiles[:, _LOWEST])
    low = np.where(kinds == FROM_TOMORROW, 1.0, np.round(low * np.exp(-margins)))
    high = np.where(kinds == FROM_TOMORROW, quantiles[:, _HIGH], quantiles[:, _HIGHEST])
    high = np.where(kinds == OPEN_ENDED, latest_known, np.round(high * np.exp(margins)))
    low, high = np.clip(low, 1.0, expected), np.maximum(high, expected)
    return Foreseen(
        expected=np.where(expected > horizon_days, np.inf, expected),
        earliest=low,
        latest=np.where(high > horizon_days, np.inf, high),
    )


def covered(foreseen: Foreseen, waits: Floats) -> NDArray[np.bool_]:
    """(customers,): whether the next purchase came within the interval; `waits` as of cut_off."""
    inside: NDArray[np.bool_] = (waits >= foreseen.earliest) & (waits <= foreseen.latest)
    return inside


def _one_thread() -> AbstractContextManager[Any]:
    """Boosting's threads wait for each other by spinning: two beside other work take five times as long as one."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _margin(quantiles: Floats, waits: Floats, kind: int, horizon_days: int) -> float:
    """The smallest margin that covers enough; 0 where there are too few customers of the kind to tell."""
    import numpy as np

    if len(waits) < FEWEST:
        return 0.0
    kinds = np.full(len(waits), kind)
    wanted = min(1.0, COVERAGE * (1 + 1 / len(waits)))
    for margin in np.arange(-2.0, 2.01, 0.02):
        foreseen = intervals(quantiles, kinds, np.full(len(waits), margin), horizon_days)
        if covered(foreseen, waits).mean() >= wanted:
            return float(margin)
    return 2.0
