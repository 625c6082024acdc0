"""# Rebuild the warehouse

Merges what `raw` holds into `core` once more and writes the marts of those days anew: for a range of days, or for
everything. Whoever mended a transform, or damaged rows by hand, starts it; the rows come out the
same as the first time.

* **Started** by hand only, with *from* and *to* as business days; both empty means everything.
* **Nothing is sent**: campaigns refuse occasions older than their `max_age_days`, and the ledger stays as it is.
* **Nothing is lost**: what the retention of `raw` has taken away stays in `core` as it is, and ids never change.
* **One transaction** for core and one for the marts; clear or re-run it at any time.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON, day


@dag(
    schedule=None,
    doc_md=__doc__,
    tags=["core", "marts"],
    params={
        "from": day("First day", "Orders and events from this business day on. Empty: from the beginning."),
        "to": day("Last day", "Up to and with this business day. Empty: to the end."),
    },
    **COMMON,
)
def rebuild_warehouse() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.CORE])
    def rebuild(params: dict[str, Any] | None = None) -> dict[str, Any]:
        form = params or {}
        return jobs.rebuild(day_from=form["from"], day_to=form["to"])

    rebuild()


rebuild_warehouse()
