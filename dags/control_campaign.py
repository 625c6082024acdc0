"""# Pause, resume or cancel a campaign

For a campaign that is under way: stop it, let it go on, or end it for good.

* **Started** by hand only. Senders feel it with the next message that they would begin, within seconds; what is in the
  mail server's hands already ends as it ends.
* **Pause** leaves all messages where they are. **Resume** lets them go on where they stopped, unless they have expired;
  nobody is lost and nobody gets anything twice. A campaign whose own switch is off stays paused: switch it on, too.
* **Cancel** ends one occasion, or all that are under way, for good: messages that were not sent become `cancelled`, and
  a later run of the same occasion does not plan them again. Another occasion is planned as ever.
* **A journey** is paused and resumed in the same way; nobody enters it or is moved meanwhile. *Cancel* lets all
  leave who are inside of it.
* **Who and when** stands in `activation.campaign_states` and `activation.plans`.
* **Clear or re-run** it at any time: each action may be repeated with the same end.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.campaigns import find_campaigns
from marketflow.campaigns.journeys import find_journeys
from marketflow.orchestration import control
from marketflow.orchestration.defaults import COMMON, choice

_ACTIONS = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel for good"}


@dag(
    dag_display_name="Control campaign",
    schedule=None,
    doc_md=__doc__,
    tags=["delivery", "ops"],
    params={
        "campaign": Param(
            type="string",
            enum=[*find_campaigns().names, *find_journeys().names] or ["none"],
            title="Campaign or journey",
            description_md="Which one.",
        ),
        "action": choice("pause", "Action", "What to do.", _ACTIONS),
        "occasion": Param(
            None,
            type=["null", "string"],
            maxLength=80,
            title="Occasion",
            description_md="For *cancel*: only this one. Empty: all that are under way.",
        ),
        "note": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Note",
            description_md="For those who find it paused. No names or addresses of customers.",
        ),
    },
    **COMMON,
)
def control_campaign() -> None:
    """Wire the DAG."""

    @task
    def act(params: dict[str, Any] | None = None) -> str:
        return control.control_campaign(params or {})

    act()


control_campaign()
