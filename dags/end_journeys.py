"""# End journeys

Lets those leave who are inside of a journey that has no folder in `include/journeys/` any more, with the reason
`journey_removed`. Nobody stays inside of what nobody moves.

* **Runs** every night, and whenever you trigger it.
* **Two days** must have passed since a run first missed the folder: one that is missing while files are being copied
  ends nothing, however long the journey was paused before. Put it back within them, and people go on where they stand.
* **Clear or re-run** it at any time.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from marketflow.orchestration import journey
from marketflow.orchestration.defaults import COMMON
from marketflow.shared import settings


@dag(
    dag_display_name="End journeys that were removed",
    schedule=CronTriggerTimetable("10 4 * * *", timezone=settings().time_zone),
    doc_md=__doc__,
    tags=["ops", "journeys"],
    **COMMON,
)
def end_journeys() -> None:
    """Wire the DAG."""

    @task
    def end() -> dict[str, int]:
        return journey.end_removed()

    end()


end_journeys()
