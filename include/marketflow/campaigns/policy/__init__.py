"""Policy: who of an audience may be written to, and for which reason the others may not.

Reads:  the audience, marts.customer_360, core.contact_points, privacy.consents, privacy.suppressions, the ledger.
Writes: activation.plan_members, one row and one outcome for everybody of the audience.
Never:  decides for good: the sending statement looks at consent and suppression again, last.
"""

from marketflow.campaigns.policy.judge import OUTCOMES, judge

__all__ = ["OUTCOMES", "judge"]
