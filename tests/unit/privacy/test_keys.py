"""The key ring gives back what it took, tells nothing, and notices tampering."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.privacy import AddressRefused, KeyRing, generate_key_ring, mask_email, normalise_email
from marketflow.shared import ConfigurationError

RING = KeyRing.from_json(generate_key_ring())


@given(st.text())
def test_what_goes_in_comes_out(text: str) -> None:
    assert RING.decrypt_text(RING.encrypt(text, "t.c"), "t.c") == text


def test_a_value_belongs_to_its_column() -> None:
    sealed = RING.encrypt("x", "t.a")
    with pytest.raises(ConfigurationError, match=r"t\.b"):
        RING.decrypt(sealed, "t.b")


def test_old_versions_still_open() -> None:
    raw = json.loads(generate_key_ring())
    old = KeyRing.from_json(json.dumps(raw))
    sealed = old.encrypt("x", "t.c")
    raw["encryption"]["2"] = json.loads(generate_key_ring())["encryption"]["1"]
    new = KeyRing.from_json(json.dumps(raw))
    assert new.version == 2
    assert new.decrypt(sealed, "t.c") == b"x"


def test_nothing_of_a_key_is_shown() -> None:
    text = generate_key_ring()
    assert json.loads(text)["hashing"] not in repr(KeyRing.from_json(text))
    with pytest.raises(ConfigurationError) as info:
        KeyRing.from_json('{"encryption": "secret-value"}')
    assert "secret-value" not in str(info.value)
    assert info.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [("a@b.test\nBcc: c@d.test", "line_break"), ("nobody", "malformed"), ("a" * 300 + "@b.test", "too_long")],
)
def test_bad_addresses_are_refused_with_a_code(address: str, reason: str) -> None:
    with pytest.raises(AddressRefused) as info:
        normalise_email(address)
    assert info.value.reason == reason
    assert address not in str(info.value)


def test_one_form_per_address() -> None:
    assert normalise_email(" Ada@EXAMPLE.com ") == "ada@example.com"
    assert mask_email("ada@example.com") == "a…@…com"
