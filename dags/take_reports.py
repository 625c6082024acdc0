"""# Take reports

Takes what mail providers (Amazon SES, SendGrid) have reported to the edge service: deliveries, bounces and complaints,
into `activation.delivery_events`. Hard bounces and complaints shut an address out at once, others by count and window
(`include/delivery.yaml`); a message of which nobody knew whether it had arrived counts as sent.

* **Runs** every minute, and does nothing when nothing was reported. Without `MARKETFLOW_SES_TOPICS` and
  `MARKETFLOW_SENDGRID_PUBLIC_KEY` nobody can report, and nothing ever is.
* **While PostgreSQL or Airflow is away** nothing is lost: the edge service goes on taking reports, and the next run
  records them. A report that comes twice, late or out of order counts once.
* **`unknown`** are reports about messages that are not in the ledger (another system sends by the same provider), or
  were never handed over. **`about_us`** are refusals for policy, spam or a block: nobody is shut out for them; look at
  the provider's pages.
* **`unnamed`** are bounces and complaints that name no message of ours. A few: another system sends by the same
  account. Many: SES leaves the original headers out, or Airflow does not know `MARKETFLOW_SENDGRID_PUBLIC_KEY`.
* **A piece that stays, or ends in `.aside`**: the log of `take` names it and says why, as in `take_tracking`.
* **Clear or re-run** it at any time.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from marketflow.orchestration import reports
from marketflow.orchestration.assets import SETTLED
from marketflow.orchestration.defaults import COMMON


@dag(
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    doc_md=__doc__,
    tags=["tracking", "delivery"],
    **COMMON,
)
def take_reports() -> None:
    """Wire the DAG."""

    @task(outlets=[SETTLED])
    def take() -> dict[str, Any]:
        return reports.take_webhooks()

    take()


take_reports()
