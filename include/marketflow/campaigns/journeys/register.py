"""A version of a journey comes into force: it is looked through and frozen; those inside move to it if it says so."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.audience import About, AudienceRefused, ShopWords, compile_predicate
from marketflow.campaigns.audience.condition import known_columns
from marketflow.campaigns.content import Finding, lint
from marketflow.campaigns.experiments import ExperimentChanged, begin_branch
from marketflow.campaigns.journeys.batch import event_statement
from marketflow.campaigns.journeys.load import Journey, mail
from marketflow.campaigns.journeys.model import END
from marketflow.shared import Clock, DefinitionError, settings
from marketflow.warehouse import queries

log = logging.getLogger(__name__)


def register(conn: psycopg.Connection, journey: Journey, *, clock: Clock) -> bool:
    """Freeze the journey as it is now; False: it was already. Part of the caller's transaction.

    From here on people enter by this version. With `on_change: move` all who are inside go on by it, too, from the step
    of the same name; who stands on one that is no more goes on where `moved` says, or else where that step would have
    led to, or leaves as `step_removed`. Raises DefinitionError for a condition or a template that cannot be used, and
    for an experiment with other arms or shares than people are in it by.
    """
    q = queries("journeys")
    values: dict[str, Any] = {
        "journey": journey.name, "version": journey.version, "now": clock.now(),
        "business_date": clock.business_date(),
    }  # fmt: skip
    conn.execute(q["lock_journey"], values)
    conn.execute(q["state_begin"], values)
    row = conn.execute(q["current_version"], values).fetchone()
    if row is not None and row[0] == journey.version:
        return False
    check(conn, journey, clock=clock)
    _begin_experiments(conn, journey, values)
    conn.execute(q["retire_versions"], values)
    conn.execute(q["version_keep"], {**values, "definition": Jsonb(journey.frozen)})
    numbered = [name for name, step in journey.steps.items() if step.kind in ("send", "webhook")]
    conn.execute(q["number_steps"], {**values, "steps": numbered})
    if journey.on_change == "move":
        _move_to_it(conn, journey, values)
    return True


def check(conn: psycopg.Connection, journey: Journey, *, clock: Clock) -> None:
    """Raise DefinitionError with all conditions, names of events and templates that cannot be used."""
    about = About(day=clock.business_date(), time_zone=clock.time_zone, unknown=ShopWords(conn))
    columns, wrong = known_columns(conn), []
    for place, where in _conditions(journey):
        try:
            compile_predicate(where, columns, about)
        except AudienceRefused as refused:
            wrong.append(f"{journey.name}, {place}: {refused}")
    for place, event in _events(journey):
        kind, more = event_statement(event)
        try:
            if kind == "events" and len(more["events"]) == 1:
                about.check("event", event)
        except AudienceRefused as refused:
            wrong.append(f"{journey.name}, {place}: {refused}")
    wrong += [f"{f.place}: {f.words}" for f in lint_journey(journey, clock=clock) if f.severity == "error"]
    if wrong:
        raise DefinitionError("\n".join(wrong))


def _begin_experiments(conn: psycopg.Connection, journey: Journey, values: Mapping[str, Any]) -> None:
    for step, experiment in journey.experiments.items():
        try:
            warning = begin_branch(conn, journey.name, experiment, now=values["now"])
        except ExperimentChanged as changed:
            raise DefinitionError(f"{journey.name}, step {step}: {changed}") from None
        if warning:
            log.warning("%s, step %s: %s", journey.name, step, warning)


def lint_journey(journey: Journey, *, clock: Clock) -> list[Finding]:
    """Faults of the templates of all steps."""
    day = clock.business_date()
    return [f for name in journey.templates for f in lint(mail(journey, name).frozen, brand=settings().brand, day=day)]


def _conditions(journey: Journey) -> list[tuple[str, str]]:
    found = [("entry.where", journey.entry.where), ("goal.where", journey.goal and journey.goal.where)]
    found += [(f"step {n}", s.branch.where) for n, s in journey.steps.items() if s.branch is not None]
    return [(place, where) for place, where in found if where]


def _events(journey: Journey) -> list[tuple[str, str]]:
    found = [("goal.event", journey.goal and journey.goal.event)]
    found += [(f"step {n}", s.wait.event) for n, s in journey.steps.items() if s.wait is not None]
    return [(place, event) for place, event in found if event]


def _move_to_it(conn: psycopg.Connection, journey: Journey, values: dict[str, Any]) -> None:
    q = queries("journeys")
    groups = conn.execute(q["outdated"], values).fetchall()
    if not groups:
        return
    row = conn.execute(q["tick_begin"], {**values, "kind": "change"}).fetchone()
    assert row is not None  # INSERT ... RETURNING
    counts: dict[str, int] = {}
    for old_version, step, _ in groups:
        found = conn.execute(q["definition_of"], {**values, "version": old_version}).fetchone()
        to = _landing(journey, str(step), found[0] if found else {})
        moved = conn.execute(
            q["change_version"],
            {**values, "old_version": old_version, "step": step, "to_step": to, "tick_id": int(row[0])},
        ).rowcount
        word = "moved" if to == step else "step_removed"
        counts[word] = counts.get(word, 0) + moved
    end = {"people": sum(counts.values()), "counts": Jsonb(counts), "tick_id": int(row[0])}
    conn.execute(q["tick_end"], {**values, **end})


def _landing(journey: Journey, step: str, old: Mapping[str, Any]) -> str | None:
    """Where those go on who stand on `step` of the old version; None: they leave."""
    ways = {str(s["step"]): s["ways"] for s in old.get("steps", ())}
    seen: set[str] = set()
    while step not in journey.steps:
        if step in journey.moved:
            named = journey.moved[step]
            return None if named == END else named
        targets = [to for to in ways.get(step, {}).values() if to is not None]
        if step in seen or not targets:
            return None
        seen.add(step)
        step = str(targets[-1])  # of an event or a condition: as if it had not come true
    return step
