"""Recommenders: which products go together, and which a customer may like next.

Reads:  core.orders, core.order_lines, core.customers, marts.products (which it brings up to date first).
Writes: models.association_rules, models.product_recommendations, models.runs, models.published.
Never:  decides who gets a message; moves the published pointer for a test or for another day.
"""

from marketflow.recommenders.run import RecommendationSummary, recommend_products

__all__ = ["RecommendationSummary", "recommend_products"]
