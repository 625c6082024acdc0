"""Telephone numbers come to one form, or are refused with a code that does not repeat them."""

from __future__ import annotations

import pytest

from marketflow.privacy import AddressRefused, normalise_phone


@pytest.mark.parametrize(
    ("number", "country", "normal"),
    [
        ("+44 20 7946 0123", None, "+442079460123"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("(020) 7946-0123", "GB", "+442079460123"),
        ("0044 20 7946 0123", "GB", "+442079460123"),
        (" +1 (212) 555-0100 ", "GB", "+12125550100"),
        ("212-555-0100", "US", "+12125550100"),
    ],
)
def test_one_form(number: str, country: str | None, normal: str) -> None:
    assert normalise_phone(number, country) == normal


@pytest.mark.parametrize(
    ("number", "country", "code"),
    [
        ("020 7946 0123", None, "malformed"),
        ("call me", "GB", "malformed"),
        ("12", "GB", "malformed"),
        ("+44 20 7946 0123 ext. 5", "GB", "malformed"),
        ("+44 20\n7946 0123", "GB", "line_break"),
        ("9" * 61, "GB", "too_long"),
        ("", "GB", "malformed"),
    ],
)
def test_refusals(number: str, country: str | None, code: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        normalise_phone(number, country)
    assert caught.value.reason == code
    assert caught.value.__cause__ is None
