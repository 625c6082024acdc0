"""What is wrong with a campaign's templates though they render: found in the files, and in messages for nobody.

Nothing is fetched: a link is judged by what is written, not by whether somebody answers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from marketflow.campaigns.content.formats import localised
from marketflow.campaigns.content.links import LikelyLinks
from marketflow.campaigns.content.renderer import MAIL_LINKS, RenderedMessage, Renderer
from marketflow.campaigns.content.sandbox import TemplateRefused
from marketflow.campaigns.content.source import Joined, Piece, flatten

CLIPPED = 102_000
"""Bytes of HTML above which Gmail shows the beginning only, and hides the link to unsubscribe."""
_LONG_SUBJECT = 90
_URL = "https://shop.example.com/u/token"
_LINKS = {name: _URL.replace("/u/", f"/{name[0]}/") for name in MAIL_LINKS}
_NAMES = (None, "Alexandra")
_LINKED = frozenset(["a", "area", "mj-button", "mj-image", "mj-navbar-link", "mj-social-element", "mj-carousel-image"])
_NEEDS_LINK = frozenset(["a", "area", "mj-button", "mj-navbar-link"])
_IMAGES = frozenset(["img", "mj-image", "mj-carousel-image"])
_HOST = re.compile(r"(?!-)[^\s.@/?#\\<>\"_-][^\s.@/?#\\<>\"]*(\.[^\s.@/?#\\<>\"]+)*")


@dataclass(frozen=True, order=True)
class Finding:
    """One fault. An error keeps a campaign from being planned, a warning is shown to whom approves it."""

    severity: Literal["error", "warning"]
    code: str
    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.words}"


def lint(definition: Mapping[str, Any], *, brand: str, day: dt.date) -> list[Finding]:
    """Faults of a frozen definition (see Renderer), errors first, each once, with file and line where there is one.

    Codes: template_wrong, no_unsubscribe_link (an error for marketing), html_too_large, subject_long,
    image_without_alt, image_broken, link_broken, language_incomplete.
    """
    found = list(_static(definition))
    try:
        renderer, people = Renderer(definition), list(stand_ins(definition, brand, day))
        links = LikelyLinks(definition["campaign"], _URL)
        for locale, part in _languages(definition):
            for variables in people:
                message = renderer.render({**variables, "locale": locale, "links": links})
                found += _rendered(message, definition["campaign"], part)
    except TemplateRefused as error:
        place, _, words = str(error).partition(": ")
        found.append(Finding("error", "template_wrong", place, words))
    # of messages that are too large the last is the largest
    kept = {(f.code, f.place, f.words if f.code != "html_too_large" else ""): f for f in found}
    return sorted(kept.values())


def stand_ins(definition: Mapping[str, Any], brand: str, day: dt.date) -> Iterator[dict[str, Any]]:
    """Variables of messages for nobody: with and without a name, and without, with one and with all products."""
    recommend = (definition["campaign"].get("content") or {}).get("recommend") or {}
    most = int(recommend.get("limit") or 2)
    for name in _NAMES:
        for count in (0, 1, most):
            products = [{"product_id": i, "name": f"Product {i + 1}"} for i in range(count)]
            yield {
                "given_name": name, "products": products, "brand": brand, "business_date": day, **_LINKS
            }  # fmt: skip


def _languages(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each language with its templates; `suffix` is what stands in its files' names."""
    templates = definition["templates"]
    yield str(templates.get("locale") or "en"), templates
    for locale, part in (templates.get("variants") or {}).items():
        yield locale, {"suffix": f".{locale}", **part}


