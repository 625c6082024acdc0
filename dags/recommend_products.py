"""# Recommend products

What to offer whom. One task a model:

* `association_rules`: what is bought together, of products, of their types and of their categories (support,
  confidence, lift, leverage). Before anything is counted the size of the result is estimated, and a run that would
  explode is refused with the threshold to raise.
* `product_recommendations`: two lists for every customer: what to buy again, and what is new to her. Those who did
  something since the last run are scored, and the others keep their lists; every seventh day all are scored.
* `related_products`: products that are like a product, by what is written about them.

* **Woken** by changes in `core`. Each run is a row of `models.runs`. The lists are learnt on earlier weeks and
  measured on the latest four, beside the customer's own top products and collaborative filtering; where they are not
  better, a plain rule makes them, and the run says so (`by_rule`).
* **As of another day, or as a test**: stored beside the others; what `marts` read does not move.
* **Clear or re-run** any task at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import assets, models
from marketflow.orchestration.defaults import COMMON, day, force, is_test, whole

# What each model takes of the form, beside what all take.
MODELS: dict[str, tuple[str, ...]] = {
    "association_rules": ("min_support", "min_support_types", "min_support_categories", "min_confidence", "max_len"),
    "product_recommendations": ("per_customer", "window_days", "whole"),
    "related_products": (),
}


def share(value: float, title: str, about: str, least: float) -> Param:
    """A share in the form."""
    return Param(value, type="number", minimum=least, maximum=1, title=title, description_md=about)


@dag(
    schedule=[assets.CORE],
    doc_md=__doc__,
    tags=["models", "recommendations"],
    max_active_tasks=1,  # each takes a core, and up to a gigabyte
    params={
        "as_of": day("As of", "Learn from orders until this day. Empty: the business day."),
        "per_customer": whole(10, "Products per customer", "The length of each of the two lists.", (1, 50)),
        "window_days": whole(730, "Window in days", "Older purchases do not count.", (56, 3650)),
        "whole": Param(
            False,
            type="boolean",
            title="Everybody anew",
            description_md="Score all customers, and not only those who did something since the last run.",
        ),
        "min_support": share(
            0.0005, "Rules: least support, products", "Share of baskets that hold all of them.", 0.0001
        ),
        "min_support_types": share(0.002, "Rules: least support, types", "The same for types of products.", 0.0001),
        "min_support_categories": share(0.005, "Rules: least support, categories", "The same for categories.", 0.0001),
        "min_confidence": share(
            0.02, "Rules: least confidence", "Share of baskets with the first that hold the others, too.", 0.01
        ),
        "max_len": whole(4, "Rules: most products", "The most products, types or categories in one rule.", (2, 10)),
        "is_test": is_test(),
        "force": force(),
    },
    **COMMON,
)
def recommend_products() -> None:
    """Wire the DAG."""

    @task
    def recommend(model: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        asked = params or {}
        return models.recommend(model, **{name: asked[name] for name in ("as_of", "is_test", "force", *MODELS[model])})

    @task(outlets=[assets.RECOMMENDATIONS], trigger_rule="all_done")
    def announce() -> None:
        models.announce()

    runs = [recommend.override(task_id=model)(model) for model in MODELS]
    runs >> announce()


recommend_products()
