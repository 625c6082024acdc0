"""Churn: how likely each customer buys nothing within the days of her own rhythm, and why.

Reads:  what `customers` reads.
Writes: models.churn_risks, models.runs, models.published.
Never:  looks at anything later than its day.
"""

from marketflow.predictions.churn.run import foresee_churn

__all__ = ["foresee_churn"]
