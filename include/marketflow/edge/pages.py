"""The pages: plain HTML that needs no script, in one look, with nothing in them but the shop's name and choices."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse

from marketflow.edge.words import LANGUAGES, words

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PRIVATE = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Language",
}
_HEADERS = _PRIVATE | {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}
# Mails have styles of their own and pictures; scripts, frames, forms and plug-ins are none of a mail's business.
_MAIL_HEADERS = _PRIVATE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "font-src https: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox",
}
_LATER = {"Retry-After": "120"}
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, auto_reload=False, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The choices that the form shows: topics as (name, title, is wanted), frequencies as (value, title)."""

    topics: Sequence[tuple[str, str, bool]]
    is_subscribed: bool
    frequencies: Sequence[tuple[str, str]]
    frequency: str
    language: str


def ask(brand: str, lang: str, preferences_link: str = "") -> HTMLResponse:
    """What the link in a mail shows. Looking at it changes nothing: mail scanners open links too."""
    return _page("ask", brand, lang, "ask_title", ["ask_words"], preferences_link=preferences_link)


def done(brand: str, lang: str) -> HTMLResponse:
    """After unsubscribing, the first time and any other."""
    return _page("base", brand, lang, "done_title", ["done_words", "close"], switches=False)


def unknown(brand: str, lang: str = "en") -> HTMLResponse:
    """For every address that is none of ours, whatever is wrong with it."""
    return _page("base", brand, lang, "unknown_title", ["unknown_words"], status=404)


def expired(brand: str, lang: str = "en") -> HTMLResponse:
    """For a link of ours that was made too long ago."""
    return _page("base", brand, lang, "expired_title", ["expired_words"], status=410)


def later(brand: str, lang: str) -> HTMLResponse:
    """While an answer can be kept nowhere."""
    return _page("base", brand, lang, "later_title", ["later_words"], status=503, more=_LATER, switches=False)


def refused(brand: str, lang: str, status: int) -> HTMLResponse:
    """For requests that no mail program or browser makes."""
    return _page("base", brand, lang, "refused_title", ["refused_words"], status=status, switches=False)


def preferences(brand: str, lang: str, shown: Shown, *, is_saved: bool = False) -> HTMLResponse:
    """The form with the present choices; after saving, what was saved."""
    title, line = ("saved_title", "saved") if is_saved else ("preferences_title", "preferences_words")
    return _page("preferences", brand, lang, title, [line], choices=shown, is_saved=is_saved, switches=not is_saved)


def preferences_away(brand: str, lang: str) -> HTMLResponse:
    """While the present choices cannot be shown; unsubscribing works."""
    return _page("preferences", brand, lang, "preferences_title", ["away"], more=_LATER)


def kept(brand: str, lang: str) -> HTMLResponse:
    """A choice that waits in the journal."""
    return _page("base", brand, lang, "kept_title", ["kept", "close"], switches=False)


def left(brand: str, lang: str) -> HTMLResponse:
    """After unsubscribing from everything."""
    return _page("base", brand, lang, "everything_done_title", ["everything_done_words", "close"], switches=False)


def wrong(brand: str, lang: str, status: int) -> HTMLResponse:
    """For a form that this page did not show."""
    return _page("base", brand, lang, "wrong_title", ["wrong_words"], status=status, switches=False)


def gone(brand: str, lang: str) -> HTMLResponse:
    """For a mail whose texts are not there any more, or cannot be used."""
    return _page("base", brand, lang, "gone_title", ["gone_words"], status=410)


def web_later(brand: str, lang: str) -> HTMLResponse:
    """While the mail's texts cannot be read."""
    return _page("base", brand, lang, "web_later_title", ["web_later_words"], status=503, more=_LATER)


def mail(html: str) -> HTMLResponse:
    """A mail as it was written."""
    return HTMLResponse(html, headers=_MAIL_HEADERS)


def mail_as_text(brand: str, lang: str, title: str, text: str) -> HTMLResponse:
    """A mail that has no HTML."""
    html = _TEMPLATES.get_template("text.html").render(
        lang=lang, brand=brand, title=title, text=text, style=_STYLE, t=words(lang)
    )
    return HTMLResponse(html, headers=_HEADERS)


def _page(
    name: str, brand: str, lang: str, title: str, lines: Sequence[str], *, status: int = 200,
    more: dict[str, str] | None = None, switches: bool = True, **about: Any,
) -> HTMLResponse:  # fmt: skip
    """`title` and `lines` name words; `switches`: a link leads to the page in the other language."""
    t = words(lang)
    html = _TEMPLATES.get_template(f"{name}.html").render(
        lang=lang, brand=brand, title=t[title], lines=[t[line].format(brand=brand) for line in lines], t=t,
        style=_STYLE, languages=[(code, words(code)["language"]) for code in LANGUAGES], switches=switches,
        everything_words=t["everything_words"].format(brand=brand), **about,
    )  # fmt: skip
    return HTMLResponse(html, status_code=status, headers=_HEADERS | {"Content-Language": lang} | (more or {}))
