"""Who enters: those to whom the event has happened, as the condition, consent and the rules of re-entry allow."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.audience import About, AudienceRefused, ShopWords, gather_events
from marketflow.campaigns.audience.condition import fill_by_condition
from marketflow.campaigns.definition.triggers import DEFAULT_AFTER, EVENT_TABLES
from marketflow.campaigns.journeys.freshness import late_tables, tables_of
from marketflow.campaigns.journeys.load import Journey
from marketflow.campaigns.journeys.put_off import stop_ended
from marketflow.campaigns.journeys.register import register
from marketflow.campaigns.journeys.tick import check_machine, is_paused
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, DefinitionError
from marketflow.shared.ages import age
from marketflow.warehouse import queries

_EVERYBODY = 2**62
_INSTANTS = ("cart_abandoned", "signed_up")  # events that have a time; of the others a day is known
_TABLES = {"due_again": ("marts.product_recommendations",), "daily": ("marts.customer_360",)}


@dataclass(kw_only=True)
class Enrolled:
    """Whom a run let in (`entered` of `counts`) and whom not, by reason. `refused`: why nobody could be asked about."""

    counts: dict[str, int] = field(default_factory=dict)
    refused: str | None = None
    ended: int = 0
    is_new_version: bool = False

    @property
    def entered(self) -> int:
        """How many entered."""
        return self.counts.get("entered", 0)


def enrol(
    conn: psycopg.Connection, journey: Journey, *, keys: KeyRing, clock: Clock, dry_run: bool = False
) -> Enrolled:
    """Let everybody in to whom the journey's event has happened, once for each event, in one transaction.

    Brings a changed definition into force first (`register`). After the journey's last day all leave. With `dry_run`
    everything is rolled back. Raises DefinitionError for a definition that cannot be used; who is inside goes on then
    by the version that is in force. Raises WrongClockError when this machine's clock is far off.
    """
    check_machine(conn, clock)
    if is_paused(conn, journey.name):
        return Enrolled(refused="the journey is paused")
    with conn.transaction(force_rollback=dry_run):
        is_new = register(conn, journey, clock=clock)
        today = clock.business_date() + dt.timedelta(days=1)
        if journey.end is not None and today > journey.end:
            return Enrolled(
                refused=f"ended on {journey.end}", ended=end_visits(conn, journey.name, "journey_ended", clock)
            )
        if journey.start is not None and today < journey.start:
            return Enrolled(refused=f"starts on {journey.start}", is_new_version=is_new)
        if stale := _stale(conn, journey, clock):
            return Enrolled(refused=stale, is_new_version=is_new)
        return Enrolled(counts=_let_in(conn, journey, keys, clock), is_new_version=is_new)


def end_visits(conn: psycopg.Connection, journey: str, reason: str, clock: Clock) -> int:
    """All who are inside leave, for this reason; how many. What waits to be sent to them is cancelled.

    Part of the caller's transaction.
    """
    q = queries("journeys")
    values = {"journey": journey, "version": "", "now": clock.now(), "reason": reason}
    conn.execute(q["lock_journey"], values)
    row = conn.execute(q["count_inside"], values).fetchone()
    if not row or not row[0]:
        return 0
    tick = conn.execute(q["tick_begin"], {**values, "kind": "end"}).fetchone()
    assert tick is not None  # INSERT ... RETURNING
    values["tick_id"] = int(tick[0])
    ended = conn.execute(q["end_visits"], values).rowcount
    conn.execute(q["tick_end"], {**values, "people": ended, "counts": Jsonb({reason: ended})})
    stop_ended(conn, values)
    return ended


def cancel_visits(conn: psycopg.Connection, journey: str, *, clock: Clock) -> int:
    """A person ends it for all who are inside; how many. Messages of others are another matter (`cancel`)."""
    with conn.transaction():
        return end_visits(conn, journey, "cancelled", clock)


def end_left_behind(conn: psycopg.Connection, journeys: list[str], *, clock: Clock, days: int = 2) -> dict[str, int]:
    """Let all leave whose journey's folder has been gone for so many days; how many, by journey.

    `journeys` are the folders that are there. The days count from the first call that missed it.
    """
    values = {"journeys": journeys, "now": clock.now(), "before": clock.now() - dt.timedelta(days=days)}
    with conn.transaction():
        conn.execute(queries("journeys")["note_missing"], values)
        names = [str(n) for (n,) in conn.execute(queries("journeys")["left_behind"], values)]
        return {name: end_visits(conn, name, "journey_removed", clock) for name in names}


def _stale(conn: psycopg.Connection, journey: Journey, clock: Clock) -> str | None:
    """Which table does not know enough to ask it who enters; None: all do."""
    entry = journey.entry
    tables = [
        *(_TABLES.get(entry.on) or EVENT_TABLES[entry.on]),
        "marts.customer_360",
        *(tables_of(entry.where) if entry.where else ()),
    ]
    oldest = clock.business_date() - dt.timedelta(days=journey.entry.max_age_days)
    late = late_tables(conn, list(dict.fromkeys(tables)), oldest)
    return None if not late else f"stale data: {', '.join(late)} does not know what happened since {oldest}"


def _let_in(conn: psycopg.Connection, journey: Journey, keys: KeyRing, clock: Clock) -> dict[str, int]:
    q, entry, day = queries("journeys"), journey.entry, clock.business_date()
    row = conn.execute(q["state"], {"journey": journey.name}).fetchone()
    assert row is not None  # register has begun it
    first_on = max(row[0], day - dt.timedelta(days=entry.max_age_days), journey.start or row[0])
    params: dict[str, Any] = {
        "campaign": journey.name, "journey": journey.name, "version": journey.version, "business_date": day,
        "first_on": first_on, "last_on": day + dt.timedelta(days=1), "now": clock.now(),
        "time_zone": clock.time_zone.key, "after": age(entry.after or DEFAULT_AFTER), "segment": entry.segment,
        "is_day": entry.on not in _INSTANTS, "again_days": entry.again_days, "consent": entry.consent,
        "room": _EVERYBODY, "first": next(iter(journey.steps)),
    }  # fmt: skip
    conn.execute(q["memory"])
    _find(conn, journey, params, keys, clock)
    if entry.at_most is not None:
        inside = conn.execute(q["count_inside"], params).fetchone()
        params["room"] = max(0, entry.at_most - int(inside[0] if inside else 0))
    conn.execute(q["drop_entrants"])
    conn.execute(q["make_entrants"])
    conn.execute(q["judge_entrants"], params)
    counts = {str(outcome): int(n) for outcome, n in conn.execute(q["count_entrants"]).fetchall()}
    if counts.get("entered"):
        tick = conn.execute(q["tick_begin"], {**params, "kind": "enrol"}).fetchone()
        assert tick is not None  # INSERT ... RETURNING
        params["tick_id"] = int(tick[0])
        counts["entered"] = conn.execute(q["enter"], params).rowcount
        conn.execute(q["tick_end"], {**params, "people": counts["entered"], "counts": Jsonb(counts)})
    return counts


def _find(conn: psycopg.Connection, journey: Journey, params: dict[str, Any], keys: KeyRing, clock: Clock) -> None:
    """Fill pg_temp.plan_events with what happened lately; whom it brought before is sorted out afterwards."""
    entry, q = journey.entry, queries("journeys")
    if entry.where is not None:
        c = queries("campaigns")
        conn.execute(c["drop_audience"])
        conn.execute(c["make_audience"])
        about = About(day=params["business_date"], time_zone=clock.time_zone, unknown=ShopWords(conn))
        try:
            fill_by_condition(conn, entry.where, about)
        except AudienceRefused as refused:
            raise DefinitionError(f"{journey.name}, entry.where: {refused}") from None
        conn.execute(c["analyze_audience"])
    if entry.on in _TABLES:
        events = queries("campaign_events")
        conn.execute(events["drop_events"])
        conn.execute(events["make_events"])
        conn.execute(q[entry.on], params)
    else:
        gather_events(conn, entry.on, params, keys)
    if entry.where is not None and entry.on != "daily":
        conn.execute(q["keep_chosen"])
