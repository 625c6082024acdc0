"""Evaluation: what became of campaigns, what followed, and what they brought beside those who were held out.

Reads:  activation.sends, plans, plan_members, tracking_events and delivery_events, privacy.consent_events,
        core.all_orders, events and feedback, models.segment_memberships; files of experiments that were run elsewhere.
Writes: marts.campaign_performance, campaign_results, attributed_orders, campaign_attribution, campaign_arms,
        campaign_uplift; models.pictures.
Never:  changes the ledger; claims that a campaign caused what followed it, without people who were held out.
"""

from marketflow.evaluation.performance import evaluate_campaigns
from marketflow.evaluation.pictures import draw_campaigns, picture_name

__all__ = ["draw_campaigns", "evaluate_campaigns", "picture_name"]
