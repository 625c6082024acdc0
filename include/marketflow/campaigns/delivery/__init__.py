"""Delivery: from released rows of the ledger to messages on a channel, each at most once, none lost.

Reads:  activation.sends, .plans, .campaign_states; core.contact_points, core.customers; privacy.*; marts.products.
Writes: activation.sends, from `released` to the end of each message; mails and posts.
Never:  sends without a fresh look at consent, or again what may have arrived; keeps an address or a server's words.
"""

from marketflow.campaigns.delivery.channel import Channel, MemoryChannel, Outcome, OutgoingMessage
from marketflow.campaigns.delivery.channels import make_channel
from marketflow.campaigns.delivery.dkim import DkimSigner
from marketflow.campaigns.delivery.engine import ChannelError, deliver
from marketflow.campaigns.delivery.mastodon import MastodonChannel
from marketflow.campaigns.delivery.options import DeliveryOptions, DeliverySummary
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
    "DeliverySummary",
    "DkimSigner",
    "MastodonChannel",
    "MastodonTarget",
    "MemoryChannel",
    "Outcome",
    "OutgoingMessage",
    "SmtpChannel",
    "SmtpTarget",
    "UnknownSend",
    "WebhookChannel",
    "WebhookTarget",
    "bounced_send",
    "deliver",
    "make_channel",
    "unknown_sends",
]
