"""Dates, money and numbers as people of a language and region write them (CLDR, by Babel)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

_KEPT = 4_096  # formatted values kept per locale: a call of Babel takes 10 to 20 us, and a campaign has few values


@lru_cache(maxsize=1_024)
def known(tag: str) -> bool:
    """Whether CLDR has the language of a tag such as `zh-CN`."""
    try:
        Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


@lru_cache(maxsize=1_024)
def fallbacks(tag: str) -> tuple[str, ...]:
    """What to look for in turn, in lower case: `zh-TW` gives zh-tw, zh-hant-tw, zh-hant, zh."""
    parts = tag.replace("_", "-").lower().split("-")
    language, rest = parts[0], parts[1:]
    subtags = get_global("likely_subtags")
    likely = str(subtags.get("_".join([language, *[r.upper() for r in rest]])) or subtags.get(language, ""))
    script = next((p for p in (*rest, *likely.lower().split("_")[1:]) if len(p) == 4), None)
    region = next((p for p in rest if len(p) in (2, 3)), None)
    chain = ["-".join(parts)]
    chain += [f"{language}-{script}-{region}"] if script and region else []
    chain += [f"{language}-{script}"] if script else []
    return tuple(dict.fromkeys([*chain, *([f"{language}-{region}"] if region else []), language]))


def localised(names: Iterable[str], tag: str) -> dict[str, str]:
    """Which shared template a language takes for which: layout.zh.html for layout.html, where there is one."""
    by_lower = {name.lower(): name for name in names}
    out = {}
    for name in by_lower.values():
        stem, _, ending = name.lower().rpartition(".")
        found = next((f for t in fallbacks(tag) if (f := by_lower.get(f"{stem}.{t}.{ending}"))), None)
        if found:
            out[name] = found
    return out


class Formats:
    """The formats of one locale, with what was formatted before kept; `currency` is the shop's."""

    def __init__(self, tag: str, currency: str) -> None:
        self.tag, self.currency = tag, currency
        self.locale = _locale(tag)
        self.day = lru_cache(_KEPT)(self._day)
        self.money = lru_cache(_KEPT)(self._money)
        self.number = lru_cache(_KEPT)(self._number)
        self.percent = lru_cache(_KEPT)(self._percent)

    def _day(self, day: dt.date, form: str = "long") -> str:
        if not isinstance(day, dt.date):
            raise TypeError("no day")
        if form not in ("short", "medium", "long", "full"):
            raise ValueError("a day is short, medium, long or full")
        return str(format_date(day, form, locale=self.locale))

    def _money(self, amount: Any, currency: str | None = None) -> str:
        return str(format_currency(_number(amount), currency or self.currency, locale=self.locale))

    def _number(self, value: Any, form: str = "plain") -> str:
        if form == "short":
            return str(format_compact_decimal(_number(value), locale=self.locale, fraction_digits=1))
        return str(format_decimal(_number(value), locale=self.locale))

    def _percent(self, share: Any) -> str:
        return str(format_percent(_number(share), locale=self.locale))


@lru_cache(maxsize=256)
def formats_for(content: str, customer: str, currency: str) -> Formats:
    """The customer's formats where she speaks the content's language, else those of the content.

    A mail in English to somebody in Lyon has English dates; one to somebody in London has British ones.
    """
    same = customer.replace("_", "-").split("-")[0].lower() == content.split("-", maxsplit=1)[0].lower()
    return Formats(customer if same and known(customer) else content, currency)


def _locale(tag: str) -> Locale:
    return Locale.parse(tag.replace("_", "-"), sep="-") if known(tag) else Locale("en")


def _number(value: Any) -> Any:
    """A text is no number: Decimal('1e999999999') is one, and has as many digits."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("no number")
    return value
