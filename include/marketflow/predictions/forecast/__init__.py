"""Sales forecast: revenue of the days to come, in all, by category and by segment, with intervals.

Reads:  core.orders, core.baskets, core.products, core.campaigns, core.coupons, models.segment_memberships.
Writes: features.daily_sales and its marks; models.sales_forecasts, models.forecast_scores, models.runs.
Never:  sees a day after the run's; adds the series up: each is forecast by itself.
"""

from marketflow.predictions.forecast.run import forecast_sales

__all__ = ["forecast_sales"]
