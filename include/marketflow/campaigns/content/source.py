"""One flat template from a file and all that it builds on.

`extends`, `block` and `include` are resolved here, in the text, and not while a message is rendered: a million renders
do not look for blocks, MJML can be compiled as a whole, and plain text can be made from HTML once. Each Jinja tag
carries a comment with the file and line that it comes from, so that errors name what the marketer wrote.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from marketflow.campaigns.content.sandbox import TemplateRefused

_BEGIN = re.compile(r"\{[{%#]")
_STRINGS = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'])*?"""
_TAGS = {
    "{{": re.compile(rf"\{{\{{{_STRINGS}\}}\}}", re.DOTALL),
    "{%": re.compile(rf"\{{%{_STRINGS}%\}}", re.DOTALL),
    "{#": re.compile(r"\{#.*?#\}", re.DOTALL),
}
_RAW, _END_RAW = (re.compile(rf"\{{%[-+]?\s*{word}\s*[-+]?%\}}") for word in ("raw", "endraw"))
_WORD = re.compile(r"\w*")
_QUOTED = re.compile(r"""(["'])([^"'\\]*)\1""")
_PLACE = re.compile(r"^@ (.+):(\d+) #\}")
_MARKER = re.compile(r"\{#[-+]?\n@ (.+):(\d+) #\}")
_LONGEST = 1_000_000  # characters of a template and all that it includes
_DEEPEST = 20


@dataclass(frozen=True)
class Piece:
    """A stretch of a template. `kind`: text, out ({{ }}), control ({% %}), comment, raw ({% raw %} as a whole)."""

    kind: str
    text: str
    file: str
    line: int

    def refuse(self, words: str) -> NoReturn:
        """Raise TemplateRefused for what stands here."""
        raise TemplateRefused(f"{self.file}:{self.line}: {words}")


@dataclass
class _Block:
    name: str
    begin: Piece
    end: Piece
    body: list[Piece | _Block] = field(default_factory=list)


@dataclass
class _Tree:
    body: list[Piece | _Block]
    blocks: dict[str, _Block]
    parent: tuple[str, Piece] | None


class Joined:
    """Pieces as one text, with `word(piece)` for what is no text, and the way back from a position in it to a file."""

    def __init__(self, pieces: Iterable[Piece], word: Callable[[Piece], str]) -> None:
        self._pieces, self._starts = list(pieces), list[int]()
        parts, at = [], 0
        for piece in self._pieces:
            part = piece.text if piece.kind == "text" else word(piece)
            self._starts.append(at)
            parts.append(part)
            at += len(part)
        self.text = "".join(parts)

    def place(self, at: int) -> tuple[str, int]:
        """(file, line) of the character `at`."""
        i = max(bisect_right(self._starts, at) - 1, 0)
        piece = self._pieces[i]
        return piece.file, piece.line + (self.text.count("\n", self._starts[i], at) if piece.kind == "text" else 0)


def flatten(name: str, sources: Mapping[str, str], instead: Mapping[str, str] | None = None) -> list[Piece]:
    """The pieces of template `name` with all that it extends and includes; raises TemplateRefused with file and line.

    `instead` names the sources to take for others (layout.zh.html for layout.html). A template that includes itself, a
    file that is not there, and one that grows beyond a million characters are refused.
    """
    made = _Flat(sources, instead or {})
    made.expand(name, {}, ())
    return made.pieces or [Piece("text", "", name, 1)]


def jinja(pieces: list[Piece]) -> str:
    """The pieces as one template that Jinja reads, with a comment before each tag that says where it comes from."""
    out: list[str] = []
    for piece in pieces:
        if piece.kind in ("out", "control"):
            out.append(_marker(piece))
        out.append(piece.text)
    return "".join(out)


def place_of(flat: str, line: int) -> tuple[str, int] | None:
    """(file, line) of what stands in line `line` of a text that `jinja` made."""
    lines = flat.split("\n")
    for i in range(min(line, len(lines)) - 1, -1, -1):
        if found := _PLACE.match(lines[i]):
            return found[1], int(found[2]) + (line - 1 - i)
    return None


def scan(text: str, file: str) -> list[Piece]:
    """Text and tags in their order; a tag that is not closed raises TemplateRefused."""
    pieces: list[Piece] = []
    at, line, place = 0, 1, None
    while found := _BEGIN.search(text, at):
        if found.start() > at:
            pieces.append(Piece("text", text[at : found.start()], *(place or (file, line))))
            line, place = line + text.count("\n", at, found.start()), None
        opens, end = _end_of_tag(text, found)
        if end is None:
            raise TemplateRefused(f"{file}:{line}: {opens} is opened and not closed")
        tag = text[found.start() : end]
        if marker := _MARKER.fullmatch(tag):  # a text that `jinja` made, read again
            place = (marker[1], int(marker[2]))
        else:
            pieces.append(Piece(_kind(tag), tag, *(place or (file, line))))
            place = None
        line, at = line + tag.count("\n"), end
    if at < len(text):
        pieces.append(Piece("text", text[at:], file, line))
    return pieces


def _end_of_tag(text: str, begin: re.Match[str]) -> tuple[str, int | None]:
    """What is opened at `begin`, and where it ends; a `raw` goes on to its `endraw`, whatever stands in between."""
    if raw := _RAW.match(text, begin.start()):
        end = _END_RAW.search(text, raw.end())
        return raw[0], end and end.end()
    tag = _TAGS[begin[0]].match(text, begin.start())
    return begin[0], tag and tag.end()


