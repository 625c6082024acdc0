"""Send time: the hour and the weekday at which each customer is most active, in her own time zone.

Reads:  core.orders, core.events, core.customers, models.segment_memberships.
Writes: models.send_times, models.send_time_patterns, models.runs, models.published.
Never:  looks at anything later than its day; takes what was done to a customer for something that she did.
"""

from marketflow.predictions.send_time.run import find_send_times

__all__ = ["find_send_times"]
