"""Rules: what lies together in a basket, of products, of their types and of their categories.

Reads:  core.orders, core.order_lines, core.products, marts.products (which it brings up to date first).
Writes: models.association_rules, models.rule_items, models.runs, models.published.
Never:  proposes anything to a customer; starts on thresholds whose result would not fit.
"""

from marketflow.recommenders.rules.mine import mine_rules, rules_from
from marketflow.recommenders.rules.run import mine_association_rules

__all__ = ["mine_association_rules", "mine_rules", "rules_from"]
