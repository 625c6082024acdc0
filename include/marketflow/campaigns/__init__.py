"""Campaigns: what users write in include/campaigns/<name>/, and the way from an audience to released messages.

Reads:  include/campaigns, marts.*, core.contact_points, core.customers, privacy.*, ops.table_freshness.
Writes: activation.* and, for the shop's own accounts, core.contact_points.
Never:  builds a mart, runs a model, or sends anything before its plan is released.
"""

from marketflow.campaigns.content import RenderedMessage, Renderer, TemplateRefused
from marketflow.campaigns.definition import (
    Campaign,
    ContactPolicy,
    find_campaigns,
    load_campaigns,
    load_contact_policy,
    write_campaign,
)
from marketflow.campaigns.planning import (
    Explanation,
    PlanSummary,
    Preview,
    cancel,
    decide,
    explain_audience,
    hold,
    lint_campaign,
    plan_campaign,
    preview,
    rehearse,
    release,
    set_paused,
    to_test,
    told,
    why,
)

__all__ = [
    "Campaign",
    "ContactPolicy",
    "Explanation",
    "PlanSummary",
    "Preview",
    "RenderedMessage",
    "Renderer",
    "TemplateRefused",
    "cancel",
    "decide",
    "explain_audience",
    "find_campaigns",
    "hold",
    "lint_campaign",
    "load_campaigns",
    "load_contact_policy",
    "plan_campaign",
    "preview",
    "rehearse",
    "release",
    "set_paused",
    "to_test",
    "told",
    "why",
    "write_campaign",
]
