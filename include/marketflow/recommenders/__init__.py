"""Recommenders: which products go together, what a customer may buy again or like next, which campaign is for whom.

Reads:  core.orders, core.baskets, core.products, core.customers, models.segment_memberships, marts.products (which it
        brings up to date first).
Writes: models.association_rules, models.rule_items, models.product_recommendations, models.related_products,
        models.runs, models.published.
Never:  decides who gets a message; moves the published pointer for a test or for another day.
"""

from marketflow.recommenders.products import recommend_products, relate_products
from marketflow.recommenders.rules import mine_association_rules

__all__ = ["mine_association_rules", "recommend_products", "relate_products"]
