"""Identifiers that come out the same each time they are computed (UUID version 5, RFC 9562)."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.UUID("6f0c5d0e-8f4b-5a7c-9a57-2d1f6c1f0a11")


def event_id(source: str, natural_key: str) -> uuid.UUID:
    """The id of an event, from the name of its source and its key there."""
    return uuid.uuid5(_NAMESPACE, f"event\x1f{source}\x1f{natural_key}")


def send_key(campaign: str, occasion: str, contact_point_id: int, channel: str, step: int) -> uuid.UUID:
    """The stable name of one message: what a Message-ID and a provider's idempotency key are made of."""
    return uuid.uuid5(_NAMESPACE, f"send\x1f{campaign}\x1f{occasion}\x1f{contact_point_id}\x1f{channel}\x1f{step}")
