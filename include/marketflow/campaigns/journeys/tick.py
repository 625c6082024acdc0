"""A tick: all who are due go on, up to their next wait, by a handful of statements per step however many they are.

A transaction takes so many of those who are due, lets them go and writes back where they stand, together with each
move, the plans and the rows of the ledger. A kill in the middle leaves nothing of it, and the next tick takes the same
people from the same steps; what was committed is due no more.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.audience import AudienceRefused
from marketflow.campaigns.definition import ContactPolicy
from marketflow.campaigns.definition.experiment import HELD_OUT
from marketflow.campaigns.experiments import branch_winner
from marketflow.campaigns.journeys.batch import Batch
from marketflow.campaigns.journeys.freshness import stale_tables
from marketflow.campaigns.journeys.graph import order
from marketflow.campaigns.journeys.mails import send, tell
from marketflow.campaigns.journeys.model import WEEKDAYS
from marketflow.campaigns.journeys.news import read_news, wake
from marketflow.campaigns.journeys.put_off import stop_put_off
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, MarketflowError
from marketflow.shared.ages import age
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
MOST = 50_000  # people per transaction


@dataclass(kw_only=True)
class TickSummary:
    """What a tick did. `counts`: moves by why; `released`: messages by channel; `held`: steps that cannot be taken.

    `stale`: data that are too old to go by, for which people wait where they stand.
    `stopped`: messages that waited to be sent and are not wanted any more.
    """

    people: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    held: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    stopped: int = 0
    is_paused: bool = False


def tick(
    conn: psycopg.Connection,
    journey: str,
    *,
    policy: ContactPolicy | None = None,
    keys: KeyRing,
    clock: Clock,
    most: int = MOST,
) -> TickSummary:
    """Move everybody of the journey who is due now, each by the version that she is in; commits piece by piece.

    Before that, messages are stopped that wait to be sent to who has reached the goal, or whose visit is over.
    May be killed at any time and run again, and beside another one. A journey that is paused moves nobody. A step whose
    condition cannot be evaluated holds those on it for an hour and is told in `held`; the others go on. A goal that
    cannot be, and data that do not know the whole business day (`stale`), hold everybody who is due: who has done what
    the journey is for is not to be written to. `conn` must not be in a transaction. Raises WrongClockError when this
    machine's clock is far off: it would end waits for good that have days left.
    """
    check_machine(conn, clock)
    now, found = clock.now(), TickSummary()
    if is_paused(conn, journey):
        return TickSummary(is_paused=True)
    values = {"journey": journey, "now": now, "business_date": clock.business_date()}
    for version in _due_versions(conn, values, found):
        stale = stale_tables(conn, version[1], clock)
        while True:
            batch = _batch(
                conn, journey, version, policy=policy or ContactPolicy(), keys=keys, clock=clock, now=now, stale=stale
            )
            with conn.transaction():
                taken = _move(batch, most)
            found.people += taken
            found.counts += batch.counts
            found.released += batch.released
            found.held += [words for words in batch.held if words not in found.held]
            found.stale += [stale] if stale and taken and stale not in found.stale else []
            if taken < most:
                break
    if found.counts["goal"] or found.counts["ended"]:
        found.stopped += stop_put_off(conn, values)
    return found


def dry_tick(conn: psycopg.Connection, journey: str, **options: Any) -> TickSummary:
    """What `tick` would do now; everything is rolled back."""
    with conn.transaction(force_rollback=True):
        return tick(conn, journey, **options)


def check_machine(conn: psycopg.Connection, clock: Clock) -> None:
    """Raise WrongClockError when the clock of this machine and the database server's are hours apart."""
    from marketflow.campaigns.delivery.clocks import check_clock  # late: its room brings all channels' libraries

    with conn.transaction():
        check_clock(conn, clock)


def is_paused(conn: psycopg.Connection, journey: str) -> bool:
    """Has a person, or too many bounces, stopped it?"""
    with conn.transaction():
        row = conn.execute(queries("campaign_control")["is_paused"], {"campaign": journey}).fetchone()
    return bool(row and row[0])


def _due_versions(
    conn: psycopg.Connection, values: Mapping[str, Any], found: TickSummary
) -> list[tuple[str, Mapping[str, Any]]]:
    """Versions of which somebody is due, after those were woken for whom something has happened."""
    q = queries("journeys")
    with conn.transaction():
        conn.execute(q["state_begin"], values)
        news = read_news(conn, values)
    found.stopped += stop_put_off(conn, values, news)
    with conn.transaction():
        conn.execute(q["lock_journey"], values)
        conn.execute(q["state_ticked"], values)
        inside = conn.execute(q["versions_inside"], values).fetchall()
        wake(conn, values, [(str(v), d) for v, d, _, _ in inside], news)
        inside = conn.execute(q["versions_inside"], values).fetchall()
    return [(str(version), definition) for version, definition, _, is_due in inside if is_due]


def _batch(conn: psycopg.Connection, journey: str, version: tuple[str, Mapping[str, Any]], **more: Any) -> Batch:
    with conn.transaction():
        rows = conn.execute(queries("journeys")["step_numbers"], {"journey": journey}).fetchall()
    numbers = {str(step): int(number) for step, number in rows}
    return Batch(conn=conn, journey=journey, version=version[0], definition=version[1], numbers=numbers, **more)


