"""Reports: what comes back of messages that were handed over, from providers' webhooks and from a mailbox.

Reads:  the edge service's journal `reports`; a mailbox by IMAP; include/delivery.yaml.
Writes: activation.delivery_events and what follows from them (campaigns.delivery.record_delivery_events),
        activation.mailbox_positions; moves the mails that it has counted into a folder beside.
Never:  believes a mail that proves nothing, keeps an address or a server's words, deletes what it did not understand.
"""

from marketflow.campaigns.reports.facts import as_report
from marketflow.campaigns.reports.imap import MailboxError, MailboxTarget
from marketflow.campaigns.reports.journal import take_reports
from marketflow.campaigns.reports.mailbox import MailboxSummary, read_mailbox

__all__ = [
    "MailboxError",
    "MailboxSummary",
    "MailboxTarget",
    "as_report",
    "read_mailbox",
    "take_reports",
]
