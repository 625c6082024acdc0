"""Evaluation: what became of the messages, and what the people who got them did.

Reads:  activation.sends, privacy.consent_events, core.orders.
Writes: marts.campaign_performance.
Never:  decides who gets a message, or calls what followed a message its effect.
"""

from marketflow.evaluation.performance import evaluate_campaigns

__all__ = ["evaluate_campaigns"]