def _move(batch: Batch, most: int) -> int:
    """One transaction's worth; how many people it was about."""
    batch.execute("lock_journey")
    batch.execute("memory")
    batch.execute("drop_moving")
    for table in ("moving", "turns", "hits"):
        batch.execute(f"make_{table}")
    taken = batch.execute("take_due", most=most).rowcount
    if not taken:
        return 0
    batch.execute("analyze_moving")
    row = batch.execute("tick_begin", kind="move").fetchone()
    assert row is not None  # INSERT ... RETURNING
    batch.tick_id = int(row[0])
    steps = {str(s["step"]): s for s in batch.definition["steps"]}
    if _leave(batch, list(steps)):
        _go_on(batch, steps)
    written = batch.execute("write_back").rowcount
    if written != taken:  # the lock keeps other ticks out, and rows are locked: somebody changed them by hand
        raise MarketflowError(f"{batch.journey}: {taken - written} visits were changed meanwhile; nothing was moved")
    batch.execute("tick_end", people=taken, counts=Jsonb(dict(batch.counts)))
    batch.execute("drop_moving")
    return taken


def _go_on(batch: Batch, steps: Mapping[str, dict[str, Any]]) -> None:
    """Everybody as far as her next wait."""
    for name in order(batch.definition["steps"]):
        _take_step(batch, steps[name])
    for step in steps.values():
        if step["kind"] == "wait":
            _arrive(batch, step)


def _leave(batch: Batch, names: list[str]) -> bool:
    """Those who are gone, or have done what the journey is for, leave before their step; may the others go on?"""
    batch.execute("turns_gone", steps=names)
    batch.turn()
    batch.execute("turns_merged")
    batch.turn()
    goal = batch.definition["journey"]["goal"]
    if goal is not None and goal["event"] is not None:
        batch.hits(goal["event"], step=None, since="entry")
        batch.execute("turns_goal")
    elif goal is not None and not batch.stale:
        try:
            batch.true_of(goal["where"], step=None)
        except AudienceRefused as refused:
            batch.hold_all(refused)
            return False
        batch.execute("turns_goal")
    batch.turn()
    if batch.stale:
        batch.hold_all()
    return not batch.stale


def _take_step(batch: Batch, step: dict[str, Any]) -> None:
    """Everybody on the step goes on."""
    name, kind, ways = step["step"], step["kind"], step["ways"]
    if kind == "wait" and step["wait"]["event"] is not None:
        batch.hits(step["wait"]["event"], step=name, since=step["wait"]["since"])
        batch.execute("turns_event", step=name, then_step=ways["event"], other_step=ways["timed_out"])
    elif kind == "wait":
        batch.execute("turns_wait", step=name, to_step=ways["waited"])
    elif kind == "branch":
        _branch(batch, step)
    elif kind == "send":
        if not _is_anybody(batch, name):
            return
        batch.execute("turns_send", step=name, to_step=ways["next"], plan_id=send(batch, step))
    elif kind == "webhook":
        if not _is_anybody(batch, name):
            return
        batch.execute("turns_told", step=name, to_step=ways["next"], **tell(batch, step))
    else:
        reason = step["exit"]["reason"]
        batch.execute("turns_plain", step=name, to_step=None, why=f"exit: {reason}", reason=reason)
    batch.turn()


def _branch(batch: Batch, step: dict[str, Any]) -> None:
    name, asked, ways = step["step"], step["branch"], step["ways"]
    if asked["shares"] is None:
        if not _is_anybody(batch, name):
            return
        try:
            batch.true_of(asked["where"], step=name)
        except AudienceRefused as refused:
            batch.hold(name, refused)
            return
        batch.execute("turns_branch", step=name, then_step=ways["then"], other_step=ways["otherwise"])
        return
    if _is_anybody(batch, name):
        _draw(batch, step)


def _draw(batch: Batch, step: dict[str, Any]) -> None:
    """By the weights; once an experiment is decided, all but the held out go to the arm that has won."""
    name, shares, experiment = step["step"], step["branch"]["shares"], step.get("experiment")
    arms, lows, total = sorted(shares), [0.0], sum(shares.values())
    for arm in arms:
        lows.append(lows[-1] + shares[arm] / total)
    winner = branch_winner(batch.conn, batch.journey, experiment["name"], now=batch.now) if experiment else None
    taken = [winner if winner in shares and arm != HELD_OUT else arm for arm in arms]
    batch.execute(
        "turns_arms", step=name, arms=taken, targets=[step["ways"][f"arm: {arm}"] for arm in taken],
        lows=lows[:-1], highs=[*lows[1:-1], 1.0], salt=f"{batch.journey}/{experiment['name'] if experiment else name}",
    )  # fmt: skip


def _arrive(batch: Batch, step: dict[str, Any]) -> None:
    """Who has come to a wait stays there until its time."""
    name, wait = step["step"], step["wait"]
    if not _is_anybody(batch, name):
        return
    duration = age(wait["for"] or wait["at_most"]) if wait["for"] or wait["at_most"] else dt.timedelta()
    if wait["event"] is not None:
        batch.execute("wait_on", step=name)
        batch.hits(wait["event"], step=name, since=wait["since"])
    weekdays = [WEEKDAYS.index(day) + 1 for day in wait["on"]]
    batch.execute("arrive", step=name, duration=duration, local=wait["until"], weekdays=weekdays)
    if wait["event"] is not None:
        batch.execute("arrive_early", step=name)


def _is_anybody(batch: Batch, step: str) -> bool:
    return batch.execute("is_anybody", step=step).fetchone() is not None
