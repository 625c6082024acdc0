"""Addresses of offices and machines, which no person reads marketing at."""

from __future__ import annotations

import pytest

from marketflow.privacy import is_role_account, normalise_email


@pytest.mark.parametrize(
    "address",
    ["postmaster@example.com", "ABUSE@Example.com", "no-reply@example.com", "noreply+shop@example.com",
     "mailer-daemon@example.com", "hostmaster@xn--bcher-kva.example"],
)  # fmt: skip
def test_offices_and_machines_are_known(address: str) -> None:
    assert is_role_account(normalise_email(address))


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "postmaster.jones@example.com", "abuse-watch@example.com", "info@example.com",
     "sales@example.com", "abuse.example.com@example.com", "a+noreply@example.com"],
)  # fmt: skip
def test_people_and_shops_are_not(address: str) -> None:
    """`info` and `sales` are how small firms order: they are customers like others."""
    assert not is_role_account(address)
