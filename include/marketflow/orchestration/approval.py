"""The approval of a campaign: a person sees who gets it and what it looks like, and says yes or no."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from marketflow.orchestration.connections import warehouse
from marketflow.shared import settings
from marketflow.warehouse import queries


class CampaignApproval(ApprovalOperator):
    """Asks for approval unless the form switched it off, and writes the answer to the plan.

    The answer is stored before the downstream tasks are let go or skipped, so that the plan's state, which the
    release checks, never lags behind what Airflow shows.
    """

    def __init__(self, *, plan_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def execute(self, context: Any) -> Any:
        """Ask, or approve at once when the form says that nobody has to.

        A try that died after the answer was stored is not asked again: the stored answer stands.
        """
        state = self._state(context)
        if state in ("approved", "released"):
            return None
        if state == "rejected":
            self.skip(ti=context["ti"], tasks=context["task"].get_direct_relatives(upstream=False))
            return None
        if context["params"]["approval"]:
            return super().execute(context)
        self._decide(context, approved=True, by="nobody asked (approval switched off)")
        return None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Store the answer, then go on or skip as ApprovalOperator does."""
        if "error" not in event:
            user = event.get("responded_by_user") or {}
            self._decide(context, approved=event["chosen_options"] == [self.APPROVE], by=str(user.get("name", "?")))
        return super().execute_complete(context, event)

    def _state(self, context: Any) -> str:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id)
        with warehouse() as conn:
            row = conn.execute(queries("orchestration")["plan_state"], {"plan_id": plan["plan_id"]}).fetchone()
        return str(row[0]) if row else ""

    def _decide(self, context: Any, *, approved: bool, by: str) -> None:
        from marketflow.campaigns import decide

        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id)
        with warehouse() as conn:
            decide(conn, plan["plan_id"], approved=approved, by=by, clock=settings().clock())


def approval_text(plan: dict[str, Any]) -> str:
    """Markdown for the person who decides: counts, refusals by reason, masked samples."""
    lines = [
        *(_stopped(plan["stop"]) if plan.get("stop") else []),
        f"**{plan['planned']:,}** of {plan['audience']:,} people would get it.",
        "",
        "| not written to, because | people |",
        "|---|---:|",
        *(f"| {reason.replace('_', ' ')} | {count:,} |" for reason, count in sorted(plan["refusals"].items())),
        "",
        "Three of them would read (names are masked):",
    ]
    for sample in plan["samples"]:
        # two blanks at the end keep the line where it is
        body = "\n".join(f"> {line}  " for line in sample["text"].strip().splitlines())
        lines += ["", f"> **{sample['subject']}**", ">", body]
    return "\n".join(lines)


def _stopped(why: str) -> list[str]:
    advice = "What you approve waits until somebody turns its switch off and on again."
    return [f"⚠ **This campaign has switched itself off**: {why}. {advice}", ""]
