"""# Segment customers

Recency, frequency and monetary value of every customer, scored in fifths of their ranks, and a named segment
(champions, loyal, potential, new, at risk, lost) by the rules in `rfm_segments.yaml`.

* **Woken** by changes in `core`. Each run is a row of `models.runs`, with how well the scores predict who buys in the
  next four weeks beside the plain "who bought last", on data that the scores had not seen.
* **As of another day, or as a test**: stored beside the others; what `marts` read does not move.
* **Clear or re-run** it at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import assets, jobs
from marketflow.orchestration.defaults import COMMON, day, force


@dag(
    schedule=[assets.CORE],
    doc_md=__doc__,
    tags=["models", "segments"],
    params={
        "as_of": day("As of", "Score as if it were this day. Empty: the business day."),
        "window_days": Param(
            365,
            type="integer",
            minimum=28,
            maximum=3650,
            title="Window in days",
            description_md="Purchases older than this do not count.",
        ),
        "is_test": Param(
            default=False, type="boolean", title="Test run", description_md="Store it, and do not publish it."
        ),
        "force": force(),
    },
    **COMMON,
)
def segment_customers() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.SEGMENTS])
    def score(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return jobs.segment(**(params or {}))

    score()


segment_customers()
