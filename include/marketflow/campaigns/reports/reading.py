"""A mail of the bounce mailbox: is it a report about a message of ours, and what does it say?"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from marketflow.campaigns.delivery.event_batches import DeliveryReport
from marketflow.campaigns.delivery.events import Kind
from marketflow.campaigns.reports.arf import Feedback, read_feedback
from marketflow.campaigns.reports.dsn import Status, is_automatic, read_status, read_words
from marketflow.campaigns.reports.parts import MailRefused, Part, parse
from marketflow.campaigns.reports.proof import Finder, Named

SOURCE = "mailbox"
Sort = Literal["report", "nothing", "unclear", "other"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a mail is, and why.

    report: to be recorded. nothing: a report or an automatic answer that changes nothing (a delay, an absence, a
    refusal that is about us ...). unclear: it may be a report, and a person should look. other: somebody's mail.
    """

    sort: Sort
    why: str
    report: DeliveryReport | None = None


def read_mail(data: bytes, finder: Finder, now: dt.datetime) -> Reading:
    """What the mail is; never raises, whatever stands in it. Time and memory are bounded by `parts.MAX_BYTES`."""
    try:
        mail = parse(data)
    except MailRefused as error:
        return Reading("unclear", error.reason)
    if (feedback := read_feedback(mail)) is not None:
        return _complaint(mail, feedback, finder, now)
    if (status := read_status(mail)) is not None:
        return _status(mail, status, finder, now)
    if mail.kind == "multipart/report":
        return Reading("unclear", "no_status") if _is_bounce_report(mail) else Reading("other", "other_report")
    if (words := read_words(mail)) is not None:
        return _status(mail, words, finder, now, is_plain=True)
    return _no_report(mail, finder)


def _complaint(mail: Part, feedback: Feedback, finder: Finder, now: dt.datetime) -> Reading:
    if not feedback.is_complaint:
        return Reading("nothing", "no_complaint")
    named = finder.find(mail, feedback.recipients, feedback.senders)
    return _about(named, "complaint", None, _time(mail, now))


def _status(mail: Part, status: Status, finder: Finder, now: dt.datetime, *, is_plain: bool = False) -> Reading:
    if status.outcome == "delayed":
        return Reading("nothing", "delayed")
    if status.outcome == "delivered":
        kind: Kind = "delivered"
    elif status.code.verdict == "about_us":
        return Reading("nothing", "about_us")
    else:
        kind = status.code.verdict
    named = finder.find(mail, status.recipients)
    if named is None and is_plain:  # a person who writes from postmaster@ may speak of a code
        return Reading("other", "other_mail")
    return _about(named, kind, status.code.text, _time(mail, now))


def _about(named: Named | None, kind: Kind, code: str | None, at: dt.datetime) -> Reading:
    if named is None:
        return Reading("unclear", "no_proof")
    report = DeliveryReport(
        kind=kind, source=SOURCE, occurred_at=at, send_id=named.send_id, message_id=named.message_id,
        recipient_hash=named.recipient_hash, code=code,
    )  # fmt: skip
    return Reading("report", kind, report)


def _no_report(mail: Part, finder: Finder) -> Reading:
    if finder.by_recipient(mail) is None:
        return Reading("other", "automatic" if is_automatic(mail) else "other_mail")
    # it came to an address that is no person's
    return Reading("nothing", "automatic") if is_automatic(mail) else Reading("unclear", "no_report")


def _is_bounce_report(mail: Part) -> bool:
    return "delivery-status" in mail.first("content-type").lower() or "feedback" in mail.first("content-type").lower()


def _time(mail: Part, now: dt.datetime) -> dt.datetime:
    """When it was written, as it says; now, where it says no time that has been."""
    try:
        found = parsedate_to_datetime(mail.first("date"))
        found = found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
        return found if dt.timedelta(0) <= now - found <= dt.timedelta(days=400) else now
    except (ValueError, TypeError, OverflowError, IndexError):
        return now
