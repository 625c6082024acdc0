"""Audience: from what a marketer wrote to the ids of customers, without trusting what was written.

Reads:  marts.* (as the audience role, read-only, with a timeout), core.contact_points; for the names that a condition
        may use models.rfm_segment_rules, core.event_types, activation.plans and the folders of include/campaigns; for
        events marts.customer_days, marts.open_baskets, core.events and dates of birth.
Writes: temporary tables; activation.taken_events, .event_watermarks; core.contact_points for the shop's own accounts.
Never:  executes a marketer's text: statements are made anew from an allow-list of parts.
"""

from marketflow.campaigns.audience.events import Events, find_events, gather_events
from marketflow.campaigns.audience.predicate import About, AudienceRefused, compile_predicate, tables_read
from marketflow.campaigns.audience.select import select_audience
from marketflow.campaigns.audience.words import ShopWords

__all__ = [
    "About",
    "AudienceRefused",
    "Events",
    "ShopWords",
    "compile_predicate",
    "find_events",
    "gather_events",
    "select_audience",
    "tables_read",
]
