"""Links of a mail that lead by way of the edge service, and the picture that tells when it is opened.

Where links stand is found when a template is compiled: before the value of each, a mark is put into the text. What a
message costs is then one look for marks, not a parser; and each recipient's links are signed for her.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any, Protocol

from marketflow.campaigns.content.source import Joined, Piece
from marketflow.privacy import is_target

MARK = "\x01"
_TAG = re.compile(r"<(?:a|area)(?=[\s/])", re.IGNORECASE)
_STAND_IN = "\ue000"  # for private use: what a Jinja tag is while links are looked for
# A value that is longer is no link of ours; without a bound, quotes that are never closed would take a square of time.
_ATTRIBUTE = re.compile(
    r"""[\s/\ue000]*([^\s=>"'/<\ue000]+)(?:\s*=\s*("[^"]{0,8000}"|'[^']{0,8000}'|[^\s>"']{1,8000}))?"""
)
_END = re.compile(r"</body\s*>", re.IGNORECASE)


class Links(Protocol):
    """The links of one message."""

    def link(self, url: str) -> str | None:
        """The link to put in the place of this one; None: leave it as it is."""

    @property
    def picture(self) -> str | None:
        """Address of the picture that tells of an opening; None: there is none."""


class LikelyLinks:
    """Links as long as a campaign's will be, for nobody: to know how large its mails are."""

    _EDGE = "https://links.shop.example.com"

    def __init__(self, campaign: Mapping[str, Any], untouched: str) -> None:
        tracking = campaign.get("tracking") or {}
        self._opens, self._clicks = tracking.get("opens", True), tracking.get("clicks", True)
        self._name, self._untouched = str(campaign["name"]), untouched

    def link(self, url: str) -> str | None:
        """Base 64 takes four letters for three bytes."""
        if not self._clicks or url == self._untouched or not is_target(url):
            return None
        return f"{self._EDGE}/c/{'x' * 30}/{'x' * ((len(url.encode()) + 1 + len(self._name)) * 4 // 3)}"

    @property
    def picture(self) -> str | None:
        """Its address."""
        return f"{self._EDGE}/o/{'x' * 30}.gif" if self._opens else None


def marked(pieces: list[Piece]) -> list[Piece]:
    """The pieces of an HTML template, with a mark before the quoted value of each `href` of an `a` or `area`."""
    pieces = [Piece(p.kind, p.text.replace(MARK, ""), p.file, p.line) for p in pieces]
    text = Joined(pieces, lambda _: _STAND_IN).text
    at, starts = 0, list[int]()
    for piece in pieces:
        starts.append(at)
        at += len(piece.text) if piece.kind == "text" else 1
    places = sorted({place for tag in _TAG.finditer(text) for place in _hrefs(text, tag.end())}, reverse=True)
    out = list(pieces)
    for number in range(len(pieces) - 1, -1, -1):
        piece = out[number]
        while places and places[0] >= starts[number]:
            cut = places.pop(0) - starts[number]
            if piece.kind == "text":
                piece = Piece("text", piece.text[:cut] + MARK + piece.text[cut:], piece.file, piece.line)
        out[number] = piece
    return out


def _hrefs(text: str, at: int) -> list[int]:
    """Where the quoted values of `href` begin in the tag whose attributes begin at `at`."""
    found: list[int] = []
    while attribute := _ATTRIBUTE.match(text, at):
        if attribute[1].lower() == "href" and (attribute[2] or "")[:1] in ("'", '"') and attribute[2]:
            found.append(attribute.start(2))
        at = attribute.end()
    return found


def led(html: str, links: Links | None) -> str:
    """What a marked template rendered, with its links as `links` wants them, and the picture; without marks."""
    if links is None:
        return html.replace(MARK, "")
    first, *rest = html.split(MARK)
    out = [first]
    for part in rest:
        end = part.find(part[0], 1) if part[:1] in ('"', "'") else -1
        url = part[1:end]
        new = links.link((unescape(url) if "&" in url else url).strip()) if end > 0 else None
        out.append(part if new is None else f"{part[0]}{escape(new)}{part[end:]}")
    return _with_picture("".join(out), links.picture)


def _with_picture(html: str, address: str | None) -> str:
    """The picture is the last of the body: what is clipped by the mail program is not asked for it."""
    if address is None:
        return html
    style = "display:block;width:1px;height:1px;border:0;"
    picture = f'<img src="{escape(address)}" width="1" height="1" alt="" style="{style}">'
    at = html.rfind("</body>")
    if at < 0:
        at = max((found.start() for found in _END.finditer(html)), default=len(html))
    return f"{html[:at]}{picture}{html[at:]}"
