"""Plain text from HTML, made of the template once and not of each message.

A converter of messages (inscriptis, html2text) parses each mail anew, in 1.3 ms and more; a sender makes thousands a
second. So the template's HTML is read with its Jinja tags as words that nobody looks into, and what comes out is a
template of the text: conditions and loops stand where they stood. A test compares it with inscriptis on whole messages.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from marketflow.campaigns.content.source import Piece, inside, jinja

_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "pre", "table", "section", "article"]
)
_LINES = frozenset(["div", "tr", "li", "dt", "dd", "center", "header", "footer", "caption", "form", "address"])
_CELLS = frozenset(["td", "th"])
_UNSEEN = frozenset(["head", "title", "style", "script", "template", "noscript", "svg"])
_VOID = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])
_OPEN, _SHUT = "\ue000", "\ue001"  # for private use: no text has a meaning for them
_LINE, _PARAGRAPH = "\ue002", "\ue003"  # where a line and a paragraph end, however often it is said
_OURS = re.compile("[\ue000-\ue003]")
_BREAKS = re.compile(f"[\n{_LINE}{_PARAGRAPH}][ \n{_LINE}{_PARAGRAPH}]*")
_TOKEN = re.compile(f"{_OPEN}(\\d+){_SHUT}")
_BLANKS = re.compile(" {2,}")
_NO_LINK = re.compile(r"\s*(#|javascript:|$)", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none")


def text_template(pieces: list[Piece]) -> str:
    """A Jinja template of the plain text for these pieces of HTML; `tidy` what it renders."""
    tags = [p for p in pieces if p.kind in ("out", "control", "raw")]
    parser = _Reader()
    count = 0
    for piece in pieces:
        if piece.kind == "text":
            parser.feed(_OURS.sub("", piece.text))
        elif piece.kind != "comment":
            parser.feed(f"{_OPEN}{count}{_SHUT}")
            count += 1
    parser.close()
    text = _BREAKS.sub(_fewer, "".join(parser.parts)).replace("{", "{{ '{' }}")
    return _TOKEN.sub(lambda found: _tag(tags[int(found[1])]), text)


def tidy(text: str) -> str:
    """What a template of `text_template` renders, with its line breaks and never more than one empty line."""
    text = _BREAKS.sub(_break, text).replace(" \n", "\n")
    return _BLANKS.sub(" ", text) if "  " in text else text


def _break(found: re.Match[str]) -> str:
    run = found[0]
    return "\n\n" if _PARAGRAPH in run or run.count("\n") > 1 else "\n"


def _fewer(found: re.Match[str]) -> str:
    """Of breaks that stand together in the template, one: less to do for each message."""
    run = found[0]
    if _PARAGRAPH in run or run.count("\n") > 1:
        return _PARAGRAPH
    return "\n" if "\n" in run else _LINE


def _tag(piece: Piece) -> str:
    """The tag, so that it strips nothing: the line breaks around it are ours, not the author's."""
    if piece.kind == "raw":
        return piece.text
    _, words, _ = inside(piece.text)
    text = f"{{{{ {words} }}}}" if piece.kind == "out" else f"{{%+ {words} +%}}"
    return jinja([Piece(piece.kind, text, piece.file, piece.line)])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []  # the unseen element that we are in, and elements of its name within it
        self._links: list[tuple[str, int]] = []
        self._tables: list[bool] = []  # those that we are in: is it for the layout only?

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._unseen:
            if tag == self._unseen[0]:
                self._unseen.append(tag)
        elif tag not in _VOID and _is_unseen(tag, given):
            self._unseen.append(tag)
        else:
            self._break(tag)
            if tag == "table":
                self._tables.append(given.get("role") == "presentation")
            elif tag == "li":
                self.parts.append("- ")
            elif tag == "br":
                self.parts.append("\n")
            elif tag == "hr":
                self.parts.append(f"{_PARAGRAPH}---{_PARAGRAPH}")
            elif tag == "img":
                self.parts.append(given.get("alt") or "")
            elif tag == "a":
                self._links.append((given.get("href") or "", len(self.parts)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[0]:
                self._unseen.pop()
        elif tag in _VOID:
            pass  # </br>: it is there already
        elif tag == "a" and self._links:
            self._link(*self._links.pop())
        else:
            self._break(tag)
            if tag == "table" and self._tables:
                self._tables.pop()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        """A row is a line of a table, but where the table is only there for the layout, whatever stands in it."""
        if tag in _PARAGRAPHS or (tag == "tr" and self._tables and self._tables[-1]):
            self.parts.append(_PARAGRAPH)
        elif tag in _LINES:
            self.parts.append(_LINE)
        elif tag in _CELLS:
            self.parts.append(" ")

    def _link(self, href: str, since: int) -> None:
        """`words <https://...>` (RFC 3986, appendix C), or only one of the two where they are the same."""
        words = "".join(self.parts[since:]).strip()
        if not _NO_LINK.match(href) and words != (shown := href.strip().removeprefix("mailto:")):
            self.parts.append(f" <{shown}>" if words else shown)


def _is_unseen(tag: str, attrs: dict[str, str | None]) -> bool:
    """What a reader doesn't see, or need not: preheaders, ornaments, what is meant for one program only."""
    hidden = "hidden" in attrs or attrs.get("aria-hidden") == "true"
    return tag in _UNSEEN or hidden or _HIDDEN.search(attrs.get("style") or "") is not None
