"""Evaluation: what became of campaigns, and what followed.

Reads:  activation.sends, privacy.consent_events, core.orders.
Writes: marts.campaign_performance.
Never:  changes the ledger; claims that a campaign caused what followed it.
"""

from marketflow.evaluation.performance import evaluate_campaigns

__all__ = ["evaluate_campaigns"]
