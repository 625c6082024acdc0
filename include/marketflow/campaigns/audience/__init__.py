"""Audience: from what a marketer wrote to the ids of customers, without trusting what was written.

Reads:  marts.customer_360 (as the audience role, read-only, with a timeout), marts.customer_days, core.contact_points.
Writes: a temporary table; core.contact_points for the shop's own accounts.
Never:  executes a marketer's text: statements are made anew from an allow-list of parts.
"""

from marketflow.campaigns.audience.predicate import AudienceRefused, compile_predicate
from marketflow.campaigns.audience.select import select_audience

__all__ = ["AudienceRefused", "compile_predicate", "select_audience"]
