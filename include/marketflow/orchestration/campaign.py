"""Each campaign is a DAG of its own: its switch, schedule, history and form are the ones Airflow users know."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.approval import CampaignApproval, approval_text
from marketflow.orchestration.assets import released
from marketflow.orchestration.campaign_form import campaign_form
from marketflow.orchestration.campaign_schedule import business_day, schedule_of
from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.defaults import COMMON, PLANNING_LIMIT, actor, as_date
from marketflow.shared import DefinitionError, settings

if TYPE_CHECKING:
    from marketflow.campaigns import Campaign

log = logging.getLogger(__name__)


def define_campaign(campaign: Campaign) -> DAG:
    """The DAG of a campaign: plan, approve, release. Delivery is another DAG's, across all campaigns."""

    @dag(
        dag_id=campaign.name,
        dag_display_name=campaign.title,
        schedule=schedule_of(campaign),
        doc_md=_runbook(campaign),
        tags=["campaign", campaign.channel],
        params=campaign_form(campaign),
        access_control=_access(),
        is_paused_upon_creation=not campaign.enabled,
        **{**COMMON, "default_args": {**COMMON["default_args"], "owner": campaign.owner}},
    )
    def wiring() -> None:
        @task(execution_timeout=PLANNING_LIMIT)
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
    from marketflow.campaigns import load_contact_policy, plan_campaign, to_test
    from marketflow.campaigns.audience.condition import count_customers
    from marketflow.campaigns.delivery import campaign_stop

    clock = settings().clock()
    try:
        trial = to_test(form.get("test_addresses") or [], actor=actor())
    except DefinitionError as error:  # trying again would not mend it
        raise AirflowFailException(str(error)) from None
    if trial is not None and campaign.channel != "email":
        raise AirflowFailException(f"test addresses are for mails; {campaign.name} goes by {campaign.channel}")
    with warehouse() as conn:
        summary = plan_campaign(
            conn,
            campaign,
            business_date=as_date(form["business_date"]) or business_day(get_current_context(), clock),
            occasion=form["occasion"] or None,
            dry_run=form["dry_run"],
            audience_limit=form["audience_limit"],
            subject=form["subject"] or None,
            approval=campaign.approval or form["approval"],
            policy=load_contact_policy(),
            trial=trial,
            keys=key_ring(),
            clock=clock,
        )
        customers = count_customers(conn) if campaign.audience.where is not None else None
        stop = campaign_stop(conn, campaign.name)
    if stop:
        log.warning("campaign %s was switched off by itself: %s", campaign.name, stop)
    is_final = campaign.event is not None and not form["occasion"]
    result = {**asdict(summary), "customers": customers, "stop": stop, "rejecting_is_final": is_final}
    result["experiment"] = _experiment(campaign, sum(summary.variants.values()))
    result["question"] = f"Send “{campaign.title}” to {summary.planned:,} people?"
    result["approval_text"] = approval_text(result)
    if summary.test_plan_id is not None:
        return {**result, "plan_id": summary.test_plan_id}  # released already as far as people are asked
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


def _experiment(campaign: Campaign, people: int) -> list[str]:
    """What the campaign's experiment needs, and what the people of this plan alone would find."""
    from marketflow.evaluation.experiments import size_lines

    if campaign.experiment is None:
        return []
    return list(size_lines(campaign.experiment.meant(campaign.window_days), people))


def _runbook(campaign: Campaign) -> str:
    facts = "\n".join(f"| {name} | {value} |" for name, value in _facts(campaign).items())
    return (
        f"# {campaign.title}\n\n{_audience(campaign)}\n\n"
        f"| | |\n|---|---|\n{facts}\n\n"
        f"Defined in `{campaign.name}/campaign.yaml` of the campaigns' folder, version "
        f"`{campaign.definition_version[:12]}`.\n\n"
        "* **plan** counts who gets it and why others do not; *dry run* stops there.\n"
        "* **approve** waits for a person under *Required Actions*, when campaign.yaml or the form asks for it.\n"
        "* **release** lets the messages go; `deliver_messages` sends them.\n\n"
        "Running it again for the same occasion reaches only people who were not planned before. "
        "The switch of this DAG pauses messages that are on their way, too.\n\n"
        "**It switches itself off** when too many of its messages bounce or are complained about "
        "(`include/delivery.yaml`): the log of *plan*, the approval and `activation.campaign_states` say why. "
        "To go on, turn the switch of this DAG off and on: the count starts anew.\n"
    )


def _facts(campaign: Campaign) -> dict[str, str]:
    """What a marketer wants to see at a glance; what is not set is left out."""
    budget, goal, limits = campaign.budget, campaign.goal, campaign.limits
    each = f", {budget.cost_per_message:f} a message" if budget and budget.cost_per_message else ""
    found = {
        "Started by": campaign.trigger.words,
        "From": campaign.start,
        "Until": campaign.end,
        "Budget": budget and f"{budget.amount:f} {budget.currency}{each}",
        "Goal": goal and f"{goal.metric} of {goal.target:f} within {campaign.window_days} days",
        "At most": limits.audience and f"{limits.audience:,} people",
        "At most a day": limits.per_day and f"{limits.per_day:,} people",
        "Not older than": f"{campaign.max_age_days} days",
        "Experiment": _arms(campaign),
        "Approval": "a person's" if campaign.approval else "none",
        "Owner": campaign.owner,
    }
    # a bar would end the cell
    return {name: str(value).replace("|", "\\|") for name, value in found.items() if value}


def _arms(campaign: Campaign) -> str | None:
    if campaign.experiment is None:
        return None
    shares = ", ".join(f"{name} {share:g} %" for name, share in campaign.experiment.shares.items())
    return f"{campaign.experiment.name}: {shares}; {campaign.experiment.metric} decides"


def _access() -> dict[str, Any] | None:
    role = settings().marketer_role
    return {role: {"DAGs": {"can_read", "can_edit"}}} if role else None


def _audience(campaign: Campaign) -> str:
    audience = campaign.audience
    if audience.accounts:
        return f"A post by {', '.join(audience.accounts)}."
    whom = f"brought by {campaign.trigger.words}" if campaign.trigger.is_event else ""
    if audience.event and not campaign.trigger.is_event:
        whom = "who ordered on the business day"
    where = f"with `{audience.where}`" if audience.where else ""
    return f"Goes by {campaign.channel} to customers {' '.join(w for w in (whom, where) if w)}."
