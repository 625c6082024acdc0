"""What a journey has not looked at yet: orders and events that were built since, opens and clicks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.campaigns.journeys.batch import event_statement
from marketflow.warehouse import queries

_LATE = dt.timedelta(days=2)  # events that are told so late still wake who waits for them


@dataclass(frozen=True, kw_only=True)
class News:
    """What a tick found when it began. `builds`: when core.events and core.orders were built, as far as is known.

    `is_new`: these are not the builds that were seen before. `is_held`: a sender holds a message of the journey, which
    may come back to wait: the same builds are to be looked at once more.
    """

    builds: tuple[dt.datetime, ...] | None
    is_new: bool
    is_held: bool

    def is_worth(self, kind: str) -> bool:
        """May a look for this kind (`orders`, `events`, `mails`) find anything? Opens and clicks come at any time."""
        return kind == "mails" or self.is_new


def read_news(conn: psycopg.Connection, values: Mapping[str, Any]) -> News:
    """Read it, before anybody is asked or woken: what is built meanwhile is another build, for the next tick."""
    row = conn.execute(queries("journeys")["news"], values).fetchone()
    assert row is not None  # one row of aggregates
    builds, is_new, is_held = row
    return News(builds=builds and tuple(builds), is_new=is_new, is_held=is_held)


def wake(
    conn: psycopg.Connection, values: Mapping[str, Any], inside: list[tuple[str, Mapping[str, Any]]], news: News
) -> None:
    """Let those be due now who wait for what has happened, and note how far it has looked. In one transaction."""
    q = queries("journeys")
    row = conn.execute(q["state"], values).fetchone()
    assert row is not None  # begun before
    looked = {"orders": row[1], "events": row[1], "mails": row[2]}
    for version, definition in inside:
        for step in definition["steps"]:
            wait = step.get("wait")
            if not wait or wait["event"] is None:
                continue
            kind, more = event_statement(wait["event"])
            if news.is_worth(kind):
                params = {**values, "version": version, "step": step["step"], "since": wait["since"], **more}
                conn.execute(q[f"wake_{kind}"], {**params, "look_from": (looked[kind] - _LATE).date()})
    conn.execute(q["state_looked_mails"], values)
    if news.is_new:
        conn.execute(q["state_looked"], {**values, "seen": None if news.is_held else _listed(news.builds)})


def _listed(builds: tuple[dt.datetime, ...] | None) -> list[dt.datetime] | None:
    return None if builds is None else list(builds)
