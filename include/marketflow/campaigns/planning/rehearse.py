"""Try a campaign that is not in its folder yet: does its rule select, do its templates render?"""

from __future__ import annotations

import psycopg

from marketflow.campaigns.content import TemplateRefused
from marketflow.campaigns.definition import Campaign, load_contact_policy
from marketflow.campaigns.planning.plan import plan_campaign
from marketflow.campaigns.planning.samples import check_arms
from marketflow.campaigns.planning.summary import PlanSummary
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, DefinitionError


def rehearse(conn: psycopg.Connection, campaign: Campaign, *, keys: KeyRing, clock: Clock) -> PlanSummary:
    """Plan it for today as a dry run of which nothing is kept; the summary may be refused, such as for stale data.

    The contact policy counts, as it does when the campaign runs. Raises DefinitionError for a condition that may not be
    said, a template that cannot be rendered or a policy that cannot be read.
    """
    try:
        check_arms(campaign.frozen, clock.business_date())
    except TemplateRefused as error:
        raise DefinitionError(str(error)) from None
    with conn.transaction(force_rollback=True):
        summary = plan_campaign(
            conn,
            campaign,
            business_date=clock.business_date(),
            dry_run=True,
            policy=load_contact_policy(),
            keys=keys,
            clock=clock,
        )
    if "audience_rule_wrong" in summary.refusals:
        raise DefinitionError(summary.reason or "audience.where")
    return summary
