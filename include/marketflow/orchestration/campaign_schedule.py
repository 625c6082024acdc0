"""When a campaign's DAG runs, by its trigger, and which business day such a run is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable

from marketflow.orchestration.assets import MARTS, mart
from marketflow.shared import Clock, settings

if TYPE_CHECKING:
    from marketflow.campaigns import Campaign

_BIRTHDAYS_AT = "30 7 * * *"  # once a day: each run decrypts every date of birth
_BASKETS_AT = "*/15 * * * *"  # a basket is left by the passing of time, which no asset tells


def schedule_of(campaign: Campaign) -> Any:
    """What Airflow's `schedule` takes. Times are in the shop's zone; a campaign of events is woken, and then looks."""
    trigger = campaign.trigger
    if trigger.on == "manual":
        return None
    if trigger.on == "cron":
        return _at(trigger.cron or "")
    if trigger.on == "birthday":
        return _at(_BIRTHDAYS_AT)
    if trigger.on == "cart_abandoned":
        return AssetOrTimeSchedule(timetable=_at(_BASKETS_AT), assets=[MARTS])
    return [MARTS] if trigger.table is None else _of(mart(trigger.table))


def business_day(context: Mapping[str, Any], clock: Clock) -> dt.date:
    """The clock's business day; of a run that was due before, such as while Airflow was down, that of its own time.

    So a schedule that is caught up is judged by how old it is, and not taken for today's.
    """
    run = context.get("dag_run")
    due, kind = getattr(run, "logical_date", None), getattr(run, "run_type", None)
    if due is None or clock.pinned_day or getattr(kind, "value", kind) != "scheduled":
        return clock.business_date()
    return min(clock.day_of(due + clock.offset) - dt.timedelta(days=1), clock.business_date())


def _at(cron: str) -> CronTriggerTimetable:
    return CronTriggerTimetable(cron, timezone=settings().time_zone)


def _of(asset: Asset) -> list[Asset]:
    return [asset]
