"""The traits of an identify call that a customer's record has a column for. A value that does not fit is left out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

TRAITS = (
    "email", "phone", "given_name", "family_name", "gender", "birth_date", "locale", "time_zone", "country",
    "loyalty_number",
)  # fmt: skip
_NAMES = {
    "email": ("email",),
    "phone": ("phone", "phoneNumber", "phone_number"),
    "given_name": ("firstName", "first_name", "givenName", "given_name"),
    "family_name": ("lastName", "last_name", "familyName", "family_name"),
    "gender": ("gender",),
    "loyalty_number": ("loyaltyNumber", "loyalty_number"),
}
_LENGTH = {"email": 1_000, "phone": 100, "given_name": 200, "family_name": 200, "gender": 20, "loyalty_number": 64}
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def personal_traits(
    traits: Mapping[str, Any], context: Mapping[str, Any], received: dt.datetime
) -> dict[str, str | None]:
    """Texts by column (TRAITS); absent ones are missing. A bad address stays: the loader says what is wrong with it."""
    found = {column: _first(traits, names, _LENGTH[column]) for column, names in _NAMES.items()}
    found |= _split_name(traits, found)
    address = traits.get("address")
    country = _first(address, ("country",), 2) if isinstance(address, Mapping) else None
    found["country"] = country.upper() if country and country.isascii() and country.isalpha() else None
    found["birth_date"] = _day(_first(traits, ("birthday", "birthDate", "birth_date"), 40), received)
    found["locale"] = _fitting(_LOCALE, _first(traits, ("locale", "language"), 20) or _first(context, ("locale",), 20))
    zone = _first(traits, ("timezone", "time_zone"), 64) or _first(context, ("timezone",), 64)
    found["time_zone"] = zone if zone in _zones() else None
    return {column: text for column, text in found.items() if text}


def _split_name(traits: Mapping[str, Any], found: Mapping[str, str | None]) -> dict[str, str]:
    """`name` as given and family name, where neither is there by itself."""
    whole = _first(traits, ("name",), 400)
    if not whole or found["given_name"] or found["family_name"]:
        return {}
    given, _, family = whole.partition(" ")
    return {"given_name": given[:200], "family_name": family.strip()[:200]}


def _first(values: Mapping[str, Any], names: tuple[str, ...], longest: int) -> str | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).replace("\0", "").strip()
            if 0 < len(text) <= longest:
                return text
    return None


def _fitting(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text and pattern.fullmatch(text) else None


def _day(text: str | None, received: dt.datetime) -> str | None:
    try:
        day = dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
    return day.isoformat() if dt.date(1900, 1, 1) <= day <= received.date() else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
