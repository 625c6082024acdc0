"""# Control a channel

Switches a whole channel off or on, for all campaigns together: when the mail server is to be left alone, or after the
channel has switched itself off because too much bounced or was complained about (`include/delivery.yaml`).

* **Started** by hand only. Felt within seconds, also by runs of `deliver_messages` that are under way: what is not
  handed over yet stays where it is and goes on when the channel is switched on, unless it expires meanwhile.
* **Switched on**, the channel counts its bounces and complaints anew.
* **Who, when and why** stands in `activation.channel_states`.
* **Clear or re-run** it at any time.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import reconcile
from marketflow.orchestration.defaults import COMMON, choice


@dag(
    dag_display_name="Control channel",
    schedule=None,
    doc_md=__doc__,
    tags=["delivery", "ops"],
    params={
        "channel": choice(
            "email", "Channel", "Which way of sending.", {"email": "Mail", "webhook": "Webhook", "mastodon": "Mastodon"}
        ),
        "switch": choice("off", "Switch", "What to do.", {"off": "Switch off", "on": "Switch on"}),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Reason",
            description_md="For those who find it switched off. No names or addresses of customers.",
        ),
    },
    **COMMON,
)
def control_channel() -> None:
    """Wire the DAG."""

    @task
    def switch(params: dict[str, Any] | None = None) -> str:
        return reconcile.control_channel(params or {})

    switch()


control_channel()
