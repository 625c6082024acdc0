"""The assets by which DAGs wake each other. They only wake: what there is to do stands in the warehouse."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAny

CORE = Asset("core")
SEGMENTS = Asset("models.rfm")
CLUSTERS = Asset("models.clusters")
FORESEEN = Asset("models.predictions")
RECOMMENDATIONS = Asset("models.product_recommendations")
CAMPAIGNS_FOR_CUSTOMERS = Asset("models.campaign_recommendations")
MARTS = Asset("marts")
SETTLED = Asset("activation.settled")
TRACKED = Asset("activation.tracking_events")
PERFORMANCE = Asset("marts.campaign_performance")
EXPERIMENTS = Asset("marts.experiment_results")
REPLAYED = Asset("raw.replayed_rows")
# What `evaluate_campaigns` and `judge_experiments` write, not `build_marts`.
_EVALUATED = {
    PERFORMANCE.name, "marts.attributed_orders", "marts.campaign_attribution", "marts.campaign_results",
    "marts.campaign_arms", "marts.campaign_uplift", EXPERIMENTS.name,
}  # fmt: skip


def raw(source: str) -> Asset:
    """A load of a source has passed the gate."""
    return Asset(f"raw.{source}")


def any_raw(sources: list[str]) -> AssetAny:
    """Any ingest, of these sources or of rows that were replayed from quarantine."""
    return AssetAny(REPLAYED, *map(raw, sources))


def mart(table: str) -> Asset:
    """A table of the marts, such as `marts.sales_forecasts`, was brought up to date."""
    return Asset(table)


def marts() -> list[Asset]:
    """All tables that `build_marts` writes; what is made of the ledger is another DAG's."""
    from marketflow.campaigns.definition import mart_tables

    return [mart(table) for table in mart_tables() if table not in _EVALUATED]


def released(channel: str) -> Asset:
    """Messages of a channel were released for sending."""
    return Asset(f"activation.released.{channel}")
