"""What a run of the delivery may be told, and what it tells back: numbers and codes only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from marketflow.campaigns.definition import ContactPolicy
from marketflow.campaigns.delivery.limits_file import ChannelRules
from marketflow.campaigns.delivery.verp import check_bounce_address
from marketflow.shared import ConfigurationError, Settings


@dataclass(frozen=True, kw_only=True)
class DeliveryOptions:
    """How to deliver. `window` bounds what a crash can leave `unknown`; `batch` bounds the memory.

    `max_messages` and `max_seconds` end a run early, after the window in hand; what it had claimed goes back.
    `stale_after`: a message is handed over at most this long after the last look at consent and pause.
    `bounce_address`: where bounces go to; each message has its own form of it as envelope sender (VERP).
    `tells_sendgrid`: each mail tells SendGrid a token of its own, which its reports bring back.
    `patience`: how long a server that asks for patience, or is down, is left alone.
    `policy`: what holds for all campaigns together; `time_zone`: the shop's, for customers whose own is not known.
    `per_second` is this run's own limit; `rules` are those that all senders of the channel share.
    `track_opens`, `track_clicks`: in mails of campaigns that do not say otherwise.
    """

    edge_url: str
    brand: str
    locale: str = "en-US"
    bounce_address: str | None = None
    tells_sendgrid: bool = False
    batch: int = 200
    window: int = 8
    lease: dt.timedelta = dt.timedelta(seconds=120)
    stale_after: dt.timedelta = dt.timedelta(seconds=5)
    per_second: float | None = None
    max_messages: int | None = None
    max_seconds: float | None = None
    first_retry: dt.timedelta = dt.timedelta(minutes=1)
    longest_retry: dt.timedelta = dt.timedelta(hours=1)
    patience: dt.timedelta = dt.timedelta(minutes=1)
    rescue_seconds: float = 15.0
    policy: ContactPolicy = field(default_factory=ContactPolicy)
    time_zone: str = "UTC"
    rules: ChannelRules | None = None
    track_opens: bool = True
    track_clicks: bool = True

    def __post_init__(self) -> None:
        """Refuse what would never send, or never end."""
        if self.batch < 1 or self.window < 1 or self.lease <= dt.timedelta(0):
            raise ConfigurationError("delivery needs a batch, a window and a lease above zero")
        if self.per_second is not None and self.per_second <= 0:
            raise ConfigurationError("delivery's per_second must be above zero, or none for no limit")
        if self.bounce_address is not None:
            check_bounce_address(self.bounce_address)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        policy: ContactPolicy | None = None,
        per_second: float | None = None,
        max_messages: int | None = None,
        max_seconds: float | None = None,
        rules: ChannelRules | None = None,
    ) -> DeliveryOptions:
        """The options of this installation."""
        return cls(
            edge_url=settings.edge_url,
            brand=settings.brand,
            locale=settings.locale,
            bounce_address=settings.own_bounce_address,
            tells_sendgrid=settings.has_sendgrid,
            batch=settings.delivery_batch,
            window=settings.delivery_window,
            lease=dt.timedelta(seconds=settings.delivery_lease_seconds),
            policy=policy or ContactPolicy(),
            time_zone=settings.time_zone,
            per_second=per_second,
            max_messages=max_messages,
            max_seconds=max_seconds,
            rules=rules,
            track_opens=settings.track_opens,
            track_clicks=settings.track_clicks,
        )


@dataclass(frozen=True, kw_only=True)
class DeliverySummary:
    """Counts of what a run did with the messages that it claimed, by the state that it left them in.

    `lost` were no longer ours when we came to them; `swept_*` is what senders that are gone, or time, had left behind;
    `reasons` counts what was not sent by code; `stopped` says why the run ended before all was done, if it did.
    `bounced` of the failed were refused because of their address; `stops` are campaigns, or the channel, that the run
    has switched off, with the reason in words.
    """

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    deferred: int = 0
    unknown: int = 0
    skipped: int = 0
    expired: int = 0
    released: int = 0
    lost: int = 0
    swept_released: int = 0
    swept_unknown: int = 0
    swept_expired: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None
    bounced: int = 0
    stops: list[str] = field(default_factory=list)
