"""Abuse reports (ARF, RFC 5965), which mail services send when a reader says that a message is spam."""

from __future__ import annotations

from dataclasses import dataclass

from marketflow.campaigns.reports.parts import Part, fields_of

_REPORT = "message/feedback-report"
# `opt-out` was registered by RFC 6650; `other` is a complaint as well: it hurts nobody to write to her no more
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "other", "miscategorized"})
_OUTLOOK = (
    "\nx-hmxmroriginalrecipient:"  # Microsoft's reports are the message as an attachment, with this in its header
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """`is_complaint` is False for what says nothing bad of us, such as not-spam. Addresses as they stand."""

    is_complaint: bool
    recipients: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


def read_feedback(mail: Part) -> Feedback | None:
    """What an abuse report says; None when the mail is none."""
    for leaf in mail.leaves():
        if leaf.kind == _REPORT:
            fields = fields_of(leaf.text())
            kind = fields.get("feedback-type", [""])[0].partition(";")[0].strip().lower()
            return Feedback(
                is_complaint=kind in _COMPLAINTS,
                recipients=tuple(fields.get("original-rcpt-to", [])[:1]),
                senders=tuple(fields.get("original-mail-from", [])[:1]),
            )
    if any(leaf.kind == "message/rfc822" and _OUTLOOK in "\n" + leaf.text()[:16_384].lower() for leaf in mail.leaves()):
        return Feedback(is_complaint=True)
    return None
