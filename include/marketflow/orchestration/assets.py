"""The assets by which DAGs wake each other. They only wake: what there is to do stands in the warehouse."""

from __future__ import annotations

from airflow.sdk import Asset

RAW = {
    "orders": Asset("raw.order_lines"),
    "customers": Asset("raw.customers"),
    "products": Asset("raw.products"),
    "behaviour": Asset("raw.events"),
}
CORE = Asset("core")
SEGMENTS = Asset("models.rfm")
RECOMMENDATIONS = Asset("models.product_recommendations")
MARTS = Asset("marts")
SETTLED = Asset("activation.settled")
PERFORMANCE = Asset("marts.campaign_performance")


def released(channel: str) -> Asset:
    """Messages of a channel were released for sending."""
    return Asset(f"activation.released.{channel}")
