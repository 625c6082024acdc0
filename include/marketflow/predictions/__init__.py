"""Predictions: what customers will do, and what will be sold.

Reads:  core.orders, core.customers, core.events, models.segment_memberships, features.daily_sales.
Writes: features.daily_sales; models.customer_values, churn_risks, next_orders, send_times, sales_forecasts and what
        belongs to them; models.pictures, models.runs, models.published.
Never:  sees data of a day after the run's; decides who gets a message.
"""

from marketflow.predictions.churn import foresee_churn
from marketflow.predictions.forecast import forecast_sales
from marketflow.predictions.next_order import foresee_next_orders
from marketflow.predictions.pictures import draw_forecasts
from marketflow.predictions.send_time import find_send_times
from marketflow.predictions.value import value_customers

__all__ = [
    "draw_forecasts",
    "find_send_times",
    "forecast_sales",
    "foresee_churn",
    "foresee_next_orders",
    "value_customers",
]
