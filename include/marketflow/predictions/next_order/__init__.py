"""Next order: when each customer orders next, with an interval.

Reads:  what `customers` reads.
Writes: models.next_orders, models.runs, models.published.
Never:  looks at anything later than its day.
"""

from marketflow.predictions.next_order.run import foresee_next_orders

__all__ = ["foresee_next_orders"]
