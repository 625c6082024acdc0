"""# Build marts

The tables that analysts, BI tools and campaigns read: `customer_360`, `product_recommendations`, `related_products`,
`revenue_daily` and the others in `sql/transforms/marts/`. None holds personal data.

* **Woken** by new segments, clusters, predictions or recommendations; without a change it does nothing and wakes
  nobody.
* **One transaction**: readers see the old rows or the new ones, never half.
* **Wakes** the campaigns that follow the data, or one of its tables. A campaign whose tables do not reach the business
  day yet says so and waits for the next run.
* **Clear or re-run** it at any time: it replaces what it wrote.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON, force


@dag(
    schedule=assets.SEGMENTS | assets.CLUSTERS | assets.FORESEEN | assets.RECOMMENDATIONS,
    doc_md=__doc__,
    tags=["marts"],
    params={"force": force()},
    **COMMON,
)
def build_marts() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.MARTS, *assets.marts()])
    def rebuild(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return jobs.build_mart_tables(force=(params or {})["force"])

    rebuild()


build_marts()
