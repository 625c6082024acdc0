"""# Keep house

Takes away what is no longer needed: rows of `raw` that are older than `MARKETFLOW_RAW_RETENTION_DAYS` (never, when that
is not set) and have reached `core`, the collector's log files that have been loaded, and the rows of model runs that
are not published and were replaced by a later one of the same day, or are older than `MARKETFLOW_MODEL_RUNS_DAYS` (90);
what was counted for limits and automatic stops that look back no further, and after 30 days the network that somebody
opened a mail or clicked from.

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

    @task(trigger_rule="all_done")
    def drop_model_runs() -> dict[str, int]:
        return jobs.drop_model_runs()

    @task(trigger_rule="all_done")
    def forget_allowances() -> dict[str, int]:
        return jobs.forget_allowances()

    @task(trigger_rule="all_done")
    def forget_networks() -> int:
        return jobs.forget_networks()

    forget_raw() >> forget_collected() >> drop_model_runs() >> forget_allowances() >> forget_networks()


keep_house()
