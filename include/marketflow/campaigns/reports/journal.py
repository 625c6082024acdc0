"""Taking what the edge service has heard from providers: from its journal into the warehouse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from marketflow.campaigns.delivery import DeliveryReport, Recorded, record_delivery_events
from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.campaigns.reports.facts import as_report
from marketflow.campaigns.tracking.journal import Record, take
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

_RECORDS = 100  # of the journal at a time; each holds reports of one request, a hundred at most (`edge.webhooks.hooks`)
_REPORTS = 5_000  # in one statement


@dataclass
class Tally:
    """What reports have done. `unknown`: about no message of ours that was ever handed over; `odd`: no report.

    `unnamed`: bounces and complaints of which the provider does not say which message they are about.
    """

    recorded: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    unknown: int = 0
    odd: int = 0
    about_us: int = 0
    unnamed: int = 0
    suppressed: int = 0
    settled: int = 0

    def count(self, reports: Sequence[DeliveryReport], done: Sequence[Recorded]) -> None:
        """Add what a batch has done."""
        for report, one in zip(reports, done, strict=True):
            if one.is_new:
                self.recorded[report.kind] += 1
            elif one.send_id is None:
                self.unknown += 1
            else:
                self.repeated += 1
            self.suppressed += one.suppressed is not None
        self.settled += len({one.send_id for one in done if one.settled})


@dataclass(frozen=True, kw_only=True)
class TakenReports:
    """What was taken of the journal; `problems` in words, `is_busy`: somebody else is taking it."""

    segments: int
    tally: Tally
    problems: tuple[str, ...]
    is_busy: bool


def take_reports(
    conn: psycopg.Connection, folder: Path, keys: KeyRing, clock: Clock, soft: SoftBounces | None = None
) -> TakenReports:
    """Record all that waits in the journal `folder`; each report counts once, whoever is killed.

    `conn` has the rights of the sender and no transaction open. Raises psycopg.OperationalError when the database goes
    away, SourceError when the folder cannot be read: the next run goes on.
    """
    tally = Tally()

    def handle(inner: psycopg.Connection, records: list[Record]) -> None:
        for reports in _batches(records, tally):
            tally.count(reports, record_delivery_events(inner, reports, now=clock.now(), soft=soft))

    taken = take(conn, folder, keys, handle, batch=_RECORDS)
    return TakenReports(segments=taken.segments, tally=tally, problems=taken.problems, is_busy=taken.is_busy)


def _batches(records: list[Record], tally: Tally) -> Iterator[list[DeliveryReport]]:
    batch: list[DeliveryReport] = []
    for record in records:
        facts = record.get("reports")
        for fact in facts if isinstance(facts, list) else ():
            report = as_report(fact, record.get("source"))
            if not isinstance(report, DeliveryReport):
                tally.about_us += report == "about_us"
                tally.unnamed += report == "unnamed"
                tally.odd += report is None
                continue
            batch.append(report)
            if len(batch) >= _REPORTS:
                yield batch
                batch = []
    if batch:
        yield batch
