"""Look at what a rule selects, from a form."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from airflow.sdk import Param

from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.defaults import as_date, choice, day
from marketflow.shared import settings

log = logging.getLogger(__name__)


def explain_form() -> dict[str, Param]:
    """The fields of the form."""
    return {
        "rule": Param(
            "segment = 'at_risk'",
            type="string",
            minLength=1,
            maxLength=3900,
            format="multiline",
            title="Rule",
            description_md="A condition as in a campaign's `audience: {where: ...}`, such as "
            "`in_segment('at_risk') and not did('order', days => 60)`.",
        ),
        "purpose": choice(
            "marketing",
            "Purpose",
            "Marketing needs the customer's consent.",
            {"marketing": "Marketing", "transactional": "About an order"},
        ),
        "business_date": day("Business day", "Days are counted back from it. Empty: the last complete day."),
    }


def marketer_access() -> dict[str, Any] | None:
    """Marketers may see and start it, where Airflow's auth manager knows roles."""
    role = settings().marketer_role
    return {role: {"DAGs": {"can_read", "can_edit"}}} if role else None


def explain_rule(form: dict[str, Any]) -> dict[str, Any]:
    """What the rule selects; in the log as lines, and as the task's result. A wrong rule fails at once and says how."""
    from airflow.sdk.exceptions import AirflowFailException

    from marketflow.campaigns import explain_audience, load_contact_policy, told
    from marketflow.campaigns.audience import AudienceRefused

    try:
        with warehouse() as conn:
            found = explain_audience(
                conn, form["rule"], purpose=form["purpose"], day=as_date(form["business_date"]), keys=key_ring(),
                clock=settings().clock(), policy=load_contact_policy(),
            )  # fmt: skip
    except AudienceRefused as error:
        raise AirflowFailException(str(error)) from None  # a second try would find the same words
    lines = list(told(found))
    for line in lines:
        log.info("%s", line)
    return {**asdict(found), "day": str(found.day), "in_words": "\n".join(lines)}
