"""# Predict

What customers will do, and what will be sold. One task a model:

* `customer_values`: how often each customer will buy within the horizon, and for how much (BG/NBD and Gamma-Gamma).
* `churn_risks`: how likely she buys nothing within the days of her own rhythm, and what speaks for it.
* `next_orders`: when she will order next, with an interval.
* `send_times`: the hour and the weekday at which she is most active, where the data show one.
* `sales_forecasts`: revenue of the coming days, in all, by category and by segment, with intervals.

* **Woken** by changes in `core`, and once a day. Each run is a row of `models.runs` with its figures beside those of a
  simple rule, on data that it had not seen. A model that is not better than its rule is stored, and not published; one
  that the data do not allow is refused. The task is then skipped and says why, and the others go on.
* **As of another day, or as a test**: stored beside the others; what `marts` read does not move.
* **Clear or re-run** any task at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from marketflow.orchestration import assets, models
from marketflow.orchestration.defaults import COMMON, day, force, is_test, whole
from marketflow.shared import settings

# What each model takes of the form, beside what all take; and the name that it has there.
MODELS: dict[str, dict[str, str]] = {
    "customer_values": {"horizon_days": "horizon_days"},
    "churn_risks": {"window_days": "window_days"},
    "next_orders": {"window_days": "window_days", "horizon_days": "horizon_days"},
    "send_times": {"window_days": "window_days"},
    "sales_forecasts": {"horizon_days": "forecast_days"},
}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("40 4 * * *", timezone=settings().time_zone), assets=[assets.CORE]
    ),
    doc_md=__doc__,
    tags=["models", "predictions"],
    max_active_tasks=1,  # each takes a core, and some 300 MiB
    params={
        "as_of": day("As of", "Foresee from this day. Empty: the business day."),
        "window_days": whole(365, "Window in days", "Whose last purchase is older is left out.", (28, 3650)),
        "horizon_days": whole(90, "Customers: days ahead", "How far ahead customers are foreseen.", (7, 730)),
        "forecast_days": whole(28, "Sales: days ahead", "How far ahead sales are forecast.", (7, 92)),
        "is_test": is_test(),
        "force": force(),
    },
    **COMMON,
)
def predict() -> None:
    """Wire the DAG."""

    @task
    def foresee(model: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        asked = params or {}
        shared = {name: asked[name] for name in ("as_of", "is_test", "force")}
        return models.foresee(model, **shared, **{own: asked[name] for own, name in MODELS[model].items()})

    @task
    def draw() -> list[str]:
        return models.draw_forecasts()

    @task(outlets=[assets.FORESEEN], trigger_rule="all_done")
    def announce() -> None:
        models.announce()

    runs = {model: foresee.override(task_id=model)(model) for model in MODELS}
    runs["sales_forecasts"] >> draw()
    list(runs.values()) >> announce()


predict()
