"""# Evaluate campaigns

Rebuilds `marts.campaign_performance`: per campaign and occasion how many were planned, sent, failed, skipped or are
unknown, who unsubscribed, and who bought within the attribution window.

* **Woken** by deliveries and by new orders.
* Buyers are everyone who got the message and ordered within the window: what happened, not what the campaign caused.
  Uplift needs a holdout.
* **Clear or re-run** it at any time: it replaces what it wrote.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON


@dag(
    schedule=assets.SETTLED | assets.CORE,
    doc_md=__doc__,
    tags=["evaluation", "marts"],
    params={
        "attribution_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=90,
            title="Attribution window in days",
            description_md="Orders so many days after a message count for it. Empty: each campaign's own window.",
        ),
    },
    **COMMON,
)
def evaluate_campaigns() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.PERFORMANCE])
    def measure(params: dict[str, Any] | None = None) -> int:
        return jobs.evaluate(attribution_days=(params or {})["attribution_days"])

    measure()


evaluate_campaigns()
