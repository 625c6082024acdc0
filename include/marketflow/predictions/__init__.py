"""Predictions: what customers will do, and what will be sold.

Reads:  core.orders, core.customers, core.events, models.segment_memberships, features.daily_sales.
Writes: features.daily_sales; models.customer_values, churn_risks, next_orders, send_times, sales_forecasts and what
        belongs to them; models.runs, models.published.
Never:  sees data of a day after the run's; decides who gets a message.
"""
