"""The approval of a campaign: a person sees who gets it and what it looks like, and says yes or no."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from marketflow.orchestration.connections import warehouse
from marketflow.shared import settings
from marketflow.warehouse import queries

_REJECTING = (
    "An event brought these people. If you reject this, the campaign asks about them again only when its files have "
    "been changed, and only within its `max_age_days`."
)


class CampaignApproval(ApprovalOperator):
    """Asks for approval where the plan says that it needs one, and writes the answer to the plan.

    The plan has kept what campaign.yaml and the form asked for: what the run is told later does not count.

    The answer is stored before the downstream tasks are let go or skipped, so that the plan's state, which the
    release checks, never lags behind what Airflow shows.
    """

    def __init__(self, *, plan_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def execute(self, context: Any) -> Any:
        """Ask, or approve at once when nobody has to.

        A try that died after the answer was stored is not asked again: the stored answer stands.
        """
        state, needs_approval = self._plan(context)
        if state in ("approved", "released"):
            return None
        if state in ("rejected", "cancelled"):
            self.skip(ti=context["ti"], tasks=context["task"].get_direct_relatives(upstream=False))
            return None
        if needs_approval:
            return super().execute(context)
        self._decide(context, approved=True, by="nobody asked (no approval needed)")
        return None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Store the answer, then go on or skip as ApprovalOperator does."""
        if "error" not in event:
            user = event.get("responded_by_user") or {}
            self._decide(context, approved=event["chosen_options"] == [self.APPROVE], by=str(user.get("name", "?")))
        return super().execute_complete(context, event)

    def _plan(self, context: Any) -> tuple[str, bool]:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id)
        with warehouse() as conn:
            row = conn.execute(queries("orchestration")["plan_state"], {"plan_id": plan["plan_id"]}).fetchone()
        return (str(row[0]), bool(row[1])) if row else ("", True)

    def _decide(self, context: Any, *, approved: bool, by: str) -> None:
        from marketflow.campaigns import decide

        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id)
        with warehouse() as conn:
            decide(conn, plan["plan_id"], approved=approved, by=by, clock=settings().clock())


def approval_text(plan: dict[str, Any]) -> str:
    """Markdown for the person who decides: counts, refusals by reason, faults of the templates, masked samples."""
    lines = [
        *(_stopped(plan["stop"]) if plan.get("stop") else []),
        f"**{plan['planned']:,}** of {plan['audience']:,} people would get it.{_share(plan)}",
        "",
        "| not written to, because | people |",
        "|---|---:|",
        *(f"| {reason.replace('_', ' ')} | {count:,} |" for reason, count in sorted(plan["refusals"].items())),
        "",
    ]
    if plan.get("variants"):
        lines += _experiment(plan)
    if plan.get("warnings"):
        lines += ["**Look at these before you say yes:**", "", *(f"* {warning}" for warning in plan["warnings"]), ""]
    if plan.get("rejecting_is_final"):
        lines += [_REJECTING, ""]
    lines.append("Some of them would read (names are masked):")
    for sample in plan["samples"]:
        # two blanks at the end keep the line where it is
        body = "\n".join(f"> {line}  " for line in sample["text"].strip().splitlines())
        preheader = [f"> *{sample['preheader']}*", ">"] if sample.get("preheader") else []
        arm = [f"Arm {sample['arm']}:", ""] if sample.get("arm") else []
        lines += ["", *arm, f"> **{sample['subject']}**", ">", *preheader, body]
    return "\n".join(lines)


def _experiment(plan: dict[str, Any]) -> list[str]:
    """People by arm, and what the experiment can find."""
    winner = [f"**{plan['winner']} has won**: all but the holdout get it.", ""] if plan.get("winner") else []
    return [
        "| arm | people |",
        "|---|---:|",
        *(f"| {arm} | {count:,} |" for arm, count in plan["variants"].items()),
        "",
        *winner,
        *(f"* {line}" for line in ([] if winner else plan.get("experiment", []))),
        "",
    ]


def _share(plan: dict[str, Any]) -> str:
    """Which share of all customers the audience is; a rule that is everybody says so."""
    from marketflow.campaigns.audience.condition import is_everybody

    customers = plan.get("customers") or 0
    if not customers:
        return ""
    everybody = " **That is everybody.**" if is_everybody(plan["audience"], customers) else ""
    return f" The audience is {plan['audience'] / customers:.0%} of all {customers:,} customers.{everybody}"


def _stopped(why: str) -> list[str]:
    advice = "What you approve waits until somebody turns its switch off and on again."
    return [f"⚠ **This campaign has switched itself off**: {why}. {advice}", ""]
