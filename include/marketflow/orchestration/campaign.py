"""Each campaign is a DAG of its own: its switch, schedule, history and form are the ones Airflow users know."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from marketflow.orchestration.approval import CampaignApproval, approval_text
from marketflow.orchestration.assets import MARTS, released
from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.defaults import COMMON, as_date, day
from marketflow.shared import settings

if TYPE_CHECKING:
    from marketflow.campaigns import Campaign

log = logging.getLogger(__name__)


def define_campaign(campaign: Campaign) -> DAG:
    """The DAG of a campaign: plan, approve, release. Delivery is another DAG's, across all campaigns."""

    @dag(
        dag_id=campaign.name,
        dag_display_name=campaign.title,
        schedule=_schedule(campaign),
        doc_md=_runbook(campaign),
        tags=["campaign", campaign.channel],
        params=_form(campaign),
        access_control=_access(),
        is_paused_upon_creation=not campaign.enabled,
        **{**COMMON, "default_args": {**COMMON["default_args"], "owner": campaign.owner}},
    )
    def wiring() -> None:
        @task
        def plan(params: dict[str, Any] | None = None) -> dict[str, Any]:
            return plan_occasion(campaign, params or {})

        @task(outlets=[released(campaign.channel)])
        def release(plan: dict[str, Any]) -> int:
            return release_plan(plan)

        approve = CampaignApproval(
            task_id="approve",
            plan_task_id="plan",
            # by way of XCom: what stands here is a template, and a title is what somebody wrote
            subject="{{ ti.xcom_pull(task_ids='plan')['question'] }}",
            body="{{ ti.xcom_pull(task_ids='plan')['approval_text'] }}",
        )
        planned = plan()
        planned >> approve >> release(planned)  # type: ignore[arg-type]

    return wiring()


def plan_occasion(campaign: Campaign, form: dict[str, Any]) -> dict[str, Any]:
    """Plan one occasion; skips the rest of the run after a dry run, a refusal, or when there is nobody new."""
    from marketflow.campaigns import load_contact_policy, plan_campaign
    from marketflow.campaigns.delivery import campaign_stop

    cfg = settings()
    clock = cfg.clock()
    with warehouse() as conn:
        summary = plan_campaign(
            conn,
            campaign,
            business_date=as_date(form["business_date"]) or clock.business_date(),
            occasion=form["occasion"] or None,
            dry_run=form["dry_run"],
            audience_limit=form["audience_limit"],
            subject=form["subject"] or None,
            approval=form["approval"],
            policy=load_contact_policy(),
            keys=key_ring(),
            clock=clock,
        )
        stop = campaign_stop(conn, campaign.name)
    result = asdict(summary)
    result["stop"] = stop
    if stop:
        log.warning("campaign %s was switched off by itself: %s", campaign.name, stop)
    result["question"] = f"Send “{campaign.title}” to {summary.planned:,} people?"
    result["approval_text"] = approval_text(result)
    if form["dry_run"]:
        _finish(result, "dry run: stored as a plan, nothing will be sent")
    if summary.state == "refused":
        _finish(result, f"not planned: {summary.reason}")
    if not summary.planned:
        _finish(result, "nobody new to write to")
    return result


def release_plan(plan: dict[str, Any]) -> int:
    """Let an approved plan's messages go and return how many; again, when they went before: their sender must wake."""
    from marketflow.campaigns import release

    with warehouse() as conn:
        count = release(conn, plan["plan_id"], clock=settings().clock())
    if not count:
        raise AirflowSkipException("nothing of this plan is left to release")
    return count


def _finish(result: dict[str, Any], why: str) -> None:
    """End the run here, with its result where people look for it."""
    get_current_context()["ti"].xcom_push(key="return_value", value=result)
    raise AirflowSkipException(why)


def _schedule(campaign: Campaign) -> list[Asset] | None:
    return None if campaign.trigger.on == "manual" else [MARTS]


def _runbook(campaign: Campaign) -> str:
    return (
        f"# {campaign.title}\n\n{_audience(campaign)}\n\n"
        f"Defined in `include/campaigns/{campaign.name}/`, version `{campaign.definition_version[:12]}`.\n\n"
        "* **plan** counts who gets it and why others do not; *dry run* stops there.\n"
        "* **approve** waits for a person under *Required Actions*, unless the form switches it off.\n"
        "* **release** lets the messages go; `deliver_messages` sends them.\n\n"
        "Running it again for the same occasion reaches only people who were not planned before. "
        "The switch of this DAG pauses messages that are on their way, too.\n\n"
        "**It switches itself off** when too many of its messages bounce or are complained about "
        "(`include/delivery.yaml`): the log of *plan*, the approval and `activation.campaign_states` say why. "
        "To go on, turn the switch of this DAG off and on: the count starts anew.\n"
    )


def _access() -> dict[str, Any] | None:
    role = settings().marketer_role
    return {role: {"DAGs": {"can_read", "can_edit"}}} if role else None


def _audience(campaign: Campaign) -> str:
    audience = campaign.audience
    if audience.accounts:
        return f"A post by {', '.join(audience.accounts)}."
    whom = "who ordered on the business day" if audience.event else f"with `{audience.where}`"
    return f"Goes by {campaign.channel} to customers {whom}."


def _form(campaign: Campaign) -> dict[str, Param]:
    manual = campaign.trigger.on == "manual"
    return {
        "dry_run": Param(
            default=manual,
            type="boolean",
            title="Dry run",
            description_md="Count and show samples only. **Nothing is sent.**",
            section="Sending",
        ),
        "approval": Param(
            default=campaign.approval,
            type="boolean",
            title="A person approves",
            description_md="Wait for a yes under *Required Actions* before anything is released.",
            section="Sending",
        ),
        "audience_limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=10_000_000,
            title="At most so many people",
            description_md="Empty: everybody in the audience.",
            section="Audience",
        ),
        "subject": Param(
            None,
            type=["null", "string"],
            maxLength=150,
            title="Another subject line",
            description_md="Empty: the subject in the campaign's templates.",
            section="Content",
        ),
        "business_date": day(
            "Business day", "The day that the campaign is about. Empty: the last complete day.", section="Occasion"
        ),
        "occasion": Param(
            None,
            type=["null", "string"],
            maxLength=80,
            title="Occasion",
            description_md="Nobody gets this campaign twice for one occasion. Empty: the business day.",
            section="Occasion",
        ),
    }
