"""Envelope senders: each message's own, in any case of letters, and nobody else's."""

from __future__ import annotations

import pytest

from marketflow.campaigns.delivery import DeliveryOptions, bounced_send
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.privacy import KeyRing, bounce_token, generate_key_ring
from marketflow.shared import ConfigurationError, Settings

KEYS = KeyRing.from_json(generate_key_ring())
BASE = "bounces@example.com"


@pytest.mark.parametrize("send_id", [1, 255, 256, 123_456_789, 2**63 - 1])
def test_a_bounce_tells_its_message(send_id: int) -> None:
    address = envelope_sender(KEYS, BASE, send_id)
    assert address.startswith("bounces+")
    assert len(address.partition("@")[0]) <= 64
    assert bounced_send(KEYS, BASE, address) == bounced_send(KEYS, BASE, f" {address.upper()}\r\n") == send_id


def test_other_addresses_tell_nothing() -> None:
    token = bounce_token(KEYS, 7)
    strange = [
        BASE,
        f"shop+{token}@example.com",
        f"bounces+{token}@evil.test",
        f"bounces+{token}x@example.com",
        "",
        "+@",
    ]
    assert [bounced_send(KEYS, BASE, address) for address in strange] == [None] * len(strange)


@pytest.mark.parametrize("setting", [None, "", "none"])
def test_without_a_bounce_address_there_is_none(setting: str | None) -> None:
    assert DeliveryOptions.from_settings(Settings(bounce_address=setting)).bounce_address is None
    assert DeliveryOptions.from_settings(Settings(bounce_address=BASE)).bounce_address == BASE


@pytest.mark.parametrize(
    "address", ["bounces", "bounces+x@example.com", "@example.com", "b ounces@x.test", "ä@x.test", "b" * 34 + "@x.test"]
)
def test_a_bounce_address_that_cannot_be_is_told_before_anything_is_sent(address: str) -> None:
    with pytest.raises(ConfigurationError, match="MARKETFLOW_BOUNCE_ADDRESS"):
        DeliveryOptions(edge_url="https://edge.test", brand="x", bounce_address=address)
