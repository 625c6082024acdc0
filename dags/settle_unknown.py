"""# Settle unknown messages

Of a few messages nobody knows whether they arrived: the sender died, or the mail server hung up, after the message was
handed over and before the answer came. They are `unknown`, and never sent again by themselves: somebody would get two.
Bounces and delivery reports settle them by themselves; for the others you decide here.

* **Started** by hand only. *list* shows them (log and XCom of that task): by campaign, and each with its Message-ID, by
  which the mail server's log says what became of it.
* **They arrived**: `sent`. **Send again**: they wait for the next `deliver_messages`, unless they have expired; tick
  *I know* as well. **Give up**: `failed`.
* **Which**: a campaign, an age, Message-IDs, or all of these together. Those that are not unknown are left alone and
  counted. **No lines of a log here**: they hold addresses, and Airflow keeps what is typed into a form. They go to the
  terminal, which picks the Message-IDs out: `marketflow delivery arrived < lines`, or `give-up`.
* **Once**: a message that was decided, or of which a report came meanwhile, is not unknown any more. A sender that was
  only slow and comes back with *sent* is believed even after *send again*, until another one has taken the message.
* **Who decided what and when** stands in `activation.unknown_decisions`.
* **Clear or re-run** it at any time.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import reconcile
from marketflow.orchestration.assets import SETTLED
from marketflow.orchestration.defaults import COMMON, choice

DECISIONS = {
    "list": "List them only",
    "arrived": "They arrived",
    "send_again": "They did not arrive: send again",
    "give_up": "Give up",
}
WHICH = "Which messages"


@dag(
    dag_display_name="Settle unknown messages",
    schedule=None,
    doc_md=__doc__,
    tags=["delivery", "ops"],
    params={
        "decision": choice("list", "What became of them", "For all that are selected below.", DECISIONS),
        "confirm": Param(
            default=False,
            type="boolean",
            title="I know that somebody may get it twice",
            description_md="Needed for *send again* only.",
        ),
        "campaign": Param(
            None,
            type=["null", "string"],
            maxLength=100,
            title="Campaign",
            description_md="Only messages of this campaign. Empty: of any.",
            section=WHICH,
        ),
        "older_than_hours": Param(
            None,
            type=["null", "number"],
            minimum=0,
            maximum=8_760,
            title="Handed over so many hours ago",
            description_md="Only messages that are at least that old. Empty: any; 0: all.",
            section=WHICH,
        ),
        "message_ids": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=1_000_000,
            title="Message-IDs",
            pattern=reconcile.MESSAGE_IDS,
            description_md="Only these, one a line, and nothing else: Airflow keeps what stands here. Lines of a mail "
            "server's log go to the terminal: `marketflow delivery arrived`. Empty: any.",
            section=WHICH,
        ),
    },
    **COMMON,
)
def settle_unknown() -> None:
    """Wire the DAG."""

    @task(task_id="list")
    def list_unknown() -> str:
        return reconcile.list_unknown()

    @task(outlets=[SETTLED])
    def decide(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return reconcile.decide_unknown(params or {})

    list_unknown() >> decide()


settle_unknown()