def _rendered(message: RenderedMessage, campaign: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[Finding]:
    if campaign["channel"] != "email":
        return
    folder, dot = campaign["name"], part.get("suffix", "")
    html_file = f"{folder}/body{dot}.{'mjml' if part.get('mjml') else 'html'}"
    text_file = f"{folder}/body{dot}.txt" if part.get("text") is not None else html_file
    if len(message.subject) > _LONG_SUBJECT:
        words = f"the subject is longer than {_LONG_SUBJECT} characters; phones show some 40"
        yield Finding("warning", "subject_long", f"{folder}/subject{dot}.txt", words)
    yield from _unsubscribe(message, str(campaign.get("purpose")), html_file, text_file)
    if message.html and (size := len(message.html.encode())) > CLIPPED:
        words = f"the HTML has {size:,} bytes; Gmail shows the first {CLIPPED:,} and hides the rest"
        yield Finding("warning", "html_too_large", html_file, words)


def _unsubscribe(message: RenderedMessage, purpose: str, html_file: str, text_file: str) -> Iterator[Finding]:
    severity: Literal["error", "warning"] = "error" if purpose == "marketing" else "warning"
    words = "there is no link to unsubscribe{}; use {{{{ unsubscribe_url }}}}"
    if _URL not in message.text:
        yield Finding(severity, "no_unsubscribe_link", text_file, words.format(" in the text"))
    if message.html is not None and not _links_to(message.html, _URL):
        yield Finding(severity, "no_unsubscribe_link", html_file, words.format(" in the HTML"))


def _static(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """Faults that the files show: links and images, and languages that have less than others."""
    name, templates = definition["campaign"]["name"], definition["templates"]
    if definition["campaign"]["channel"] != "email":
        return
    for locale, part in _languages(definition):
        dot, shared = part.get("suffix", ""), templates.get("shared") or {}
        for kind, file in (("html", f"body{dot}.html"), ("preheader", f"preheader{dot}.txt")):
            if templates.get(kind) and not part.get(kind):
                words = f"the language {locale} has no {kind}, others have"
                yield Finding("warning", "language_incomplete", f"{name}/{file}", words)
        ending = "mjml" if part.get("mjml") else "html"
        if source := part.get(ending):
            try:
                file = f"{name}/body{dot}.{ending}"
                pieces = flatten(file, {file: source, **shared}, localised(shared, locale))
            except TemplateRefused:
                continue  # rendering says so
            yield from _Marks(pieces).findings()


def _links_to(text: str, url: str) -> bool:
    """Is there a link that a reader can follow? One within a comment or a style is none."""
    links = _Links()
    links.feed(text)
    links.close()
    return url in links.found


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "area"):
            self.found |= {(value or "").strip() for name, value in attrs if name == "href"}


class _Marks(HTMLParser):
    """Links and images of HTML or MJML, and where they stand."""

    def __init__(self, pieces: list[Piece]) -> None:
        super().__init__(convert_charrefs=True)
        self._joined = Joined(pieces, _stand_in)
        self._found: list[Finding] = []
        self._lines = [0, *(i.end() for i in re.finditer("\n", self._joined.text))]

    def findings(self) -> list[Finding]:
        self.feed(self._joined.text)
        self.close()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _IMAGES:
            self._image(tag, given)
        if tag in _LINKED and "href" in given:
            if wrong := link_fault(given["href"]):
                self._add("link_broken", f"the link {_quoted(given['href'])} {wrong}")
        elif tag in _NEEDS_LINK and not {"name", "id"} & given.keys():
            self._add("link_broken", f"<{tag}> has no href: it leads nowhere")

    def _image(self, tag: str, given: Mapping[str, str]) -> None:
        if "alt" not in given:
            self._add("image_without_alt", f'<{tag}> has no alt; say what it shows, or alt="" for an ornament')
        if wrong := _picture_fault(given.get("src", "")):
            self._add("image_broken", f"the image {_quoted(given.get('src', ''))} {wrong}")

    def _add(self, code: str, words: str) -> None:
        line, column = self.getpos()
        place = "{}:{}".format(*self._joined.place(self._lines[line - 1] + column))
        self._found.append(Finding("warning", code, place, words))


def link_fault(link: str) -> str | None:
    """What is wrong with a link as it is written, in words; None where nothing is."""
    url = link.strip()
    if not url:
        return "is empty"
    if url.startswith("#"):
        return "leads nowhere: a mail has no page to jump in"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for what is no number)
    except ValueError:
        return "is malformed"
    if not parts.scheme or url.startswith("//"):
        return "is relative; write it whole, with https://"
    return _fault_of_kind(url, parts)


def _fault_of_kind(url: str, parts: SplitResult) -> str | None:
    match parts.scheme:
        case "http" | "https":
            sound = bool(_HOST.fullmatch(parts.hostname or "")) and not re.search(r"[\s<>\"\\]", url)
        case "mailto":
            sound = bool(re.search(r"\S@\S", parts.path))
        case "tel" | "sms":
            sound = bool(parts.path)
        case "javascript" | "vbscript" | "data" | "file":
            return f"is of a kind that no mail program follows ({parts.scheme}:)"
        case _:
            return f"has a scheme that is not known ({parts.scheme}:)"
    return None if sound else "is malformed"


def _picture_fault(source: str) -> str | None:
    if source.strip().lower().startswith(("data:", "cid:")):
        return "is not shown by Gmail; put it on a server, with https://"
    return link_fault(source)


def _stand_in(piece: Piece) -> str:
    """What a tag may become: a link for the link, a word for other values, nothing for conditions and loops."""
    if piece.kind == "out":
        return next((url for name, url in _LINKS.items() if name in piece.text), "x")
    return ""


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
