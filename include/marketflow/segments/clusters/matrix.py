"""From what is known of the customers to the matrix in which near means alike. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.segments.clusters.features import PEOPLE, SHARE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# What is counted or paid is spread over powers of ten: its logarithm is not.
_LOGARITHMS = ("recency_days", "purchase_days", "revenue", "basket", "rhythm_days", "lines")
_HABITS = ("discount_share", "weekend_share", "evening_share")
# How much each group of features has to say, as its share of the variance; by columns, the mix would drown the rest.
# Chosen on The Complete Journey as of August to October 2017, before the weeks that the scores are of: with a mix that
# weighs half as much as how people buy, the clusters come out again in other samples, and say more of what follows.
WEIGHTS = {"value": 1.0, "habits": 0.1, "mix": 0.5, "people": 0.05}
_TRUST = 3.0  # orders; shares of one order say little, so that each has so many of the average customer beside it
_ENDS = (0.01, 0.99)  # the quantiles to which a feature is clipped
_SAME = 1e-9  # a column that is spread less has one value for all


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How the columns were clipped and scaled, to do the same with other customers or another day."""

    names: list[str]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    averages: dict[str, float]

    def matrix(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Customers x names. What is not known lies in the middle: it makes nobody alike or different."""
        import numpy as np

        values = transformed(features, self.averages)[self.names].to_numpy()
        scaled: NDArray[np.float64] = (np.clip(values, self.low, self.high) - self.mean) * self.scale
        return np.nan_to_num(scaled)


def cleaned(features: pd.DataFrame) -> pd.DataFrame:
    """As given, with a value for all that must have one: what is no number is missing, and revenue is 0 at least."""
    import numpy as np

    found = features.copy()
    columns = [c for c in found.columns if c not in {"customer_id", "orders"}]
    found[columns] = found[columns].replace([np.inf, -np.inf], np.nan)
    for name in _LOGARITHMS:
        found[name] = found[name].clip(lower=0)
    shares = [c for c in columns if c.startswith(SHARE) or c.endswith("_share")]
    found[shares] = found[shares].clip(0, 1)
    behaviour = [c for c in columns if c not in PEOPLE and not c.startswith(SHARE)]
    found[behaviour] = found[behaviour].fillna(found[behaviour].median()).fillna(0.0)
    return found


def averages_of(features: pd.DataFrame) -> dict[str, float]:
    """The mean of each share over the customers: what is assumed of who has ordered little."""
    shares = [c for c in features.columns if c.startswith(SHARE) or c.endswith("_share")]
    return {str(name): float(value) for name, value in features[shares].mean().fillna(0.0).items()}


def transformed(features: pd.DataFrame, averages: dict[str, float]) -> pd.DataFrame:
    """The columns made comparable: logarithms of counts and amounts, shares of few orders drawn to the average.

    Of the mix the square roots of the shares: these give the Hellinger distance (Legendre and Gallagher 2001).
    """
    import numpy as np
    import pandas as pd

    found = {name: np.log1p(features[name]) for name in _LOGARITHMS}
    orders = features["orders"].astype(float)
    for name, average in averages.items():
        drawn = (orders * features[name].fillna(average) + _TRUST * average) / (orders + _TRUST)
        found[name] = np.sqrt(drawn) if name.startswith(SHARE) else drawn
    return pd.DataFrame(found | {name: features[name] for name in PEOPLE})


def fit_scaling(features: pd.DataFrame, weights: dict[str, float] = WEIGHTS) -> Scaling:
    """Learn from cleaned features how to clip and scale; columns in which all are the same are left out.

    Each column has mean 0. Columns get the same variance within their group, except for the mix, whose departments keep
    their proportions: what hardly anybody buys says little of anybody. The group's variance is its weight.
    """
    import numpy as np

    averages = averages_of(features)
    values = transformed(features, averages)
    low, high = (values.quantile(q) for q in _ENDS)
    values = values.clip(low, high, axis=1)
    spread = values.std(ddof=0).fillna(0.0)
    names = [str(name) for name in values.columns if spread[name] > _SAME]
    groups = [group_of(name) for name in names]
    mix = float(np.sqrt((spread[[n for n in names if n.startswith(SHARE)]] ** 2).sum()))
    divisor = [mix if g == "mix" else spread[n] * groups.count(g) ** 0.5 for n, g in zip(names, groups, strict=True)]
    return Scaling(
        names=names, low=low[names].to_numpy(), high=high[names].to_numpy(), mean=values[names].mean().to_numpy(),
        scale=np.array([weights[g] ** 0.5 for g in groups]) / np.array(divisor), averages=averages,
    )  # fmt: skip


def group_of(name: str) -> str:
    """The group that a column belongs to: value, habits, mix or people."""
    if name in PEOPLE:
        return "people"
    if name.startswith(SHARE):
        return "mix"
    return "habits" if name in _HABITS else "value"
