"""# Create a campaign

Writes a campaign's folder from this form: the same `campaign.yaml` and templates as by hand.

* **Checked first**: every field, the condition on real customers, the templates on stand-ins. What is wrong fails the
  run with the field and what it may be, and nothing is written.
* **Its own DAG** appears within a minute, switched off. Start it with *Dry run* to see who would get it; then switch it
  on.
* **To replace a campaign**, type the version that its page shows. If somebody has changed it since, the run fails and
  says so. What it was before is kept in `.versions/` beside the campaigns.
* **Written at once**: whoever reads it meanwhile sees the old one or the new one, and two people at once wait for each
  other.
* **It ends after half an hour** at the latest, and lets the next one write.
* **Where the folder cannot be written to** (in containers it is part of the image), `MARKETFLOW_CAMPAIGNS` names
  another.
"""

from typing import Any

from airflow.sdk import dag, task

from marketflow.orchestration.create_campaign import create
from marketflow.orchestration.create_form import create_form
from marketflow.orchestration.defaults import COMMON, PLANNING_LIMIT


@dag(
    dag_display_name="Create campaign",
    schedule=None,
    doc_md=__doc__,
    tags=["campaigns"],
    params=create_form(),
    **COMMON,
)
def create_campaign() -> None:
    """Wire the DAG."""

    @task(execution_timeout=PLANNING_LIMIT)
    def write(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return create(params or {})

    write()


create_campaign()
