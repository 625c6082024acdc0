"""What is known of customers as of a day, and the days to learn and to measure on: for churn and next order.

Reads:  core.orders, core.customers.
Writes: nothing.
Never:  looks at anything later than the day that it is asked for, but to see what came true.
"""
