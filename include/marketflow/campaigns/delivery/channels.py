"""Which channel is which."""

from __future__ import annotations

from collections.abc import Callable

from marketflow.campaigns.delivery.channel import Channel, MemoryChannel
from marketflow.campaigns.delivery.dkim import DkimSigner
from marketflow.campaigns.delivery.mastodon import MastodonChannel
from marketflow.campaigns.delivery.smtp import SmtpChannel
from marketflow.campaigns.delivery.targets import AccountTarget, SmtpTarget
from marketflow.campaigns.delivery.webhook import WebhookChannel
from marketflow.shared import ConfigurationError, Settings


def make_channel(
    name: str,
    *,
    smtp: Callable[[], SmtpTarget],
    account: Callable[[str], AccountTarget],
    settings: Settings,
    dkim: Callable[[], DkimSigner | None] = lambda: None,
) -> Channel:
    """The channel that the ledger calls `name`.

    `smtp` and `dkim` are asked once, `account` for each account that is posted to. Raises ConfigurationError for a name
    that no channel has, and for a DKIM key that cannot sign for the sender.
    """
    timeout = settings.smtp_timeout_seconds
    if name == "email":
        return SmtpChannel(smtp(), sender=settings.sender, signer=dkim(), timeout=timeout)
    if name == "webhook":
        return WebhookChannel(account, timeout=timeout)
    if name == "mastodon":
        return MastodonChannel(account, timeout=timeout)
    if name == "memory":
        return MemoryChannel()
    raise ConfigurationError(f"there is no channel {name!r}; there are email, webhook, mastodon and memory")
