"""One round of the simulation: what is new in the mail catcher is read, some of it bounces, and some people buy."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from marketflow.embedded.maildir import Inbox
from marketflow.embedded.simulation.behaviour import Reading, Truth
from marketflow.embedded.simulation.mails import Handles, handles
from marketflow.embedded.simulation.purchases import FOLDER, Person, write_purchases
from marketflow.embedded.simulation.readers import read_mails
from marketflow.shared import Clock
from marketflow.warehouse import queries

SYSTEM = "shop"  # whose customer numbers the purchases carry
SOURCE = "simulation"  # where reports say that they come from
_MAILS = 200  # read and looked up at a time


@dataclass(frozen=True)
class _Message:
    message_id: str
    campaign: str
    arm: str
    customer_ref: str


class Simulation:
    """What a round needs. `noted`: a file that holds how far the mails have been read. Commits as it goes."""

    def __init__(
        self, conn: psycopg.Connection, *, inbox: Inbox, edge_url: str, landing: Path, noted: Path, clock: Clock,
        reading: Reading, truth: Truth, currency: str,
    ) -> None:  # fmt: skip
        self._conn, self._inbox, self._edge_url = conn, inbox, edge_url
        self._landing, self._noted, self._clock = landing, noted, clock
        self._reading, self._truth, self._currency = reading, truth, currency

    def read(self) -> Counter[str]:
        """Read the mails that have come since the last time, oldest first, so that a round goes on where one ended.

        Gives mails, open, click, unsubscribe, refused, bounce_hard and complaint with their numbers.
        """
        counts: Counter[str] = Counter()
        last = self._last()
        new = sorted(mail_id for mail_id in self._inbox.ids() if mail_id > last)
        for ids in (new[i : i + _MAILS] for i in range(0, len(new), _MAILS)):
            mails = [handles(self._inbox.raw(mail_id), self._edge_url) for mail_id in ids]
            known = self._known([mail.message_id for mail in mails])
            counts += self._report(known)
            self._conn.commit()  # the edge service is to change what these rows are about
            counts += read_mails(self._edge_url, self._readers(mails, known))
            counts["mails"] += len(known)
            self._note(ids[-1])
        return counts

    def buy(self) -> dict[str, int]:
        """Write the purchases of each campaign whose effect is stated, unless they are there; gives their numbers."""
        found = {}
        for campaign in self._truth.effects:
            path, start = self._landing / FOLDER / f"{campaign}.csv", self.last_sent(campaign)
            if start is None or path.exists():
                continue
            people, between = self._people(campaign), (start, self._clock.now())
            found[campaign] = write_purchases(path, people, self._truth, between, currency=self._currency)
        return found

    def last_sent(self, campaign: str | None = None) -> dt.datetime | None:
        """When the last message to a made-up customer was handed over, of one campaign or of all."""
        row = self._conn.execute(queries("simulation")["last_sent"], {"campaign": campaign}).fetchone()
        self._conn.commit()  # who waits for a while holds nothing up
        return row[0] if row else None

    def _readers(self, mails: list[Handles], known: dict[str, _Message]) -> Iterator[tuple[Handles, list[Any]]]:
        for mail in mails:
            if message := known.get(mail.message_id):
                yield mail, self._reading.acts(mail.message_id, persuaded=self._is_persuaded(message))

    def _is_persuaded(self, message: _Message) -> bool:
        return self._truth.is_persuaded(message.campaign, message.arm, message.customer_ref)

    def _report(self, known: dict[str, _Message]) -> Counter[str]:
        from marketflow.campaigns.delivery import record_delivery_event  # the product's door, as a mail server's report

        counts: Counter[str] = Counter()
        for message in known.values():
            kind = self._reading.report(message.message_id, persuaded=self._is_persuaded(message))
            if kind is None:
                continue
            now = self._clock.now()
            recorded = record_delivery_event(
                self._conn, kind=kind, source=SOURCE, occurred_at=now, now=now, message_id=message.message_id
            )
            counts[kind] += recorded.is_new
        return counts

    def _known(self, message_ids: list[str]) -> dict[str, _Message]:
        params = {"system": SYSTEM, "message_ids": message_ids}
        with self._conn.cursor(row_factory=class_row(_Message)) as cursor:
            return {m.message_id: m for m in cursor.execute(queries("simulation")["messages"], params)}

    def _people(self, campaign: str) -> list[Person]:
        params = {"system": SYSTEM, "campaign": campaign}
        with self._conn.cursor(row_factory=class_row(Person)) as cursor:
            return cursor.execute(queries("simulation")["people"], params).fetchall()

    def _last(self) -> str:
        return str(json.loads(self._noted.read_text())["last_mail"]) if self._noted.exists() else ""

    def _note(self, mail_id: str) -> None:
        self._noted.parent.mkdir(parents=True, exist_ok=True)
        passing = self._noted.with_name(f".{self._noted.name}.{os.getpid()}")
        passing.write_text(json.dumps({"last_mail": mail_id}), encoding="utf-8")
        passing.replace(self._noted)
