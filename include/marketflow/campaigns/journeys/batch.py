"""One transaction of a tick: those who are due, in a temporary table, and what every step does with it."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from marketflow.campaigns.audience import About, AudienceRefused, ShopWords, compile_predicate
from marketflow.campaigns.audience.condition import as_audience, known_columns
from marketflow.campaigns.audience.predicate.events import FAMILIES
from marketflow.campaigns.definition import ContactPolicy
from marketflow.campaigns.journeys.model import MAIL_EVENTS
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
_TRUE_OF = sql.SQL(
    "INSERT INTO pg_temp.journey_hits (customer_id) SELECT customer_id FROM marts.customer_360"
    " WHERE customer_id IN (SELECT m.person_id FROM pg_temp.journey_moving AS m WHERE {asked}) AND ({predicate})"
)
_KINDS = {"mail_opened": "open", "mail_clicked": "click"}
ASK_AGAIN = dt.timedelta(hours=1)


@dataclass(kw_only=True)
class Batch:
    """The state of one transaction; `definition` is the frozen version of those in it."""

    conn: psycopg.Connection
    journey: str
    version: str
    definition: Mapping[str, Any]
    numbers: Mapping[str, int]
    policy: ContactPolicy
    keys: KeyRing
    clock: Clock
    now: dt.datetime
    stale: str | None = None  # what the version reads and does not know until the business day
    tick_id: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)  # messages by channel
    held: list[str] = field(default_factory=list)

    def execute(self, statement: str, **more: Any) -> psycopg.Cursor[Any]:
        """A statement of sql/queries/journeys.sql with what all of them are about."""
        values = {
            "journey": self.journey, "version": self.version, "now": self.now, "tick_id": self.tick_id,
            "business_date": self.clock.business_date(), "time_zone": self.clock.time_zone.key, **more,
        }  # fmt: skip
        return self.conn.execute(queries("journeys")[statement], values)

    def hits(self, event: str, *, step: str | None, since: str) -> None:
        """Put the visits to which `event` has happened into pg_temp.journey_hits."""
        self.execute("clear_hits")
        kind, more = event_statement(event)
        self.execute(f"hits_{kind}", step=step, since=since, **more)
        self.execute("analyze_hits")

    def true_of(self, where: str, *, step: str | None) -> None:
        """Put the people of whom a condition is true into pg_temp.journey_hits. Raises AudienceRefused."""
        self.execute("clear_hits")
        about = About(day=self.clock.business_date(), time_zone=self.clock.time_zone, unknown=ShopWords(self.conn))
        predicate = compile_predicate(where, known_columns(self.conn), about)
        asked = sql.SQL("m.step IS NOT NULL") if step is None else sql.SQL("m.step = {}").format(sql.Literal(step))
        self.execute("lend_moving")
        self.execute("lend_hits")
        with as_audience(self.conn):
            self.conn.execute(_TRUE_OF.format(asked=asked, predicate=predicate))
        self.execute("analyze_hits")

    def turn(self) -> None:
        """Let those in pg_temp.journey_turns go where it says, and write each move down."""
        self.counts.update({str(why): int(n) for why, n in self.execute("count_turns")})
        self.execute("apply_turns")
        self.execute("clear_turns")

    def hold(self, step: str, why: AudienceRefused) -> None:
        """Leave those on a step where they are: what it asks cannot be answered today."""
        if self._hold(step):
            self.held.append(f"{self.journey}, step {step}: {why}")

    def hold_all(self, why: AudienceRefused | None = None) -> None:
        """Leave everybody where she is: the goal (`why`) cannot be asked, or the data that it goes by are too old."""
        if self._hold(None) and why is not None:
            self.held.append(f"{self.journey}, goal: {why}")

    def _hold(self, step: str | None) -> bool:
        people = self.execute("hold", step=step, again_at=self.now + ASK_AGAIN).rowcount
        if people > 0:
            self.counts["held"] += people
        return people > 0


def event_statement(event: str) -> tuple[str, dict[str, Any]]:
    """Which of the statements looks for an event (`orders`, `mails`, `events`), and its parameters."""
    if event in ("order_placed", "order"):
        return "orders", {}
    if event in MAIL_EVENTS:
        return "mails", {"kinds": [_KINDS[event]]}
    family = next((f for f in FAMILIES if event in f), (event,))
    return "events", {"events": list(family)}
