"""# Segment customers

Who is who among the customers, in two ways:

* **Segments**: recency, frequency and monetary value of every customer, scored 1 to 5, and a named segment (champions,
  loyal, potential, new, at risk, drifting, lost) by the rules in `rfm_segments.yaml`; who came into a segment and who
  left it is remembered from day to day.
* **Clusters**: groups of customers who buy alike, found by the machine, described in words and numbers.

* **Woken** by changes in `core`, and once a day. Each run is a row of `models.runs` with how good it is beside a simple
  rule, on data that it had not seen. Clusters that say no more than the segments do are stored, and not published: the
  task is skipped and says why.
* **As of another day, or as a test**: stored beside the others; what `marts` read does not move.
* **Pictures** (heat map, flow between segments, cluster map) are drawn of what is published, into `models.pictures`.
* **Clear or re-run** any task at any time: it writes a new run and points to it.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from marketflow.orchestration import assets, models
from marketflow.orchestration.defaults import COMMON, choice, day, force, is_test, whole
from marketflow.shared import settings

SCORING = {"quantile": "fifths of the customers", "cuts": "fixed limits, from rfm_segments.yaml"}
METHODS = {"auto": "by the number of customers", "kmeans": "k-means", "minibatch": "mini-batch k-means",
           "hierarchical": "hierarchical"}  # fmt: skip
DISTANCES = {"euclidean": "Euclidean", "manhattan": "Manhattan (k-medians)"}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("20 4 * * *", timezone=settings().time_zone), assets=[assets.CORE]
    ),
    doc_md=__doc__,
    tags=["models", "segments"],
    max_active_tasks=1,  # each takes a core, and some 300 MiB
    params={
        "as_of": day("As of", "Score as if it were this day. Empty: the business day."),
        "window_days": whole(365, "Window in days", "Purchases older than this do not count.", (28, 3650)),
        "scoring": choice("quantile", "Scores by", "How the scores 1 to 5 are given.", SCORING, "Segments"),
        "k_min": whole(3, "Fewest clusters", "The number is chosen between the two.", (2, 20), "Clusters"),
        "k_max": whole(8, "Most clusters", "The number is chosen between the two.", (2, 20), "Clusters"),
        "method": choice("auto", "Method", "How clusters are found.", METHODS, "Clusters"),
        "distance": choice("euclidean", "Distance", "How unlike two customers are.", DISTANCES, "Clusters"),
        "is_test": is_test(),
        "force": force(),
    },
    **COMMON,
)
def segment_customers() -> None:
    """Wire the DAG."""

    @task
    def score(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return models.segment(**_only(params, "as_of", "window_days", "scoring", "is_test", "force"))

    @task(outlets=[assets.SEGMENTS], trigger_rule="none_failed")
    def remember() -> dict[str, int]:
        return models.remember()

    @task(outlets=[assets.CLUSTERS])
    def cluster(params: dict[str, Any] | None = None) -> dict[str, Any]:
        names = ("as_of", "window_days", "k_min", "k_max", "method", "distance", "is_test", "force")
        return models.cluster(**_only(params, *names))

    @task(trigger_rule="all_done_min_one_success")
    def draw() -> list[str]:
        return models.draw_segments()

    [score() >> remember(), cluster()] >> draw()


def _only(params: dict[str, Any] | None, *names: str) -> dict[str, Any]:
    return {name: (params or {})[name] for name in names}


segment_customers()
