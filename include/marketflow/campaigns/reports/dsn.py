"""Delivery status notifications (RFC 3464), and bounces in plain words of servers that write none.

A report is about one recipient, since each of our messages has one; where an alias stands for several people, nobody's
address is dead as long as one of them got it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from marketflow.campaigns.reports.codes import Code, judge, judge_words
from marketflow.campaigns.reports.parts import Fields, Part, fields_of

Outcome = Literal["failed", "delayed", "delivered"]
_STATUS = ("message/delivery-status", "message/global-delivery-status")  # RFC 6533: with addresses beyond ASCII
_MOST = 50  # groups of a report
# what servers write in front of the copy of the message that they send back in plain words
_COPY = re.compile(
    r"^[^\w\n]{0,80}(?:below this line is a copy|this is a copy of (?:the|your) message|original message|原邮件"
    r"|copy of the message|the original message|原始邮件)",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<[^<>]{0,500}>")
_WORDS = 16_384  # letters that are looked at for a code
_MACHINES = re.compile(
    r"(?:^|[<\s\"])(?:mailer-daemon|postmaster|mail\.?daemon|mdaemon)@"
    r"|^\"?(?:mail delivery (?:sub)?system|mailer-daemon)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Status:
    """What happened to the message, by which code, and to whom it says that it did (addresses as they stand)."""

    outcome: Outcome
    code: Code
    recipients: tuple[str, ...]


def read_status(mail: Part) -> Status | None:
    """What a DSN says; None when the mail is none, or says nothing that counts."""
    part = next((leaf for leaf in mail.leaves() if leaf.kind in _STATUS), None)
    if part is None:
        return None
    groups = [fields_of(text) for text in re.split(r"\n[ \t]*\n", part.text().strip("\n"), maxsplit=_MOST)[:_MOST]]
    told = [_of_group(group) for group in groups if "action" in group or "final-recipient" in group]
    found = [status for status in told if status is not None]
    return _together(found) if found else None


def read_words(mail: Part) -> Status | None:
    """What a bounce in plain words says, of qmail's and others' kind; None when no server writes so."""
    is_daemon = _MACHINES.search(mail.first("from")) is not None
    if not (is_daemon or _is_machine(mail)):
        return None
    text = next((leaf.text() for leaf in mail.leaves() if leaf.kind in ("text/plain", "text/html")), "")
    copy = _COPY.search(text)
    words = _TAG.sub(" ", text[: copy.start()] if copy else text)[:_WORDS]
    code = judge_words(words, is_daemon=is_daemon)
    return None if code is None else Status("failed", code, tuple(mail.fields.get("x-failed-recipients", [])[:1]))


def is_automatic(mail: Part) -> bool:
    """Does it say that a program has written it (RFC 3834, and what there was before)? Servers and absences do."""
    is_said = mail.first("auto-submitted").strip().lower().startswith("auto")
    is_auto_reply = mail.first("precedence").strip().lower() == "auto_reply"
    return is_said or is_auto_reply or any(name.startswith("x-auto") for name in mail.fields)


def _is_machine(mail: Part) -> bool:
    """Written by a mail server under another name: it tells whom it failed, or is from nobody (RFC 5321, 4.5.5).

    From nobody are the answers of those who are away, too (RFC 3834, 3.3); most of them say that they are automatic.
    """
    return "x-failed-recipients" in mail.fields or (
        mail.first("return-path").strip() == "<>" and not is_automatic(mail)
    )


def _of_group(group: Fields) -> Status | None:
    action = group.get("action", [""])[0].split("(")[0].strip().lower()
    words = " ".join(group.get("diagnostic-code", []))
    code = judge(group.get("status", [""])[0], words)
    recipients = tuple(v for name in ("original-recipient", "final-recipient") for v in group.get(name, [])[:1])
    outcomes: dict[str, Outcome] = {
        "failed": "failed", "delayed": "delayed", "delivered": "delivered", "relayed": "delivered",
        "expanded": "delivered",
    }  # fmt: skip
    outcome = outcomes.get(action) or ("failed" if not action and (code.text or "").startswith("5") else None)
    return None if outcome is None else Status(outcome, code, recipients)


def _together(found: list[Status]) -> Status:
    """One status of all recipients: the best that happened, since one address of ours stood for all of them."""
    order: dict[Outcome, int] = {"delivered": 0, "delayed": 1, "failed": 2}
    mildest = {"about_us": 0, "bounce_soft": 1, "bounce_hard": 2}
    best = min(found, key=lambda s: (order[s.outcome], mildest[s.code.verdict]))
    if best.outcome == "delivered" and any(s.outcome == "failed" for s in found):
        # some got it and some did not: the address works
        return Status("delivered", Code(None, "bounce_soft"), best.recipients)
    return best
