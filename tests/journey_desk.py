"""Builders for tests of journeys: journeys of a test's own, a clock that is moved by hand, and a look at the rows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from campaign_shop import RING, add_customer, fresh
from marketflow.campaigns import ContactPolicy
from marketflow.campaigns.journeys import Enrolled, Journey, TickSummary, enrol, load_journey, tick
from marketflow.shared import Clock

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
HEAD = """
name: {name}
title: A test's own journey
owner: marketing
"""
DAILY = """
entry:
  on: daily
  where: "orders >= 0"
"""


@dataclass(frozen=True, kw_only=True)
class HandClock(Clock):
    """A clock that stands still until it is moved; the business day is the one before."""

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    hands: list[dt.datetime] = field(default_factory=lambda: [NOW])

    def now(self) -> dt.datetime:
        return self.hands[0]

    def pass_time(self, **delta: float) -> None:
        self.hands[0] += dt.timedelta(**delta)


class Desk:
    """One journey of a test's own, run as its DAG would; everything is committed."""

    def __init__(self, conn: psycopg.Connection, root: Path) -> None:
        self.conn, self.root, self.clock = conn, root, HandClock()
        self.policy = ContactPolicy()
        self.conn.autocommit = True
        self.builds = 0

    def journey(self, text: str, *, name: str = "trip", entry: str = DAILY, mails: tuple[str, ...] = ()) -> Journey:
        """The journey of this text; `mails` are the folders of templates."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "journey.yaml").write_text(HEAD.format(name=name) + entry + text)
        for mail in mails:
            (folder / mail).mkdir(exist_ok=True)
            (folder / mail / "subject.txt").write_text(f"Subject of {mail}")
            (folder / mail / "body.txt").write_text(f"Text of {mail}\n{{{{ unsubscribe_url }}}}\n")
        return load_journey(folder)

    def people(self, count: int, **more: Any) -> list[int]:
        return [add_customer(self.conn, f"Ada{n}", **more)[0] for n in range(count)]

    def enrol(self, journey: Journey, **more: Any) -> Enrolled:
        fresh(self.conn, self.clock.business_date())
        return enrol(self.conn, journey, keys=RING, clock=self.clock, **more)

    def tick(self, journey: Journey | str, *, known_until: dt.date | None = None, **more: Any) -> TickSummary:
        """A tick; orders, events and marts know the business until then, without it until the business day."""
        name = journey if isinstance(journey, str) else journey.name
        known = known_until or self.clock.business_date()
        fresh(self.conn, known)
        self.builds += 1
        self.conn.execute(
            "INSERT INTO ops.table_freshness SELECT t, %s, %s, 0 FROM unnest(%s::text[]) AS t"
            " ON CONFLICT (table_name) DO UPDATE SET data_as_of = excluded.data_as_of",
            [known, self.clock.now() + dt.timedelta(microseconds=self.builds), ["core.orders", "core.events"]],
        )
        try:
            return tick(self.conn, name, policy=self.policy, keys=RING, clock=self.clock, **more)
        finally:  # a test's own stay
            self.conn.execute("DELETE FROM ops.table_freshness WHERE table_name LIKE 'core.%' AND row_count = 0")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, list(values)).fetchall()

    def where(self) -> dict[int, tuple[str, str | None]]:
        """By customer: state, and the step, or the reason why she left."""
        found = self.rows("SELECT customer_id, state, coalesce(step, reason) FROM activation.journey_visits")
        return {c: (state, step) for c, state, step in found}

    def moves(self, customer: int) -> list[tuple[str | None, str | None, str]]:
        return self.rows(
            "SELECT from_step, to_step, why FROM activation.journey_moves JOIN activation.journey_visits USING (visit_id)"
            " WHERE customer_id = %s ORDER BY visit_id, number",
            customer,
        )

    def ledger(self) -> Counter[tuple[int, str]]:
        """Released messages by customer and state."""
        return Counter(
            {
                (c, s): n
                for c, s, n in self.rows("SELECT customer_id, state, count(*) FROM activation.sends GROUP BY 1, 2")
            }
        )

    def build(self, at: dt.datetime | None = None) -> None:
        """Orders and events were built, by a run that began `at` (now)."""
        self.conn.execute(
            "INSERT INTO ops.table_freshness SELECT t, %s, %s, 1 FROM unnest(ARRAY['core.orders', 'core.events']) AS t"
            " ON CONFLICT (table_name) DO UPDATE SET refreshed_at = excluded.refreshed_at",
            [self.clock.business_date(), at or self.clock.now()],
        )

    def order(self, customer: int, at: dt.datetime) -> None:
        self.conn.execute(
            "INSERT INTO core.orders (order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount,"
            " currency, file_id) OVERRIDING SYSTEM VALUE SELECT coalesce(max(order_id), 0) + 1, 'shop', (count(*) + 1)::text, %s, %s,"
            " (%s::timestamptz AT TIME ZONE 'UTC')::date, 1, 10, 0, 'USD', 1 FROM core.orders",
            [customer, at, at],
        )
