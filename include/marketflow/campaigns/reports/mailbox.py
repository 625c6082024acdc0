"""Reading a mailbox of bounces and complaints: each mail is looked at once, each report counts once.

A batch is recorded and committed, its mails are moved aside, and only then the position moves on. Who is killed in
between looks at the batch again: a report that comes twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from marketflow.campaigns.delivery import record_delivery_events
from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.campaigns.reports.imap import Mailbox, MailboxTarget, opened
from marketflow.campaigns.reports.journal import Tally
from marketflow.campaigns.reports.proof import Finder
from marketflow.campaigns.reports.reading import Reading, read_mail
from marketflow.shared import Clock
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
_BATCH = 100  # mails in memory, each of 128 KiB at most


@dataclass(kw_only=True)
class MailboxSummary:
    """What a run did: mails by what they were, with the reason of each sort; what their reports have done.

    `keeps_marks`: False where the server lets us mark no mails, so that none is ever deleted.
    """

    mails: int = 0
    sorts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    stuck: int = 0
    deleted: int = 0
    keeps_marks: bool = True

    def count(self, sort: str, why: str) -> None:
        """One more mail."""
        self.mails += 1
        self.sorts[sort] += 1
        self.reasons[why] += 1
        self.tally.about_us += why == "about_us"


def read_mailbox(
    conn: psycopg.Connection,
    target: MailboxTarget,
    finder: Finder,
    clock: Clock,
    *,
    soft: SoftBounces | None = None,
    most: int = 200_000,
) -> MailboxSummary:
    """Look at all mails that came since the last run, `most` at most; the next run goes on with the rest.

    `conn` has the rights of the sender and no transaction open. What was counted is moved to the folder
    `counted_folder`, what may be a report and is not understood to `unclear_folder`; other mails stay where they are.
    Raises MailboxError when the mailbox cannot be reached or opened, or is lost on the way: what was done stays done.
    """
    run = _Run(conn, finder, clock, soft)
    with opened(target) as box:
        name, after = f"{target.name}/{target.folder}", _position(conn, target, box)
        for uids in _batches(box, after, most):
            found = run.look(*box.fetch(uids))
            if not box.move(found.counted, target.counted_folder, is_counted=True):
                run.summary.stuck += len(found.counted)
            if not box.move(found.unclear, target.unclear_folder):
                run.summary.stuck += len(found.unclear)
            values = {
                "mailbox": name, "uid_validity": box.uid_validity, "last_uid": uids[-1], "now": clock.now(),
            }  # fmt: skip
            conn.execute(queries("mailbox")["set_position"], values)
            conn.commit()
        if target.keep_days:
            day = clock.machine().date() - dt.timedelta(days=target.keep_days)  # the server's days, not the demo's
            run.summary.deleted = box.delete_older(target.counted_folder, day)
            run.summary.keeps_marks = box.keeps_marks
    return run.summary


@dataclass
class _Sorted:
    counted: list[int] = field(default_factory=list)
    unclear: list[int] = field(default_factory=list)


@dataclass
class _Run:
    conn: psycopg.Connection
    finder: Finder
    clock: Clock
    soft: SoftBounces | None
    summary: MailboxSummary = field(default_factory=MailboxSummary)

    def look(self, mails: dict[int, bytes], withheld: list[int]) -> _Sorted:
        """Read a batch of mails, record what they report, and say where each belongs; `withheld`: not given to us."""
        now = self.clock.now()
        readings: dict[int, Reading] = {uid: read_mail(data, self.finder, now) for uid, data in mails.items()}
        told = {uid: r.report for uid, r in readings.items() if r.report is not None}
        done = record_delivery_events(self.conn, list(told.values()), now=now, soft=self.soft)
        self.conn.commit()
        self.summary.tally.count(list(told.values()), done)
        # about no message of ours, or not to whom it says: a person may know
        unknown = {uid for uid, one in zip(told, done, strict=True) if one.send_id is None}
        found = _Sorted(unclear=withheld)
        for _ in withheld:
            self.summary.count("unclear", "not_given")
        for uid, reading in readings.items():
            sort, why = ("unclear", "unknown_message") if uid in unknown else (reading.sort, reading.why)
            self.summary.count(sort, why)
            if sort in ("report", "nothing"):
                found.counted.append(uid)
            elif sort == "unclear":
                found.unclear.append(uid)
        return found


def _position(conn: psycopg.Connection, target: MailboxTarget, box: Mailbox) -> int:
    values = {"mailbox": f"{target.name}/{target.folder}", "uid_validity": box.uid_validity}
    row = conn.execute(queries("mailbox")["position"], values).fetchone()
    conn.commit()
    return int(row[0]) if row else 0


def _batches(box: Mailbox, after: int, most: int) -> Iterator[list[int]]:
    left = most
    for numbers in box.numbers(after):
        for start in range(0, min(len(numbers), left), _BATCH):
            yield numbers[start : min(start + _BATCH, left)]
        left -= len(numbers)
        if left <= 0:
            return
