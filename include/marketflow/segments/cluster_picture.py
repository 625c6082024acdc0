"""The map of the clusters: where customers lie, and what makes each cluster different."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import psycopg

from marketflow.pictures import (
    Caption,
    ClusterCard,
    Picture,
    and_list,
    cluster_map,
    day_in_words,
    no_data,
    number,
    percent,
    readable,
)
from marketflow.warehouse import queries

POINTS = 1_500
_SHOWN = 10
_FEATURES = {
    "recency_days": "days since the last purchase",
    "rhythm_days": "days between purchases",
    "purchase_days": "days with a purchase",
    "revenue": "paid in all",
    "basket": "paid per order",
    "lines": "products per order",
    "discount_share": "discount",
    "weekend_share": "orders at weekends",
    "evening_share": "orders in the evening",
    "household_size": "people in the household",
    "kids": "children",
}


def draw_clusters(conn: psycopg.Connection, run_id: int, as_of: dt.date) -> Picture:
    """Of a run: at most POINTS customers on the map, and the features in which clusters differ most."""
    cards = _cards(conn, run_id)
    shown = sum(len(card.points) for card in cards)
    caption = Caption(
        name="clusters",
        title=f"{len(cards)} groups of customers who buy alike",
        subtitle=f"As of {day_in_words(as_of)}. Each mark is a customer, of a sample of {number(shown)}; "
        "near means alike.\nThe table: how far a group lies from all customers, in standard deviations, up or down.",
        source=f"Source: models.clusters, run {run_id}.",
        description=_in_words(cards, as_of),
    )
    return cluster_map(caption, cards, _strongest(cards)) if cards else no_data(caption, "The run found no cluster.")


def _cards(conn: psycopg.Connection, run_id: int) -> list[ClusterCard]:
    q, values = queries("pictures"), {"run_id": run_id, "most": POINTS}
    places: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for cluster, x, y in conn.execute(q["cluster_points"], values):
        places[cluster].append((x, y))
    differences: dict[int, dict[str, float]] = defaultdict(dict)
    for cluster, feature, difference in conn.execute(q["cluster_features"], values):
        differences[cluster][_in_short(feature)] = difference
    return [
        ClusterCard(
            cluster_id=cluster, name=name, customers=customers, share=share, revenue_share=revenue_share,
            points=places[cluster], differences=differences[cluster],
        )
        for cluster, name, customers, share, revenue_share in conn.execute(q["cluster_profiles"], values)
    ]  # fmt: skip


def _in_short(feature: str) -> str:
    """What a feature measures."""
    words = _FEATURES.get(feature, readable(feature))
    return " ".join(word.lower() if word.isupper() else word for word in words.split())


def _strongest(cards: list[ClusterCard]) -> list[str]:
    """The features in which any cluster is most unlike the others, the strongest first."""
    most: dict[str, float] = {}
    for card in cards:
        for feature, difference in card.differences.items():
            most[feature] = max(most.get(feature, 0.0), abs(difference))
    return sorted(most, key=lambda feature: (-most[feature], feature))[:_SHOWN]


def _in_words(cards: list[ClusterCard], as_of: dt.date) -> str:
    found = []
    for card in cards:
        ordered = sorted(card.differences.items(), key=lambda item: -abs(item[1]))[:2]
        signs = [f"{feature} {'above' if difference > 0 else 'below'} the average" for feature, difference in ordered]
        found.append(
            f"{card.cluster_id}, {card.name}: {number(card.customers)} customers ({percent(card.share)}), "
            f"{percent(card.revenue_share)} of revenue{'; ' + and_list(signs) if signs else ''}"
        )
    return f"Map of {len(cards)} clusters of customers as of {day_in_words(as_of)}. {'. '.join(found)}."
