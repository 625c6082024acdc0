"""One delivery DAG per channel drains what is due, across all campaigns, so that limits hold everywhere."""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import partial
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from marketflow.orchestration.assets import SETTLED, released
from marketflow.orchestration.connections import account_target, dkim_signer, key_ring, smtp_target, warehouse
from marketflow.orchestration.defaults import COMMON
from marketflow.orchestration.jobs import idle
from marketflow.shared import settings

log = logging.getLogger(__name__)


def define_delivery(channel: str, *, doc: str) -> DAG:
    """The DAG `deliver_messages_<channel>`: woken by releases, and by the clock for what was deferred."""

    @dag(
        dag_id=f"deliver_messages_{channel}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("*/5 * * * *", timezone="UTC"), assets=[released(channel)]
        ),
        doc_md=doc,
        tags=["delivery", channel],
        params={
            "per_second": Param(
                None,
                type=["null", "number"],
                minimum=0.1,
                maximum=10_000,
                title="Messages per second",
                description_md="Empty: as fast as the server takes them.",
            ),
        },
        **COMMON,
    )
    def wiring() -> None:
        senders = settings().delivery_senders if channel == "email" else 1

        @task(outlets=[SETTLED])
        def deliver(sender: int, params: dict[str, Any] | None = None) -> dict[str, Any]:
            del sender  # one of those that work side by side: the ledger gives each messages of its own
            rate = (params or {})["per_second"]
            return deliver_channel(channel, per_second=rate and rate / senders)

        if senders > 1:
            deliver.expand(sender=list(range(senders)))
        else:
            deliver(0)

    return wiring()


def deliver_channel(channel: str, *, per_second: float | None) -> dict[str, Any]:
    """Send what is due on the channel; skips when nothing was, or when the channel is switched off.

    What people answered while the warehouse was away is taken first: nobody gets a mail who has unsubscribed.
    """
    from marketflow.campaigns import load_contact_policy
    from marketflow.campaigns.delivery import DeliveryOptions, deliver, load_delivery_rules, make_channel
    from marketflow.edge.answers import take_answers

    cfg = settings()
    take_answers(lambda: warehouse("edge"), cfg.answers, key_ring(), cfg.clock())
    summary = deliver(
        partial(warehouse, "sender"),
        make_channel(channel, smtp=smtp_target, account=account_target, dkim=dkim_signer, settings=cfg),
        keys=key_ring(),
        clock=cfg.clock(),
        options=DeliveryOptions.from_settings(
            cfg,
            policy=load_contact_policy(),
            per_second=per_second,
            rules=load_delivery_rules(cfg.delivery).of(channel),
        ),
    )
    for line in summary.stops:
        log.warning("%s; whoever switches it on again starts the count anew", line)
    if summary.stopped is not None:
        log.warning("the run ended before all was sent: %s", summary.stopped)
    result = asdict(summary)
    if not any(v for v in result.values() if isinstance(v, int)):
        idle(_why_nothing(channel))
    return result


def _why_nothing(channel: str) -> str:
    from marketflow.campaigns.delivery import channel_stop

    with warehouse("sender") as conn:
        off = channel_stop(conn, channel)
    return f"the channel {channel} is {off}; control_channel switches it on again" if off else "nothing was due"
