"""Planning: who would get what and who not, for which reason; then a person's decision, then the release.

Reads:  marts.*, ops.table_freshness, privacy.consents, privacy.suppressions, core.customers (for masked samples).
Writes: activation.plans, .plan_members, .campaign_states; activation.sends up to the state `released`.
Never:  writes to the ledger in a dry run; shows a name; releases a plan that waits for approval.
"""

from marketflow.campaigns.planning.control import Cancelled, cancel, hold, set_paused
from marketflow.campaigns.planning.decisions import decide, release
from marketflow.campaigns.planning.explain import Explanation, explain_audience, told
from marketflow.campaigns.planning.plan import plan_campaign
from marketflow.campaigns.planning.preview import Preview, lint_campaign, preview
from marketflow.campaigns.planning.rehearse import rehearse
from marketflow.campaigns.planning.summary import PlanSummary
from marketflow.campaigns.planning.trial import Trial, to_test
from marketflow.campaigns.planning.why import why

__all__ = [
    "Cancelled",
    "Explanation",
    "PlanSummary",
    "Preview",
    "Trial",
    "cancel",
    "decide",
    "explain_audience",
    "hold",
    "lint_campaign",
    "plan_campaign",
    "preview",
    "rehearse",
    "release",
    "set_paused",
    "to_test",
    "told",
    "why",
]
