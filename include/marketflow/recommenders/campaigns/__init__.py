"""Campaigns for customers: how likely each one answers each campaign that runs or comes, and why.

Reads:  core.campaigns, core.coupons, core.events, core.orders, core.baskets, core.products, activation.sends.
Writes: models.campaign_recommendations, models.runs, models.published.
Never:  decides who gets a campaign; looks at anything later than its day.
"""

from marketflow.recommenders.campaigns.run import recommend_campaigns

__all__ = ["recommend_campaigns"]
