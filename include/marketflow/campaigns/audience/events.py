"""Events that start a campaign: what happened to customers since it looked last, all of it in one run.

A time alone would lose what arrives late, so it remembers the events that a plan has judged (activation.taken_events)
and from which day on it takes them (activation.event_watermarks). The ledger's key makes sure that nobody gets a second
message about an event, whatever is remembered.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.campaigns.definition import Campaign
from marketflow.privacy import BIRTH_DATE, KeyRing
from marketflow.shared import Clock, ConfigurationError
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
# What is older than max_age_days by more than this is not even counted as too old.
_LOOK_BACK_DAYS = 31
_BLOCK = 10_000


@dataclass(frozen=True, kw_only=True)
class Events:
    """The events of one plan, in pg_temp.plan_events until its transaction ends."""

    params: dict[str, Any]
    is_replay: bool
    has_own_occasion: bool

    def fill(self, conn: psycopg.Connection, *, chosen: bool) -> None:
        """Put the customers into pg_temp.plan_audience; `chosen`: a condition has, and those with an event stay."""
        q = queries("campaign_events")
        for statement in ("keep_events", "name_events") if chosen else ("audience_of_events",):
            conn.execute(q[statement])
        if self.has_own_occasion:
            conn.execute(q["unname_events"])

    def take(self, conn: psycopg.Connection, plan_id: int) -> None:
        """Remember what the plan said of each, and move the watermark. Not for dry runs and refused plans."""
        q, params = queries("campaign_events"), {**self.params, "plan_id": plan_id}
        if not self.has_own_occasion:
            conn.execute(q["take_events"], params)
        if not self.is_replay:
            conn.execute(q["move_watermark"], params)
            conn.execute(q["forget_old_events"], params)

    def begin(self, conn: psycopg.Connection, plan_id: int) -> None:
        """Remember, for a plan that was refused, from which day on the campaign takes events; it took none yet."""
        if not self.is_replay:
            conn.execute(queries("campaign_events")["begin_watermark"], {**self.params, "plan_id": plan_id})


def find_events(
    conn: psycopg.Connection,
    campaign: Campaign,
    *,
    business_date: dt.date,
    own_occasion: bool,
    keys: KeyRing,
    clock: Clock,
) -> Events:
    """Fill pg_temp.plan_events with what this run is to deal with, one planner of the campaign at a time.

    For the clock's business day: all events since the day of the first plan, even a refused one, that no plan has dealt
    with. For another day, or an occasion that a person named (`own_occasion`): all events of that day once more, to
    whom the ledger still tells who has had the message.
    """
    q, today = queries("campaign_events"), clock.business_date() + dt.timedelta(days=1)
    is_replay = own_occasion or business_date != clock.business_date()
    row = conn.execute(q["watermark"], {"campaign": campaign.name}).fetchone()
    started_on = row[0] if row else clock.business_date()
    oldest_on = clock.business_date() - dt.timedelta(days=campaign.max_age_days)
    first_on = max(started_on, campaign.start or started_on, oldest_on - dt.timedelta(days=_LOOK_BACK_DAYS))
    looks_again = is_replay or campaign.event == "order_placed"
    params: dict[str, Any] = {
        "campaign": campaign.name, "business_date": business_date, "started_on": started_on, "oldest_on": oldest_on,
        "first_on": business_date if is_replay else first_on, "last_on": business_date if is_replay else today,
        "again_on": business_date if looks_again else None, "now": clock.now(), "time_zone": str(clock.time_zone),
        "after": campaign.trigger.waits, "segment": campaign.trigger.segment, "version": campaign.definition_version,
    }  # fmt: skip
    gather_events(conn, str(campaign.event), params, keys)
    conn.execute(q["forget_taken"], params)
    conn.execute(q["rank_events"], params)
    return Events(params=params, is_replay=is_replay, has_own_occasion=own_occasion)


def gather_events(conn: psycopg.Connection, event: str, params: dict[str, Any], keys: KeyRing) -> None:
    """Fill pg_temp.plan_events with what happened from `first_on` to `last_on` of `params`, dealt with or not."""
    q = queries("campaign_events")
    conn.execute(q["drop_events"])
    conn.execute(q["make_events"])
    if event == "birthday":
        _find_birthdays(conn, params, keys)
    else:
        conn.execute(q[f"found_{event}"], params)
    conn.execute(q["analyze_events"])


def _find_birthdays(conn: psycopg.Connection, params: dict[str, Any], keys: KeyRing) -> None:
    q, broken = queries("campaign_events"), 0
    wanted = birthdays_between(params["first_on"], params["last_on"])
    with conn.cursor(name="birth_dates") as cursor:
        cursor.itersize = _BLOCK
        cursor.execute(q["birth_dates"])
        while block := cursor.fetchmany(_BLOCK):
            found: list[tuple[int, dt.date]] = []
            for customer_id, sealed in block:
                try:
                    born = keys.decrypt_text(sealed, BIRTH_DATE)
                except (ConfigurationError, UnicodeDecodeError):
                    broken += 1
                    continue
                found += [(customer_id, day) for day in wanted.get(born[5:10], ())]
            values = {"customer_ids": [c for c, _ in found], "days": [d for _, d in found]}
            conn.execute(q["found_birthday"], {**params, **values})
    if broken:
        log.warning("%s dates of birth cannot be decrypted; these customers get no greeting", broken)


def birthdays_between(first_on: dt.date, last_on: dt.date) -> dict[str, list[dt.date]]:
    """`MM-DD` of a birth → the days of this span on which it is celebrated; 29 February: the 28th in other years."""
    found: dict[str, list[dt.date]] = {}
    for day in _days(first_on, last_on):
        found.setdefault(f"{day:%m-%d}", []).append(day)
        if (day.month, day.day) == (2, 28) and (day + dt.timedelta(days=1)).month == 3:
            found.setdefault("02-29", []).append(day)
    return found


def _days(first_on: dt.date, last_on: dt.date) -> Iterator[dt.date]:
    for number in range((last_on - first_on).days + 1):
        yield first_on + dt.timedelta(days=number)
