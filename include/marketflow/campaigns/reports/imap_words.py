"""What commands of IMAP name: mails by their numbers, in lines that every server takes, and folders (RFC 3501)."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator

LONGEST = 6_000
"""Octets of numbers in a command: a line has 8,192 at most (RFC 7162, 4), with the command and a folder's name."""


def sequences(uids: Iterable[int]) -> Iterator[str]:
    """These numbers, which rise, as sequence sets such as `1:5,7` of LONGEST octets at most; neighbours are a range."""
    line = ""
    for first, last in _ranges(uids):
        text = str(first) if first == last else f"{first}:{last}"
        if line and len(line) + 1 + len(text) > LONGEST:
            yield line
            line = ""
        line = f"{line},{text}" if line else text
    if line:
        yield line


def plain_name(folder: str) -> str:
    """A folder's name as the least careful server may compare it."""
    return unicodedata.normalize("NFC", folder).casefold().strip().rstrip("/.")


def quoted(folder: str) -> str:
    r"""A folder's name as a quoted string, in the modified UTF-7 of RFC 3501, 5.1.3."""
    text = re.sub(r"[^\x20-\x7e]+", _utf7, folder.replace("&", "&-"))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(found: re.Match[str]) -> str:
    return "&" + base64.b64encode(found[0].encode("utf-16-be")).rstrip(b"=").decode().replace("/", ",") + "-"


def _ranges(uids: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for uid in uids:
        if first and uid == last + 1:
            last = uid
            continue
        if first:
            yield first, last
        first = last = uid
    if first:
        yield first, last