def inside(tag: str) -> tuple[str, str, str]:
    """What a tag says, between the signs (`-`, `+`) that it begins and ends with.

    A regular expression would try each place of a long run of spaces, and from each all of its rest.
    """
    text = tag[2:-2]
    before = text[:1] if text[:1] in ("-", "+") else ""
    text = text[len(before) :]
    after = text[-1:] if text[-1:] in ("-", "+") else ""
    return before, text[: len(text) - len(after)].strip(), after


def keyword(piece: Piece) -> str:
    """`if`, `for`, `endif` ... of a control tag, else nothing."""
    return _statement(piece)[0]


def _statement(piece: Piece) -> tuple[str, str]:
    """The keyword of a control tag, and what follows it."""
    if piece.kind != "control":
        return "", ""
    text = inside(piece.text)[1]
    word = _WORD.match(text)
    end = word.end() if word else 0
    return text[:end], text[end:].lstrip()


def names_in(pieces: list[Piece], name: str) -> bool:
    """Whether some tag says `name`."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(piece.kind in ("out", "control") and word.search(piece.text) for piece in pieces)


def _kind(tag: str) -> str:
    if tag.startswith("{%"):
        return "raw" if _RAW.match(tag) else "control"
    return "out" if tag.startswith("{{") else "comment"


def _marker(piece: Piece) -> str:
    """A comment that changes nothing but the number of the line: what the tag strips before itself, it strips too."""
    sign = piece.text[2] if piece.text[2] in "-+" else ""
    if piece.kind == "out" and sign != "-":
        sign = "+"
    return f"{{#{sign}\n@ {piece.file}:{piece.line} #}}"


def _nothing(piece: Piece, *, opens: bool, closes: bool) -> Piece:
    """A comment in the place of a tag that is resolved: it strips the same white space around itself."""
    before, _, after = inside(piece.text)
    text = f"{{#{before if opens else '+'} {after if closes else '+'}#}}"
    return replace(piece, kind="comment", text=text)


class _Flat:
    def __init__(self, sources: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self.sources, self.instead, self.pieces, self.size = sources, instead, list[Piece](), 0

    def expand(self, name: str, given: Mapping[str, _Block], stack: tuple[str, ...], by: Piece | None = None) -> None:
        name = self.instead.get(name, name)
        if name in stack or len(stack) > _DEEPEST:
            assert by is not None
            by.refuse(f"{name} includes itself" if name in stack else "too many templates within one another")
        if name not in self.sources:
            if by is None:
                raise TemplateRefused(f"{name}: missing")
            by.refuse(f"there is no shared template {name!r}")
        tree = _read(self.sources[name], name if "/" in name or name == "subject" else f"_shared/{name}")
        given = {**tree.blocks, **given}
        if tree.parent is None:
            self._write(tree.body, given, (*stack, name), ())
        else:
            self.expand(tree.parent[0], given, (*stack, name), tree.parent[1])

    def _write(
        self, body: list[Piece | _Block], given: Mapping[str, _Block], stack: tuple[str, ...], inside: tuple[str, ...]
    ) -> None:
        for part in body:
            if isinstance(part, _Block):
                block = given[part.name]
                if part.name in inside:
                    part.begin.refuse(f"the block {part.name!r} stands within itself")
                self._add(_nothing(block.begin, opens=True, closes=True))
                self._write(block.body, given, stack, (*inside, part.name))
                self._add(_nothing(block.end, opens=True, closes=True))
            elif keyword(part) == "include":
                self._add(_nothing(part, opens=True, closes=False))
                self.expand(_quoted(part), {}, stack, part)
                self._add(_nothing(part, opens=False, closes=True))
            else:
                self._add(part)

    def _add(self, piece: Piece) -> None:
        self.size += len(piece.text)
        if self.size > _LONGEST:
            piece.refuse(f"with all that it includes the template is longer than {_LONGEST} characters")
        self.pieces.append(piece)


def _read(text: str, file: str) -> _Tree:
    """A template's blocks and what stands around them."""
    tree = _Tree([], {}, None)
    open_: list[_Block] = []
    for piece in scan(text.removesuffix("\n"), file):
        body = open_[-1].body if open_ else tree.body
        match keyword(piece):
            case "extends":
                if open_ or tree.parent or any(p.text.strip() for p in tree.body if isinstance(p, Piece)):
                    piece.refuse("extends stands first in its file, once")
                tree.parent = (_quoted(piece), piece)
            case "block":
                block = _Block(_block_name(piece), piece, piece)
                if block.name in tree.blocks:
                    piece.refuse(f"the block {block.name!r} stands twice")
                tree.blocks[block.name] = block
                body.append(block)
                open_.append(block)
            case "endblock":
                if not open_:
                    piece.refuse("endblock without a block")
                open_.pop().end = piece
            case _:
                body.append(piece)
    if open_:
        open_[-1].begin.refuse(f"the block {open_[-1].name!r} is opened and not closed")
    return tree


def _block_name(piece: Piece) -> str:
    words = _statement(piece)[1]
    return words if words.isidentifier() else piece.refuse("a block has a name of one word")


def _quoted(piece: Piece) -> str:
    found = _QUOTED.fullmatch(_statement(piece)[1])
    return found[2] if found else piece.refuse(f"{keyword(piece)} takes the name of a shared template, in quotes")
