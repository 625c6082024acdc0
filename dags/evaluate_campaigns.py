"""# Evaluate campaigns

What became of each campaign, what followed, and what it brought:

* `marts.campaign_performance`, per occasion: planned, sent, failed, unsubscribed, buyers within the attribution window.
* `marts.campaign_results`, by variant, segment and step: opens and clicks of people and of machines, pages, bounces,
  complaints, ratings, buyers, cost.
* `marts.attributed_orders` and `marts.campaign_attribution`: orders shared out among the messages before them by five
  models side by side.
* `marts.campaign_uplift` (from the sums in `marts.campaign_arms`): what the campaign *caused*, with an interval. Only
  of campaigns that somebody is held out of, by their own experiment or by `holdout` in `include/contact_policy.yaml`.
* One picture per campaign in `models.pictures`, named `campaign_<name>`.

* **Woken** by deliveries and by new orders.
* Buyers are everyone who got the message and ordered within the window: what happened, not what the campaign caused.
* **It failed?** A check says which numbers do not add up; nothing was written then, and the tables are the old ones.
  When only the pictures failed, the tables are new; clear the task `draw`.
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
        "half_life_days": Param(
            7,
            type="number",
            exclusiveMinimum=0,
            maximum=365,
            title="Half-life in days",
            description_md="In the model *time decay* a message so many days older counts half as much.",
        ),
    },
    **COMMON,
)
def evaluate_campaigns() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.PERFORMANCE])
    def measure(params: dict[str, Any] | None = None) -> int:
        asked = params or {}
        return jobs.evaluate(attribution_days=asked["attribution_days"], half_life_days=asked["half_life_days"])

    @task
    def draw() -> list[str]:
        return jobs.draw_campaigns()

    measure() >> draw()


evaluate_campaigns()
