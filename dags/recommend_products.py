"""# Recommend products

Association rules between products (support, confidence, lift) and, for every customer, the best products that she has
not bought yet, with the product because of which each is proposed.

* **Woken** by changes in `core`. Each run is a row of `models.runs` with hit rate and NDCG at 10 beside those of plain
  popularity, on the four weeks after the data that it learnt from.
* **Lower thresholds** give more rules and take longer; the form's limits keep a run within a laptop's memory.
* **Clear or re-run** it at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import assets, models
from marketflow.orchestration.defaults import COMMON, day, force


@dag(
    schedule=[assets.CORE],
    doc_md=__doc__,
    tags=["models", "recommendations"],
    params={
        "as_of": day("As of", "Learn from orders until this day. Empty: the business day."),
        "min_support": Param(
            0.0005,
            type="number",
            minimum=0.0002,
            maximum=0.5,
            title="Least support",
            description_md="Share of baskets that hold both products.",
        ),
        "min_confidence": Param(
            0.02,
            type="number",
            minimum=0.01,
            maximum=1,
            title="Least confidence",
            description_md="Share of baskets with the first product that hold the second.",
        ),
        "per_customer": Param(
            10,
            type="integer",
            minimum=1,
            maximum=50,
            title="Products per customer",
            description_md="How many recommendations each customer gets.",
        ),
        "is_test": Param(
            default=False, type="boolean", title="Test run", description_md="Store it, and do not publish it."
        ),
        "force": force(),
    },
    **COMMON,
)
def recommend_products() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.RECOMMENDATIONS])
    def learn(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return models.recommend(**(params or {}))

    learn()


recommend_products()
