"""# Read the mailbox of bounces

Reads the mailbox that bounces and complaints come back to (IMAP), and records them in `activation.delivery_events`:
hard bounces and complaints shut an address out at once, others by count and window (`include/delivery.yaml`).

* **Needs** the Airflow connection `bounces`, of type `imap`; without it every run is skipped, and nothing else happens.
* **Runs** every five minutes and looks at mails that are new. What was counted is moved to the folder
  `marketflow-counted`, with a mark of ours, and deleted after 30 days; people's mails stay where they are, unread.
* **`marketflow-unclear`**: mails that may be reports but are not understood, prove nothing (`no_proof`), are about no
  message of ours (`unknown_message`), are made to do harm (`too_many_parts`) or that the server does not give us
  (`not_given`). Nobody is shut out for them. You may look at them, and delete them.
* **`about_us`**: servers refuse us for policy, spam or a block. Nobody is shut out; look at block lists.
* **"lets us mark no mails"**: nothing is deleted then, since the folder may hold a person's mails; empty it yourself.
* **"cannot be reached", "refuses the login", "has no folder"**: the message names the connection and what to check.
  What was done until then stays done, the next run goes on.
* **A mailbox with a hundred thousand bounces** takes minutes; it is read in small batches, 200,000 mails in a run.
* **Clear or re-run** it at any time: a report that is read again counts once.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from marketflow.orchestration import reports
from marketflow.orchestration.assets import SETTLED
from marketflow.orchestration.defaults import COMMON


@dag(
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    doc_md=__doc__,
    tags=["tracking", "delivery"],
    **COMMON,
)
def read_mailbox() -> None:
    """Wire the DAG."""

    @task(outlets=[SETTLED])
    def read() -> dict[str, Any]:
        return reports.read_mails()

    read()


read_mailbox()
