"""# Recommend campaigns

How likely each customer answers each campaign that runs or begins soon, and why: ranked campaigns for every customer,
and ranked customers for every campaign (`marts.campaign_recommendations`).

* **Woken** by changes in `core`, and once a day. It learns from campaigns of the past: who received them, redeemed
  their coupons, clicked, or bought. For a new campaign its theme, channel, place, season, products and words decide.
* **Measured** on the latest campaigns that have ended, each foreseen by what was known the day before it began. Where
  the blend does not put customers into a better order than the best single signal, the run is stored, and not
  published. Where no campaign runs, or nobody has answered one yet, it is refused and says so.
* **As of another day, or as a test**: stored beside the others; what `marts` read does not move.
* **Clear or re-run** it at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from marketflow.orchestration import assets, models
from marketflow.orchestration.defaults import COMMON, day, force, is_test, whole
from marketflow.shared import settings


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("10 5 * * *", timezone=settings().time_zone), assets=[assets.CORE]
    ),
    doc_md=__doc__,
    tags=["models", "recommendations"],
    params={
        "as_of": day("As of", "Recommend as of this day. Empty: the business day."),
        "history_days": whole(730, "History in days", "Older campaigns and purchases are left out.", (28, 3650)),
        "ahead_days": whole(28, "Days ahead", "Campaigns that begin within them are recommended too.", (0, 365)),
        "attribution_days": whole(
            7, "Attribution in days", "Within them a purchase answers a campaign without coupons and clicks.", (1, 60)
        ),
        "per_customer": whole(10, "Campaigns per customer", "How many each customer gets at most.", (1, 50)),
        "is_test": is_test(),
        "force": force(),
    },
    **COMMON,
)
def recommend_campaigns() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.CAMPAIGNS_FOR_CUSTOMERS])
    def learn(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return models.recommend_campaigns(**(params or {}))

    learn()


recommend_campaigns()
