"""What a run writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from marketflow.segments.clusters import words
from marketflow.warehouse import copy_frame

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.segments.clusters.choice import Choice
    from marketflow.segments.clusters.learn import Made
    from marketflow.segments.clusters.profiles import Profile


@dataclass(frozen=True, kw_only=True)
class Named:
    """A cluster with its number and name; `is_new`: it is none of the clusters that are published."""

    cluster_id: int
    name: str
    is_new: bool
    profile: Profile


@dataclass(frozen=True, kw_only=True)
class Points:
    """Rows of the features, where they lie on the map, and how much of the variance each axis shows."""

    rows: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    shown: list[float]


def store(conn: psycopg.Connection, run_id: int, made: Made, clusters: list[Named], points: Points) -> int:
    """Write all under the run; labels are places in `clusters`. Gives the number of customers."""
    import numpy as np
    import pandas as pd

    numbers = np.array([c.cluster_id for c in clusters])[made.labels]
    customers = made.features["customer_id"].to_numpy()
    members = pd.DataFrame({"customer_id": customers, "cluster_id": numbers, "distance": made.distance})
    shown = {"customer_id": customers[points.rows], "cluster_id": numbers[points.rows]}
    for table, frame in (
        ("cluster_profiles", _profiles(clusters)),
        ("cluster_features", _features(clusters)),
        ("cluster_choices", _choices(made.learnt.choice)),
        ("cluster_points", pd.DataFrame({**shown, "x": points.x, "y": points.y})),
    ):
        copy_frame(conn, f"models.{table}", frame.assign(run_id=run_id))
    return copy_frame(conn, "models.clusters", members.assign(run_id=run_id))


def _profiles(clusters: list[Named]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "cluster_id": c.cluster_id, "name": c.name, "is_new": c.is_new, "customers": c.profile.customers,
                "description": words.describe(c.profile.mean, c.profile.overall, c.profile.difference),
                "share": c.profile.share, "revenue_share": c.profile.revenue_share,
            }
            for c in clusters
        ]
    )  # fmt: skip


def _features(clusters: list[Named]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "cluster_id": c.cluster_id, "feature": feature, "mean": mean,
                "overall_mean": c.profile.overall[feature], "difference": c.profile.difference[feature],
            }
            for c in clusters
            for feature, mean in c.profile.mean.items()
        ]
    )  # fmt: skip


def _choices(choice: Choice) -> pd.DataFrame:
    import pandas as pd

    columns = ("k", "silhouette", "calinski_harabasz", "stability", "sample_size")
    frame = pd.DataFrame([{name: getattr(tried, name) for name in columns} for tried in choice.tried])
    scores = ["silhouette", "calinski_harabasz", "stability"]
    return frame.astype(dict.fromkeys(scores, float)).assign(is_chosen=frame["k"] == choice.k)
