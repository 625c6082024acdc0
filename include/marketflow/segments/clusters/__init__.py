"""Clusters of customers: how they buy, what, when, and who they are.

Reads:  core.orders, core.baskets, core.products, core.customers, core.customer_versions, core.customer_identifiers.
Writes: models.clusters, models.cluster_profiles, models.cluster_features, models.cluster_choices,
        models.cluster_points, models.runs, models.published.
Never:  renumbers a cluster that is still there; looks at anything later than its day.
"""

from marketflow.segments.clusters.run import cluster_customers

__all__ = ["cluster_customers"]
