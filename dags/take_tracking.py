"""# Take tracking

Takes opens and clicks from the journal of the edge service into `activation.tracking_events`, and says of each whether
a person, a mail service or a security program made it; earlier verdicts change when later events tell more.

* **Runs** every minute, and does nothing when nobody has opened or clicked anything.
* **While PostgreSQL or Airflow is away** nothing is lost: the edge service goes on answering and recording, and the
  next run takes all that waits.
* **A piece that stays, or ends in `.aside`**: the log of `take` names it and says why: a key that is missing from
  `marketflow_keys` (it is taken as soon as the key is back), damage of the disk (all that could be read was taken; the
  file is kept as evidence and may be deleted), or records that the database refuses. The others are taken all the same.
* **Events of messages that the ledger does not have** are counted and left out: somebody restored an older backup.
* **Clear or re-run** it at any time: each event is there once.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from marketflow.orchestration import assets, tracking
from marketflow.orchestration.defaults import COMMON


@dag(
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    doc_md=__doc__,
    tags=["tracking", "activation"],
    **COMMON,
)
def take_tracking() -> None:
    """Wire the DAG."""

    @task(outlets=[assets.TRACKED])
    def take() -> dict[str, Any]:
        return tracking.take_opens_and_clicks()

    take()


take_tracking()
