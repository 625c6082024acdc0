"""When a campaign may be planned at all, and how many messages more: its days, its budget, its limit per day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg

from marketflow.campaigns.definition import Campaign
from marketflow.shared import Clock
from marketflow.warehouse import queries


def today(clock: Clock) -> dt.date:
    """The day after the last complete one, in the shop's time zone."""
    return clock.business_date() + dt.timedelta(days=1)


def out_of_time(campaign: Campaign, clock: Clock) -> tuple[str, str] | None:
    """Why nothing may be planned today, as a code and in words; None: it may."""
    day = today(clock)
    if campaign.start and day < campaign.start:
        return "not_started", f"{campaign.name} starts on {campaign.start}; today is {day}"
    if campaign.end and day > campaign.end:
        return "ended", f"{campaign.name} ended on {campaign.end}; today is {day}"
    return None


def expiry(campaign: Campaign, clock: Clock, now: dt.datetime) -> dt.datetime:
    """Until when a message that is planned `now` may be sent: max_age_days, and never after the campaign's last day."""
    latest = now + dt.timedelta(days=campaign.max_age_days)
    if campaign.end is None:
        return latest
    # counted in days from today, since the demo's business day stands still while the clock ticks on
    days_left = (campaign.end - today(clock)).days + 1
    if days_left > campaign.max_age_days + 1:
        return latest  # and an end in the year 9999 is never counted out
    midnight = _began(clock.day_of(now) + dt.timedelta(days=days_left), clock)
    return min(latest, midnight)


def has_limits(campaign: Campaign) -> bool:
    """Must what was planned before be counted, so that two planners may not work beside each other?"""
    return bool(campaign.limits.per_day or (campaign.budget and campaign.budget.messages is not None))


def apply_limits(conn: psycopg.Connection, campaign: Campaign, plan: Mapping[str, Any], clock: Clock) -> dict[str, int]:
    """Turn away whom the budget or the day's limit has no room for; how many of the plan have which outcome now."""
    q = queries("campaign_events")
    day_began = _began(clock.day_of(clock.now()), clock)
    row = conn.execute(q["spent"], {**plan, "day_began": day_began}).fetchone()
    messages, so_far = (int(row[0]), int(row[1])) if row else (0, 0)
    most = campaign.budget.messages if campaign.budget else None
    rooms = {
        "budget": None if most is None else most - messages,
        "daily_limit": None if campaign.limits.per_day is None else campaign.limits.per_day - so_far,
    }
    for reason, room in rooms.items():
        if room is not None:
            conn.execute(q["limit_members"], {**plan, "reason": reason, "room": max(0, room)})
    return {str(outcome): int(n) for outcome, n in conn.execute(q["count_members"], plan)}


def smaller(first: int | None, second: int | None) -> int | None:
    """The stricter of two limits, either of which may be none."""
    return min((n for n in (first, second) if n is not None), default=None)


def _began(day: dt.date, clock: Clock) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=clock.time_zone)
