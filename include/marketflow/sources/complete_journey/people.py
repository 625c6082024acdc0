"""Contacts that the data do not have: derived from the household's id, the same each time, and simulated."""

from __future__ import annotations

import datetime as dt
import hashlib

GIVEN_NAMES = (
    "Adaline", "Alastair", "Anneliese", "Bartholomew", "Beatrix", "Benedikt", "Callista", "Caspian", "Clementine",
    "Cornelius", "Delphine", "Desmond", "Dorothea", "Edmund", "Eleonora", "Emeric", "Evangeline", "Fabian",
    "Florentina", "Frederika", "Gideon", "Griselda", "Gwendolyn", "Hadrian", "Henrietta", "Hildegard", "Ignatius",
    "Isidora", "Josephina", "Julius", "Katarina", "Konrad", "Leopold", "Lucinda", "Magdalena", "Marcellus",
    "Mirabel", "Montgomery", "Nathaniel", "Octavia", "Ophelia", "Percival", "Philippa", "Quentin", "Rafaela",
    "Reinhold", "Rosalind", "Seraphina", "Siegfried", "Theodora", "Tiberius", "Ursula", "Valentina", "Wilhelmina",
)  # fmt: skip
FAMILY_NAMES = (
    "Abernathy", "Ainsworth", "Ashgrove", "Blackwood", "Brackenhall", "Brightwater", "Calloway", "Castellanos",
    "Cholmondeley", "Copperfield", "Darkwater", "Davenport", "Eisenhauer", "Elderwood", "Fairweather", "Featherstone",
    "Fitzwilliam", "Galbraith", "Goldfinch", "Greenhalgh", "Hawksworth", "Hollingworth", "Huckleby", "Inglethorpe",
    "Jankowski", "Kirkpatrick", "Lindqvist", "Lockwood", "MacAllister", "Merriweather", "Montgomerie", "Nightingale",
    "Oakenshaw", "Ottoline", "Papadakis", "Pemberton", "Quartermaine", "Rasmussen", "Ravenscroft", "Saltonstall",
    "Silverthorne", "Somerville", "Thistlewood", "Throckmorton", "Underhill", "Vanderbeek", "Wainwright",
    "Weatherby", "Winterbourne", "Woolstonecraft", "Yellowley", "Zimmerman",
)  # fmt: skip
CONSENT_TEXT = "Send me news and offers by e-mail. I can unsubscribe at any time."
_LAST_CONSENT = dt.date(2016, 12, 31)


def contact(household: int) -> dict[str, str]:
    """The derived half of a customer record, as text; an empty string is an absent value."""
    given, family = _pick(household, "given", GIVEN_NAMES), _pick(household, "family", FAMILY_NAMES)
    return {
        "customer_id": str(household),
        "given_name": given,
        "family_name": family,
        "email": _email(household, given, family),
        "locale": _locale(household),
        "time_zone": "America/New_York",
        "country": "US",
        **_consent(household),
        "is_simulated": "true",
    }


def _email(household: int, given: str, family: str) -> str:
    """One in a hundred has none; one in ten is under `.test`, the others under example.com (RFC 2606)."""
    roll = _number(household, "address") % 100
    if roll == 0:
        return ""
    domain = "households.test" if roll < 11 else "example.com"
    return f"{given}.{family}.{household}@{domain}".lower()


def _consent(household: int) -> dict[str, str]:
    """Granted by 84 of 100, refused by 11, never asked of 5; answered in the three years before the data begin."""
    roll = _number(household, "consent") % 100
    if roll >= 95:
        return {"email_consent": "", "consent_at": "", "consent_text": ""}
    day = _LAST_CONSENT - dt.timedelta(days=_number(household, "consent day") % 1_000)
    return {
        "email_consent": "true" if roll < 84 else "false",
        "consent_at": f"{day}T12:00:00-05:00",
        "consent_text": CONSENT_TEXT,
    }


def _locale(household: int) -> str:
    roll = _number(household, "locale") % 100
    return "zh-CN" if roll < 2 else "es-US" if roll < 8 else "en-US"


def _pick(household: int, purpose: str, words: tuple[str, ...]) -> str:
    return words[_number(household, purpose) % len(words)]


def _number(household: int, purpose: str) -> int:
    """A number that looks random and is not: the same in every run and on every machine."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{household}".encode()).digest()[:8], "big")
