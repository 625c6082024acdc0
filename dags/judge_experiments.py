"""# Judge experiments

Looks at every running experiment of campaigns and journeys: people, conversions and clicks by arm, the difference to
the control with an interval that holds however often one looks, and whether people are in the shares that were meant.
Writes a row per arm and day to `activation.experiment_looks`, which analysts read as `marts.experiment_results`.

* **Woken** by deliveries, by new orders, and each morning.
* **Decides** where the file of a campaign or journey says `winner: auto`: who comes later goes to the winner only, the
  holdout stays. Once decided it stays decided; to try again give the experiment a new name.
* **An alarm** (`ratio_mismatch`, in the log and in the table) means that people, or the messages that were sent, are
  not in the shares that were meant: look for arms that cannot be rendered or are refused. Nothing is decided meanwhile.
* **Clear or re-run** it at any time: it replaces today's look.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON
from marketflow.shared import settings


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("50 5 * * *", timezone=settings().time_zone),
        assets=assets.SETTLED | assets.CORE,
    ),
    doc_md=__doc__,
    tags=["evaluation", "marts"],
    **COMMON,
)
def judge_experiments() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.EXPERIMENTS])
    def judge() -> dict[str, Any]:
        return jobs.judge_experiments()

    judge()


judge_experiments()
