"""The links of one message as its recipient gets them: signed for her, by way of the edge service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketflow.privacy import KeyRing, click_token, is_target, message_token

_KNOWN = 4_096  # addresses of links that are remembered, of a hundred bytes


@dataclass(frozen=True, slots=True)
class Tracking:
    """What of a campaign's mails is tracked; `edge_url` with a slash at its end."""

    keys: KeyRing
    edge_url: str
    campaign: str
    opens: bool
    clicks: bool
    _known: dict[str, bool] = field(default_factory=dict)

    def leads(self, url: str) -> bool:
        """Is it a link to be led by way of the edge service? A campaign has few: each is looked at once."""
        if not self.clicks or url.startswith(self.edge_url):  # each message has its own of these: not to be remembered
            return False
        found = self._known.get(url)
        if found is None:
            found = is_target(url)
            if len(self._known) < _KNOWN:
                self._known[url] = found
        return found

    @classmethod
    def of(
        cls, definition: Mapping[str, Any], keys: KeyRing, edge_url: str, *, opens: bool, clicks: bool
    ) -> Tracking | None:
        """What a plan's definition wants, as far as the installation does; None for what is no mail, or nothing."""
        campaign = definition["campaign"]
        wants = campaign.get("tracking") or {}
        opens, clicks = opens and wants.get("opens", True), clicks and wants.get("clicks", True)
        if campaign.get("channel", "email") != "email" or not (opens or clicks):
            return None
        return cls(keys, f"{edge_url.rstrip('/')}/", str(campaign.get("name", "")), opens, clicks)

    def of_message(self, send_id: int, made_on: dt.date) -> MessageLinks:
        """The links of one message, made on that day (UTC)."""
        return MessageLinks(self, send_id, made_on)


@dataclass(frozen=True, slots=True)
class MessageLinks:
    """Makes the links of one message; what `content.links` asks for."""

    tracking: Tracking
    send_id: int
    made_on: dt.date

    def link(self, url: str) -> str | None:
        """By way of the edge service to `url`; None for what is left alone.

        That are links of the edge service itself (to unsubscribe, preferences, the web version), other schemes such as
        mailto: and tel:, and what is too long or not clean enough to be put into a link.
        """
        by = self.tracking
        if not by.leads(url):
            return None
        return f"{by.edge_url}c/{click_token(by.keys, self.send_id, self.made_on, url, by.campaign)}"

    @property
    def picture(self) -> str | None:
        """The address of the picture."""
        by = self.tracking
        return f"{by.edge_url}o/{message_token(by.keys, 'open', self.send_id, self.made_on)}.gif" if by.opens else None
