"""MJML to HTML, once, with Jinja still in it.

mrml, which does the work, knows nothing of Jinja, reads attributes as if they were code and says little about where a
fault is. So each Jinja tag goes through it as a word of letters; a condition or loop between sections or columns stands
in mj-raw; what is not ASCII in an attribute is such a word, too; and elements are checked here first, by file and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from marketflow.campaigns.content.sandbox import TemplateRefused
from marketflow.campaigns.content.source import Joined, Piece, jinja
from marketflow.shared.explain import nearest

_ATTRIBUTES = r"""(?:[^<>"']|"[^"]*"|'[^']*')*"""
_MARKUP = re.compile(
    rf"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<!doctype[^>]*>|<(/?)([A-Za-z][\w:.-]*)({_ATTRIBUTES})>",
    re.DOTALL | re.IGNORECASE,
)
_VALUE = re.compile(r'"[^"]*"|\'[^\']*\'')
_UNSAFE = re.compile(r"[^\x20-\x7e]+|\\+|&[#\w]+;")
_WORD = re.compile(r"qjz(\d+)zjq")
_POSITION = re.compile(r"position (\d+)")
_VOID = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"])
_KNOWN = (
    "mj-accordion", "mj-accordion-element", "mj-accordion-text", "mj-accordion-title", "mj-all", "mj-attributes",
    "mj-body", "mj-breakpoint", "mj-button", "mj-carousel", "mj-carousel-image", "mj-class", "mj-column", "mj-divider",
    "mj-font", "mj-group", "mj-head", "mj-hero", "mj-html-attributes", "mj-image", "mj-navbar", "mj-navbar-link",
    "mj-preview", "mj-raw", "mj-section", "mj-social", "mj-social-element", "mj-spacer", "mj-style", "mj-table",
    "mj-text", "mj-title", "mj-wrapper", "mjml",
)  # fmt: skip
_ROOMS = frozenset(["mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"])  # may hold mj-raw
_CLOSED = frozenset(  # hold elements of one kind only
    [
        "mjml",
        "mj-head",
        "mj-attributes",
        "mj-social",
        "mj-navbar",
        "mj-carousel",
        "mj-accordion",
        "mj-accordion-element",
    ]
)


@dataclass(frozen=True)
class _Open:
    name: str
    at: int


def compile_mjml(pieces: list[Piece]) -> str:
    """HTML with the Jinja tags of `pieces` in it; raises TemplateRefused with file and line."""
    return _Mjml(pieces).html()


class _Mjml:
    def __init__(self, pieces: list[Piece]) -> None:
        self.words: list[Piece] = []
        self._joined = Joined((p for p in pieces if p.kind != "comment"), self._word)
        self.text = self._joined.text

    def html(self) -> str:
        import mjml

        text = self._checked()
        try:
            made = mjml.mjml2html(text, fonts={})  # no fonts from other people's servers
        except (ValueError, OSError) as error:
            found = _POSITION.search(str(error))
            at = self._back(text, int(found[1])) if found else 0
            raise TemplateRefused(f"{self._place(at)}: is not MJML that can be read: {error}") from None
        missing = next((p for i, p in enumerate(self.words) if p.kind != "text" and f"qjz{i}zjq" not in made), None)
        if missing:
            missing.refuse("MJML leaves out what stands here; move it into an element that holds text, such as mj-text")
        return _WORD.sub(lambda found: _as_was(self.words[int(found[1])]), made)

    def _checked(self) -> str:
        """The text for mrml: elements that fit, attributes that it cannot hurt, and mj-raw around what is between."""
        out: list[str] = []
        stack: list[_Open] = []
        at = 0
        while (sign := self.text.find("<", at)) >= 0:
            out.append(self._between(self.text[at:sign], at, stack))
            found = _MARKUP.match(self.text, sign)
            if found is None:
                self._refuse(sign, "a tag is opened with < and not closed; a plain < is written &lt;")
            if found[2]:
                self._element(found, stack)
            out.append(_VALUE.sub(self._value, found[0]) if found[2] else found[0])
            at = found.end()
        out.append(self._between(self.text[at:], at, stack))
        if stack:
            self._refuse(stack[-1].at, f"<{stack[-1].name}> is opened and not closed")
        return "".join(out)

    def _element(self, found: re.Match[str], stack: list[_Open]) -> None:
        name, at = found[2].lower(), found.start()
        if name.startswith("mj") and name not in _KNOWN:
            hint = "; blocks are shared with {% include %}" if name == "mj-include" else nearest(name, _KNOWN)
            self._refuse(at, f"there is no element <{name}>{hint}")
        if found[1]:
            if not stack or stack[-1].name != name:
                inside = f"; <{stack[-1].name}> of line {self._joined.place(stack[-1].at)[1]} is open" if stack else ""
                self._refuse(at, f"</{name}> closes what is not open{inside}")
            stack.pop()
            return
        if not stack and name != "mjml":
            self._refuse(at, "MJML begins with <mjml>")
        if (word := _WORD.search(_VALUE.sub("", found[3]))) is not None:
            self.words[int(word[1])].refuse("within a tag, Jinja stands in the quotes of an attribute's value only")
        if name not in _VOID and not found[3].endswith("/"):
            stack.append(_Open(name, at))

    def _between(self, text: str, at: int, stack: list[_Open]) -> str:
        """Text between two tags: where MJML has no place for text, conditions and loops go into mj-raw."""
        inside = stack[-1].name if stack else ""
        if not text.strip() or (inside and inside not in _ROOMS | _CLOSED):
            return text
        if _WORD.sub("", text).strip():
            self._refuse(at + len(text) - len(text.lstrip()), f"text stands in {_where(inside)}; put it into <mj-text>")
        for word in _WORD.finditer(text):
            piece = self.words[int(word[1])]
            if piece.kind != "control":
                piece.refuse(f"this stands in {_where(inside)}; put it into <mj-text>")
            if inside not in _ROOMS:
                piece.refuse(f"no condition or loop can stand in {_where(inside)}; put it around the whole element")
        return _WORD.sub(r"<mj-raw>\g<0></mj-raw>", text)

    def _value(self, value: re.Match[str]) -> str:
        """mrml writes an attribute's value as a programmer would: with escapes. So it sees plain words only."""
        return _UNSAFE.sub(lambda found: self._word(Piece("text", found[0], "", 0)), value[0])

    def _word(self, piece: Piece) -> str:
        self.words.append(piece)
        return f"qjz{len(self.words) - 1}zjq"

    def _back(self, text: str, byte: int) -> int:
        """The position in our text of a byte in what mrml was given: by what stands before it, and is ours."""
        before = (
            text.encode()[:byte].decode(errors="ignore").replace("<mj-raw>qjz", "qjz").replace("zjq</mj-raw>", "zjq")
        )
        return min(len(before), max(len(self.text) - 1, 0))

    def _place(self, at: int) -> str:
        return "{}:{}".format(*self._joined.place(at))

    def _refuse(self, at: int, words: str) -> NoReturn:
        raise TemplateRefused(f"{self._place(at)}: {words}")


def _where(inside: str) -> str:
    return f"<{inside}>, which holds other elements only" if inside else "no element"


def _as_was(piece: Piece) -> str:
    return piece.text if piece.kind == "text" else jinja([piece])
