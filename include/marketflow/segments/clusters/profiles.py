"""What makes each cluster different: in numbers, in words, and by a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.segments.clusters import words
from marketflow.segments.clusters.features import PEOPLE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_KNOWN_ENOUGH = 30  # people of whom something must be known to speak of it


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A cluster beside all customers. By feature: means, and the difference in standard deviations of all.

    customers: how many. share and revenue_share: of all customers and of their revenue, 0 to 1.
    """

    customers: int
    share: float
    revenue_share: float
    mean: dict[str, float]
    overall: dict[str, float]
    difference: dict[str, float]


def profiles_of(features: pd.DataFrame, labels: NDArray[np.int64]) -> list[Profile]:
    """One for each of the labels 0, 1, ... (all there), from cleaned features; what nobody is known for is left out.

    A feature in which all are the same has the difference 0.
    """
    import numpy as np

    columns = [str(c) for c in features.columns if c not in {"customer_id", "orders"}]
    values, revenue = features[columns], features["revenue"].to_numpy()
    overall, spread = values.mean().to_numpy(), values.std(ddof=0).to_numpy()
    groups = values.groupby(labels)
    means, known = groups.mean().to_numpy(), groups.count().to_numpy()
    differences = (means - overall) / np.where(spread > 0, spread, np.inf)
    sizes, paid = np.bincount(labels), np.bincount(labels, weights=revenue)
    least = np.array([_KNOWN_ENOUGH if c in PEOPLE else 1 for c in columns])
    found = []
    for label in range(len(sizes)):
        told = np.flatnonzero(known[label] >= least)
        mean, everybody, apart = (
            {columns[n]: float(row[n]) for n in told} for row in (means[label], overall, differences[label])
        )
        share, paid_share = sizes[label] / len(labels), paid[label] / max(revenue.sum(), 0.01)
        found.append(
            Profile(
                customers=int(sizes[label]), share=float(share), revenue_share=float(paid_share), mean=mean,
                overall=everybody, difference=apart,
            )
        )  # fmt: skip
    return found


def named(profiles: list[Profile], before: dict[int, str]) -> list[str]:
    """A name for each profile, no two the same.

    before: by place in the list, what the cluster was called in the run before. It keeps that name while each of the
    name's words still holds; otherwise it is called anew, by what makes it most different now.
    """
    names: dict[int, str] = {}
    for place, old in before.items():
        if words.still_fits(old, profiles[place].difference) and old not in names.values():
            names[place] = old
    for place, profile in enumerate(profiles):
        if place not in names:
            names[place] = _free(profile, set(names.values()))
    return [names[place] for place in range(len(profiles))]


def _free(profile: Profile, taken: set[str]) -> str:
    """The shortest name that is not taken."""
    candidates = words.names_of(profile.difference)
    longest = candidates[-1]
    numbered = (f"{longest} ({n})" for n in range(2, len(taken) + 3))
    return next(name for name in (*candidates, *numbered) if name not in taken)
