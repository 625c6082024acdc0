"""The parts of a mail (MIME, RFC 2045 and 2046), for mails that anybody may have written.

The standard library's parser follows a mail to any depth and reads all there is. This one stops at limits, takes time
in proportion to the mail's length, and never raises anything but its own refusal.
"""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass

MAX_BYTES = 131_072
"""What is looked at of a mail: the parts that say what happened stand before the mail that came back."""
_MAX_PARTS, _MAX_DEPTH, _MAX_FIELDS, _MAX_VALUE = 40, 3, 400, 8_192
_BOUNDARY = re.compile(r'boundary\s{0,9}=\s{0,9}(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_HEAD_END = re.compile(rb"(?:^|\n)\n")
Fields = dict[str, list[str]]


class MailRefused(ValueError):
    """The mail is none that a mail server writes; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """A mail or a part of one: `fields` by their names in small letters, `body` as it came, `parts` within it."""

    fields: Fields
    body: bytes
    parts: tuple[Part, ...] = ()

    @property
    def kind(self) -> str:
        """The media type, such as text/plain; plain text where none is said."""
        return self.first("content-type").partition(";")[0].strip().lower() or "text/plain"

    def first(self, name: str) -> str:
        """The value of the first field of that name; empty when there is none."""
        return self.fields.get(name, [""])[0]

    def leaves(self) -> list[Part]:
        """The parts that have none in them, in order."""
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]

    def text(self) -> str:
        """The body with its transfer encoding undone, as far as it can be."""
        encoding = self.first("content-transfer-encoding").strip().lower()
        body = self.body
        if encoding == "base64":
            body = _from_base64(body)
        elif encoding == "quoted-printable":
            body = quopri.decodestring(body)
        return body.replace(b"\r\n", b"\n").decode("utf-8", "replace")


def parse(data: bytes) -> Part:
    """A mail, of which no more than MAX_BYTES are looked at. Raises MailRefused for more parts than a report has."""
    left = [_MAX_PARTS]
    return _part(data[:MAX_BYTES].replace(b"\r\n", b"\n"), 0, left)


def fields_of(head: str) -> Fields:
    """Fields of a header, or of a group of a report: names in small letters, folded lines joined."""
    found: Fields = {}
    last: list[str] | None = None
    for line in head.split("\n")[:_MAX_FIELDS]:
        if line[:1] in (" ", "\t"):
            if last and len(last[-1]) < _MAX_VALUE:
                last[-1] += " " + line.strip()[:_MAX_VALUE]
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or len(name) > 100:
            last = None
            continue
        last = found.setdefault(name.strip().lower(), [])
        last.append(value.strip()[:_MAX_VALUE])
    return found


def _part(data: bytes, depth: int, left: list[int]) -> Part:
    left[0] -= 1
    end = _HEAD_END.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    fields = fields_of(head.decode("latin-1"))
    kind = fields.get("content-type", [""])[0]
    is_several = kind.lstrip()[:10].lower() == "multipart/" and depth < _MAX_DEPTH
    found = _BOUNDARY.search(kind) if is_several else None
    if found is None:
        return Part(fields, body)
    boundary = (found[1] or found[2]).rstrip().encode("latin-1")
    return Part(fields, body, tuple(_part(piece, depth + 1, left) for piece in _pieces(body, boundary, left[0])))


def _pieces(body: bytes, boundary: bytes, most: int) -> list[bytes]:
    """What stands between the lines of the boundary; the last one may have been cut off."""
    delimiter = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\n|$)")
    pieces: list[bytes] = []
    start: int | None = None
    for found in delimiter.finditer(body):
        if start is not None:
            pieces.append(body[start : found.start()])
        if len(pieces) > most:
            raise MailRefused("too_many_parts")
        if found[1]:
            return pieces
        start = found.end() + 1
    if start is not None:
        pieces.append(body[start:])
    return pieces


def _from_base64(body: bytes) -> bytes:
    letters = b"".join(body.split()).rstrip(b"=")
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]  # a letter alone is nothing
    try:
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        return b""
