"""Delivery: from released rows of the ledger to messages on a channel, each at most once, none lost.

Reads:  include/delivery.yaml; activation.sends, .plans, .campaign_states, .channel_states; core.contact_points,
        core.customers; privacy.*; marts.products.
Writes: activation.sends, from `released` to the end of each message; mails and posts; what was reported of them
        (activation.delivery_events), suppressions of addresses that bounced, and switches that turn by themselves.
Never:  sends without a fresh look at consent, or again what may have arrived; keeps an address or a server's words.
"""

from marketflow.campaigns.delivery.channel import Channel, MemoryChannel, Outcome, OutgoingMessage
from marketflow.campaigns.delivery.channels import make_channel
from marketflow.campaigns.delivery.clocks import WrongClockError
from marketflow.campaigns.delivery.dkim import DkimSigner
from marketflow.campaigns.delivery.engine import deliver
from marketflow.campaigns.delivery.event_batches import DeliveryReport, record_delivery_events
from marketflow.campaigns.delivery.events import Recorded, record_delivery_event
from marketflow.campaigns.delivery.guard import (
    apply_stop,
    campaign_stop,
    channel_stop,
    forget_allowances,
    switch_channel,
)
from marketflow.campaigns.delivery.handover import ChannelError
from marketflow.campaigns.delivery.limits_file import DeliveryRules, load_delivery_rules
from marketflow.campaigns.delivery.mastodon import MastodonChannel
from marketflow.campaigns.delivery.options import DeliveryOptions, DeliverySummary
from marketflow.campaigns.delivery.reconcile import (
    Settled,
    UnknownSelection,
    message_ids_in,
    reconcile_by_message_id,
    settle_unknown,
    unknown_report,
)
from marketflow.campaigns.delivery.reports import UnknownSend, unknown_sends
from marketflow.campaigns.delivery.smtp import SmtpChannel
from marketflow.campaigns.delivery.targets import AccountTarget, MastodonTarget, SmtpTarget, WebhookTarget
from marketflow.campaigns.delivery.verp import bounced_send
from marketflow.campaigns.delivery.webhook import WebhookChannel

__all__ = [
    "AccountTarget",
    "Channel",
    "ChannelError",
    "DeliveryOptions",
    "DeliveryReport",
    "DeliveryRules",
    "DeliverySummary",
    "DkimSigner",
    "MastodonChannel",
    "MastodonTarget",
    "MemoryChannel",
    "Outcome",
    "OutgoingMessage",
    "Recorded",
    "Settled",
    "SmtpChannel",
    "SmtpTarget",
    "UnknownSelection",
    "UnknownSend",
    "WebhookChannel",
    "WebhookTarget",
    "WrongClockError",
    "apply_stop",
    "bounced_send",
    "campaign_stop",
    "channel_stop",
    "deliver",
    "forget_allowances",
    "load_delivery_rules",
    "make_channel",
    "message_ids_in",
    "reconcile_by_message_id",
    "record_delivery_event",
    "record_delivery_events",
    "settle_unknown",
    "switch_channel",
    "unknown_report",
    "unknown_sends",
]
