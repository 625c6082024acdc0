"""What a person may see of another person in a log or an approval: enough to recognise a pattern, not a person."""

from __future__ import annotations


def mask_name(name: str | None) -> str:
    """`Ada` becomes `A…`; a name of one or two characters, as Chinese ones are, shows none of them."""
    return f"{name[0]}…" if name and len(name) > 2 else "…"


def mask_email(address: str) -> str:
    """`ada@example.com` becomes `a…@…com`: the domain may be a person's too."""
    local, _, domain = address.partition("@")
    return f"{mask_name(local)}@…{domain.rpartition('.')[2]}"
