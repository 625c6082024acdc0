"""Where a channel sends to. Secrets stay out of every repr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SmtpTarget:
    """A mail server. `starttls` and `tls` check the server's certificate."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    security: Literal["plain", "starttls", "tls"] = "plain"


@dataclass(frozen=True, kw_only=True)
class WebhookTarget:
    """Where to post; the URL is a secret itself. `keeps_keys`: it does nothing twice for one Idempotency-Key."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    keeps_keys: bool = False


@dataclass(frozen=True, kw_only=True)
class MastodonTarget:
    """An account: its server and its access token."""

    base_url: str
    token: str = field(repr=False)


AccountTarget = WebhookTarget | MastodonTarget
