"""Text that comes from outside: names as they are safe to show in a subject, a mail or a post."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping
from typing import Any

_MAX_NAME = 60
_JOINERS = "\u200c\u200d"  # part of Persian words, Indic letters and family emoji
_LINK_SIGNS = ("://", "www.", "@")


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters, without control and formatting characters (bidi overrides are such)."""
    if text.isascii() and text.isprintable():  # most are: a tenth of the time
        return " ".join(text.split())[:limit].strip()
    kept = (
        c if c in _JOINERS or unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text)
    )
    return " ".join("".join(kept).split())[:limit].strip()


def clean_name(name: str | None) -> str | None:
    """A given name to greet with, or None where there is none that can be shown.

    A "name" that holds a link or an address is how strangers make a shop send their advertisement: it is left out.
    """
    shown = clean(name, _MAX_NAME) if name else ""
    return None if not shown.strip(_JOINERS) or any(sign in shown.lower() for sign in _LINK_SIGNS) else shown


def clean_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a render, with the names in them made safe to show; the others as they are."""
    out = dict(variables)
    if "given_name" in out:
        out["given_name"] = clean_name(out["given_name"])
    out["products"] = [{**p, "name": clean(str(p["name"]), 200)} for p in out.get("products", ())]
    return out


def day_in_words(day: dt.date) -> str:
    """`31 December 2017`."""
    return f"{day.day} {day:%B %Y}"
