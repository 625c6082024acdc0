"""# Keep house

Takes away what is no longer needed: rows of `raw` that are older than `MARKETFLOW_RAW_RETENTION_DAYS` (never, when that
is not set) and have reached `core`, and the collector's log files that have been loaded.

* **Runs** every night, and whenever you trigger it.
* **`core` outlives `raw`**: orders, customers and their history stay. Rows in quarantine stay, too, until they are
  replayed.
* **Clear or re-run** it at any time.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from marketflow.orchestration import jobs
from marketflow.orchestration.defaults import COMMON
from marketflow.shared import settings


@dag(
    schedule=CronTriggerTimetable("40 3 * * *", timezone=settings().time_zone),
    doc_md=__doc__,
    tags=["ops", "raw"],
    **COMMON,
)
def keep_house() -> None:
    """Wire the DAG."""

    @task
    def forget_raw() -> dict[str, int]:
        return jobs.forget_raw_rows()

    @task
    def forget_collected() -> int:
        return jobs.forget_collected_files()

    forget_raw() >> forget_collected()


keep_house()
