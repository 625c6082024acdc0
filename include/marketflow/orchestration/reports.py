"""The bodies of `take_reports` and `read_mailbox`: what comes back of messages, into the warehouse."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import BOUNCES, key_ring, mailbox_target, warehouse
from marketflow.orchestration.jobs import idle
from marketflow.shared import settings

if TYPE_CHECKING:
    from marketflow.campaigns.delivery.limits_file import SoftBounces
    from marketflow.campaigns.reports.journal import Tally

log = logging.getLogger(__name__)


def take_webhooks() -> dict[str, Any]:
    """Record what providers have told the edge service; skips when nothing waits, without asking the database.

    Fails when some of it could not be taken, with the reasons; all else is recorded.
    """
    from marketflow.campaigns.reports import take_reports
    from marketflow.campaigns.tracking import is_waiting

    cfg = settings()
    folder = cfg.reports
    if not is_waiting(folder):
        idle("no provider has reported anything since the last run")
        return {}
    with warehouse("sender") as conn:
        taken = take_reports(conn, folder, key_ring(), cfg.clock(), _soft())
    _warn(taken.tally)
    if taken.problems:
        raise AirflowFailException("; ".join(taken.problems))
    return {"segments": taken.segments, **_told(taken.tally)}


def read_mails() -> dict[str, Any]:
    """Record what the mailbox of bounces holds; skips when there is no such connection, or no new mail."""
    from marketflow.campaigns.reports import read_mailbox
    from marketflow.campaigns.reports.proof import Finder

    target = mailbox_target()
    if target is None:
        raise AirflowSkipException(f"there is no Airflow connection {BOUNCES!r}: no mailbox is read")
    cfg = settings()
    with warehouse("sender") as conn:
        summary = read_mailbox(conn, target, Finder(key_ring(), cfg.own_bounce_address), cfg.clock(), soft=_soft())
    _warn(summary.tally)
    if summary.sorts["unclear"]:
        log.warning(
            "%s mails may be reports and were not understood; they are in the folder %s, for a person to look at",
            summary.sorts["unclear"], target.unclear_folder,
        )  # fmt: skip
    if not summary.keeps_marks:
        log.warning(
            "the mail server lets us mark no mails: those in the folder %s are not deleted, since none can be told from"
            " another's; empty it by hand, and say keep_days: 0 in the connection", target.counted_folder,
        )  # fmt: skip
    if summary.stuck:
        log.warning("%s mails could not be moved: does the login have the right to make folders?", summary.stuck)
    if not summary.mails:
        idle("no mail has come since the last run")
    return {
        "mails": summary.mails, "sorts": dict(summary.sorts), "reasons": dict(summary.reasons),
        "deleted": summary.deleted, **_told(summary.tally),
    }  # fmt: skip


def _soft() -> SoftBounces:
    from marketflow.campaigns.delivery import load_delivery_rules

    return load_delivery_rules(settings().delivery).soft_bounces


def _warn(tally: Tally) -> None:
    if tally.about_us:
        log.warning(
            "%s messages were refused for what we are or what we send (policy, spam, a block), not for their addresses:"
            " nobody was shut out; look at the provider's reports and at block lists", tally.about_us,
        )  # fmt: skip
    if tally.unnamed:
        log.warning(
            "%s bounces or complaints name no message of ours, so nobody was shut out for them: another system sends by"
            " the same account, or the provider leaves out what names a message (SES: include the original headers, or"
            " set MARKETFLOW_BOUNCE_ADDRESS; SendGrid: set MARKETFLOW_SENDGRID_PUBLIC_KEY where mails are sent, too)",
            tally.unnamed,
        )
    if tally.odd:
        log.warning(
            "%s records of the journal are no reports; another version of the edge service wrote them", tally.odd
        )


def _told(tally: Tally) -> dict[str, Any]:
    return {
        "recorded": dict(tally.recorded), "repeated": tally.repeated, "unknown": tally.unknown, "odd": tally.odd,
        "about_us": tally.about_us, "unnamed": tally.unnamed, "suppressed": tally.suppressed, "settled": tally.settled,
    }  # fmt: skip
