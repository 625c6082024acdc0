"""# Build core

Merges the loads that passed the gate into `core`: customers with their contact points and consents, products, orders
with lines, events and whatever else the sources bring. The newest version of a record wins, by the source's own time.
Where products have changed, `marts.products` is brought up to date with them: the models that core wakes read it.

* **Woken** by any ingest; without a load that passed, a run does nothing and wakes nobody.
* **One transaction**: it is all there or not at all. A stop-check that finds rows rolls it back and names the check.
* **`judge_tables`** holds the tables against their expectations and writes the results to `ops.quality_results` and the
  quality pages. It warns; the checks of the merge are what stops.
* **Clear or re-run** it at any time: a merged load is not merged again.
* Which customers, products and days were touched stands in `ops.pending_changes`; what was remarkable in
  `ops.findings`.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON
from marketflow.sources import find_sources


@dag(
    schedule=assets.any_raw([source.name for source in find_sources().good]),
    doc_md=__doc__,
    tags=["core"],
    **COMMON,
)
def build_core() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.CORE])
    def merge_loads() -> dict[str, Any]:
        return jobs.build_core_tables()

    @task
    def judge_tables() -> list[str]:
        return jobs.judge_core_tables()

    merge_loads() >> judge_tables()


build_core()
