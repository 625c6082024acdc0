"""# Explain an audience

Shows whom a rule selects, before it stands in a campaign. A person starts it with the form: a rule as in a campaign's
`audience: {where: ...}`, the purpose, the business day.

* **The result** stands in the task's log, and under *XCom* as `return_value`: how many and which share of all
  customers, what the rule costs, ten of them with masked names, and how many would not be written to for which reason.
* **Nothing is stored and nobody gets anything**: it is a dry run that is rolled back. Run it as often as you like.
* **A wrong rule fails** with the place, and the nearest word that there is; it is not tried again.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration.audience import explain_form, explain_rule, marketer_access
from marketflow.orchestration.defaults import COMMON


@dag(
    dag_id="explain_audience",
    dag_display_name="Explain an audience",
    schedule=None,
    doc_md=__doc__,
    tags=["audience"],
    params=explain_form(),
    access_control=marketer_access(),
    is_paused_upon_creation=False,
    **COMMON,
)
def explain_audience() -> None:
    """Wire the one task."""

    @task
    def explain(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return explain_rule(params or {})

    explain()


explain_audience()
