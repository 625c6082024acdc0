"""Identifiers that come out the same each time they are computed (made of SHA-256, which PostgreSQL has too)."""

from __future__ import annotations

import hashlib
import uuid

MESSAGE_ID = r"[0-9a-f]{32}@[A-Za-z0-9.-]{1,253}"
"""What the Message-ID of a message of ours looks like (its `send_key`, and the domain it was sent from)."""

PROVIDER_ARGUMENT = "marketflow_message"
"""The name under which a provider gets a message's token, and under which it gives it back with what it reports."""


def event_id(source: str, natural_key: str) -> uuid.UUID:
    """The id of an event, from the name of its source and its key there.

    Version 8, from SHA-256: PostgreSQL computes the same without an extension (`ops.event_id`), which version 5's
    SHA-1 would need. The variant's two bits are set as in every UUID, the version's four to 8.
    """
    digest = hashlib.sha256(f"event\x1f{source}\x1f{natural_key}".encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return uuid.UUID(f"{digest[:12]}8{digest[13:16]}{variant}{digest[17:32]}")


def send_key(campaign: str, occasion: str, contact_point_id: int, channel: str, step: int) -> str:
    """The stable name of one message, 32 hex digits: what a Message-ID and a provider's idempotency key are made of.

    `sends_insert` of sql/queries/campaigns.sql computes the same.
    """
    key = f"send\x1f{campaign}\x1f{occasion}\x1f{contact_point_id}\x1f{channel}\x1f{step}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]
