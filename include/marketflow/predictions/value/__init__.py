"""Customer value: how often each customer will buy within a horizon, and for how much.

Reads:  core.orders.
Writes: models.customer_values, models.runs, models.published.
Never:  looks at anything later than its day.
"""

from marketflow.predictions.value.run import value_customers

__all__ = ["value_customers"]
