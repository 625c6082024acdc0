"""A run: read what is known, learn the clusters, keep their numbers, say what they are, measure, store."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg

from marketflow.segments.clusters.backtest import HORIZON_DAYS, scores_of
from marketflow.segments.clusters.features import Span, read_features, read_spending
from marketflow.segments.clusters.identity import Members, kept_numbers, numbered
from marketflow.segments.clusters.learn import SEED, Asked, Made, make
from marketflow.segments.clusters.maps import POINTS, plane
from marketflow.segments.clusters.matrix import WEIGHTS, cleaned
from marketflow.segments.clusters.profiles import named, profiles_of
from marketflow.segments.clusters.store import Named, Points, store
from marketflow.shared import Clock, NotEnoughData
from marketflow.warehouse import ModelRun, ModelSummary, Outcome, fetch_frame, queries, run_model

if TYPE_CHECKING:
    from marketflow.engines.door import Distance

MODEL = "clusters"


def cluster_customers(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    as_of: dt.date | None = None,
    window_days: int = 365,
    k_min: int = 3,
    k_max: int = 8,
    method: Literal["auto", "kmeans", "minibatch", "hierarchical"] = "auto",
    distance: Distance = "euclidean",
    is_test: bool = False,
) -> ModelSummary:
    """Put every customer with a purchase in the `window_days` up to `as_of` (default: the business day) in a cluster.

    Writes one versioned run: models.clusters, and what is known of the clusters in models.cluster_profiles,
    cluster_features, cluster_choices and cluster_points. It is published if it is of the business day, not a test,
    and says more of what customers do in the eight weeks that follow than RFM does, learnt eight weeks earlier.
    A number of clusters from `k_min` to `k_max` is chosen (see `choice.chosen`). method `auto`: k-means, by
    mini-batches for many customers. distance `manhattan`: k-medians. Raises ValueError for what cannot be done.
    """
    asked = Asked(window_days=window_days, k_min=k_min, k_max=k_max, method=method, distance=distance)

    def work(run: ModelRun) -> Outcome:
        horizon = min(HORIZON_DAYS, window_days)
        cut = run.as_of - dt.timedelta(days=horizon)
        return _work(
            conn, run, Span(as_of=run.as_of, cut=cut, window_days=window_days, time_zone=clock.time_zone), asked
        )

    return run_model(
        conn, MODEL, work, clock=clock, as_of=as_of, window_days=window_days, is_test=is_test,
        parameters={**asdict(asked), "seed": SEED},
    )  # fmt: skip


def _work(conn: psycopg.Connection, run: ModelRun, span: Span, asked: Asked) -> Outcome:
    read_spending(conn, span)
    features = cleaned(read_features(conn, span))
    if features.empty:
        raise NotEnoughData(f"nobody bought anything in the {asked.window_days} days until {run.as_of}")
    before = _published(conn, run.as_of)
    made = make(features, asked, before.k)
    clusters, kept = _identify(conn, made, before)
    points = _map(made)
    rows = store(conn, run.run_id, made, clusters, points)
    facts = _facts(made, clusters, points) | {"kept": {str(number): overlap for number, overlap in kept.values()}}
    return Outcome(rows=rows, scores=scores_of(conn, span, made, asked), facts=facts)


@dataclass(frozen=True, kw_only=True)
class _Before:
    """The clusters that are published: who is in which (none: nobody), and their names by number."""

    members: Members
    names: dict[int, str]

    @property
    def k(self) -> int | None:
        return len(self.names) or None


def _published(conn: psycopg.Connection, as_of: dt.date) -> _Before:
    q = queries("clusters")
    run = {"run_id": next((row[0] for row in conn.execute(q["published"], {"as_of": as_of})), None)}
    frame = fetch_frame(conn, q["members_before"], run)
    members = Members(customers=frame["customer_id"].to_numpy(), clusters=frame["cluster_id"].to_numpy())
    return _Before(members=members, names={int(n): str(name) for n, name in conn.execute(q["names_before"], run)})


def _identify(
    conn: psycopg.Connection, made: Made, before: _Before
) -> tuple[list[Named], dict[int, tuple[int, float]]]:
    """Number and name the clusters, as those that are published where they are the same ones.

    Gives also the number before and the Jaccard index of each that was matched. New numbers go by revenue.
    """
    profiles = profiles_of(made.features, made.labels)
    now = Members(customers=made.features["customer_id"].to_numpy(), clusters=made.labels)
    kept = kept_numbers(now, before.members, count=len(profiles))
    row = conn.execute(queries("clusters")["highest_number"]).fetchone()
    order = sorted(range(len(profiles)), key=lambda place: -profiles[place].revenue_share)
    numbers = numbered(kept, order, int(row[0]) if row else 0)
    called = named(profiles, {place: before.names[number] for place, (number, _) in kept.items()})
    found = [
        Named(cluster_id=number, name=name, is_new=place not in kept, profile=profile)
        for place, (number, name, profile) in enumerate(zip(numbers, called, profiles, strict=True))
    ]
    return found, kept


def _map(made: Made) -> Points:
    """Where a sample of the customers lies."""
    import numpy as np

    rows = np.sort(np.random.default_rng(SEED).permutation(len(made.labels))[:POINTS])
    some = made.features.iloc[rows]
    places, shown = plane(made.learnt.scaling.matrix(some), np.log1p(some["revenue"].to_numpy()))
    return Points(rows=rows, x=places[:, 0], y=places[:, 1], shown=shown)


def _facts(made: Made, clusters: list[Named], points: Points) -> dict[str, Any]:
    """What is worth knowing beside the scores."""
    learnt, choice, how = made.learnt, made.learnt.choice, made.learnt.how
    return {
        "customers": len(made.labels),
        "k": len(clusters),
        "k_rule": choice.reason,
        "k_smallest_shares": {str(tried.k): tried.smallest for tried in choice.tried},
        "method": how.method,
        "distance": how.distance,
        "centres": "medians" if how.distance == "manhattan" else "means",
        "seed": how.seed,
        "learnt_from": min(learnt.clusters.learnt_from, len(learnt.sample)),
        "k_tried_on": choice.tried[0].sample_size,
        "features": learnt.scaling.names,
        "weights": WEIGHTS,
        "new": [c.cluster_id for c in clusters if c.is_new],
        "map_points": len(points.rows),
        "map_shows": points.shown,
    }
