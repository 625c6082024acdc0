"""# Build core

Merges the batches that passed the gate into `core`: customers with their contact points and consents, products,
orders with lines, events. The newest delivery of an order replaces the older one as a whole.

* **Woken** by any ingest; without a batch that passed, a run does nothing and wakes nobody.
* **One transaction**: it is all there or not at all. A stop-check that finds rows rolls it back and names the check.
* **Clear or re-run** it at any time: a merged batch is not merged again.
* Which customers, products and days were touched stands in `ops.pending_changes`.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON


@dag(
    schedule=assets.RAW["orders"] | assets.RAW["customers"] | assets.RAW["products"] | assets.RAW["behaviour"],
    doc_md=__doc__,
    tags=["core"],
    **COMMON,
)
def build_core() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.CORE])
    def merge_loads() -> dict[str, Any]:
        return jobs.build_core_tables()

    merge_loads()


build_core()
