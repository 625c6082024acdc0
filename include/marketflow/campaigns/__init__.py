"""Campaigns: what users write in include/campaigns/<name>/, and the way from an audience to released messages.

Reads:  include/campaigns, marts.*, core.contact_points, core.customers, privacy.*, ops.table_freshness.
Writes: activation.* and, for the shop's own accounts, core.contact_points.
Never:  builds a mart, runs a model, or sends anything before its plan is released.
"""

from marketflow.campaigns.content import RenderedMessage, Renderer, TemplateRefused
from marketflow.campaigns.definition import Campaign, find_campaigns, load_campaigns, write_campaign
from marketflow.campaigns.planning import PlanSummary, decide, plan_campaign, rehearse, release, set_paused, to_test

__all__ = [
    "Campaign",
    "PlanSummary",
    "RenderedMessage",
    "Renderer",
    "TemplateRefused",
    "decide",
    "find_campaigns",
    "load_campaigns",
    "plan_campaign",
    "rehearse",
    "release",
    "set_paused",
    "to_test",
    "write_campaign",
]
