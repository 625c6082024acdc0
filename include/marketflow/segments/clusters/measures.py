"""How much the clusters say of what customers do next, beside segments of RFM made of the same day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketflow.segments.clusters.features import SHARE
from marketflow.segments.rules import load_segments, segment_of_triples

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Aspects = dict[str, NDArray[np.float64]]

_FOLDS = 5
_SAME = 1e-12


def aspects_of(customers: pd.DataFrame, after: pd.DataFrame) -> Aspects:
    """What the customers (in the order of `customers`) did next: for each aspect a matrix of customers x columns.

    spend (logarithm of the revenue), purchase_days (logarithm), basket (logarithm), mix (share of each department),
    discount (share), time (shares of weekend and evening). Rows of NaN: who bought nothing has no basket and no mix.
    """
    import numpy as np

    did = customers[["customer_id"]].merge(after, on="customer_id", how="left")
    mix = [c for c in did.columns if c.startswith(SHARE)]
    return {
        "spend": np.log1p(did[["revenue"]].fillna(0.0).clip(lower=0).to_numpy()),
        "purchase_days": np.log1p(did[["purchase_days"]].fillna(0.0).to_numpy()),
        "basket": np.log1p(did[["basket"]].clip(lower=0).to_numpy()),
        "mix": did[mix].to_numpy(),
        "discount": did[["discount_share"]].to_numpy(),
        "time": did[["weekend_share", "evening_share"]].to_numpy(),
    }


def explained(groups: NDArray[np.int64], aspects: Aspects, seed: int) -> dict[str, float]:
    """By aspect, the share of the variance that the customer's group explains; without those in which all are the same.

    Out of sample: a fifth of the customers is foreseen by the means of the others of their group, five times; below 0
    where that is further off than everybody's mean.
    """
    found = {name: _explained(groups, values, seed) for name, values in aspects.items()}
    return {name: value for name, value in found.items() if value is not None}


def rfm_groups(features: pd.DataFrame) -> NDArray[np.int64]:
    """The number of the RFM segment of each customer, by the rules of models.rfm."""
    import numpy as np

    named = segment_of_triples(load_segments())
    numbers = {segment: n for n, segment in enumerate(sorted(set(named.values())))}
    triples = zip(*(scores.tolist() for scores in _rfm_scores(features)), strict=True)
    return np.array([numbers[named[triple]] for triple in triples], dtype=np.int64)


def rfm_slices(features: pd.DataFrame, k: int) -> NDArray[np.int64]:
    """`k` groups of about the same size by the sum of the customer's three scores."""
    import numpy as np

    return _slices(np.sum(_rfm_scores(features), axis=0), k) - 1


def _rfm_scores(features: pd.DataFrame) -> tuple[NDArray[np.int64], ...]:
    ordered = (-features["recency_days"], features["orders"], features["revenue"])
    return tuple(_slices(values.to_numpy(), 5) for values in ordered)


def _slices(values: NDArray[Any], k: int) -> NDArray[np.int64]:
    """1 to k by rank; equal values share the middle of their ranks, as in models.rfm."""
    import numpy as np
    from scipy.stats import rankdata

    scores: NDArray[np.int64] = np.ceil(k * (rankdata(values) - 0.5) / len(values)).astype(np.int64)
    return scores


def _explained(groups: NDArray[np.int64], values: NDArray[np.float64], seed: int) -> float | None:
    import numpy as np

    known = np.isfinite(values).all(axis=1)
    groups, values = groups[known], values[known]
    fold = np.random.default_rng(seed).permutation(len(values)) % _FOLDS
    missed = total = 0.0
    for number in range(_FOLDS if len(values) > _FOLDS and values.size else 0):
        learnt, judged = fold != number, fold == number
        means = _means(groups[learnt], values[learnt], int(groups.max()) + 1)
        missed += float(((values[judged] - means[groups[judged]]) ** 2).sum())
        total += float(((values[judged] - values[learnt].mean(axis=0)) ** 2).sum())
    return 1 - missed / total if total > _SAME * values.size else None


def _means(groups: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Groups x columns; everybody's mean for a group of nobody."""
    import numpy as np

    sizes = np.bincount(groups, minlength=count)[:, None]
    sums = np.array([np.bincount(groups, weights=column, minlength=count) for column in values.T]).T
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), values.mean(axis=0))
