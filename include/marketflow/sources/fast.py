"""The fast path: files whose lines are all as plain as the contract's pattern go by COPY straight into raw.

The bytes are not parsed in Python: each line gets its place (load, file, number) put in front, and PostgreSQL does
the rest, at the same time. One COPY takes several small files, as a year of daily files would spend its time waiting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import IO

import psycopg

from marketflow.sources.contracts import Contract
from marketflow.sources.files import CHUNK
from marketflow.sources.patterns import plain_lines
from marketflow.sources.statements import copy_to_raw


class NotPlain(Exception):
    """The files need another look, one by one. Nothing is wrong with them yet."""


def load_plain(
    conn: psycopg.Connection,
    contract: Contract,
    header: tuple[str, ...],
    streams: Iterable[tuple[int, IO[bytes]]],
    *,
    load_id: int,
    latest: dt.datetime,
) -> list[int]:
    """Load what is left of each stream (after its header) and return the numbers of rows; `streams` gives file ids too.

    Raises NotPlain when any line is not plain or a value is refused: then the caller rolls its transaction back.
    """
    counts: list[int] = []
    try:
        with conn.cursor() as cursor:
            with cursor.copy(copy_to_raw(contract, header, latest)) as copy:
                for file_id, stream in streams:
                    counts.append(_send(copy, contract, header, stream, b"%d,%d," % (load_id, file_id)))
            accepted = cursor.rowcount == sum(counts)
    except (psycopg.DataError, psycopg.IntegrityError):
        accepted = False  # raised below, without the cause: its message shows the value
    if not accepted:
        raise NotPlain
    return counts


def _send(copy: psycopg.Copy, contract: Contract, header: tuple[str, ...], stream: IO[bytes], prefix: bytes) -> int:
    sent = 0
    for lines in _plain_blocks(contract, header, stream):
        copy.write(b"".join([b"%b%d,%b\n" % (prefix, n, line) for n, line in enumerate(lines, sent + 1)]))
        sent += len(lines)
    return sent


def _plain_blocks(contract: Contract, header: tuple[str, ...], stream: IO[bytes]) -> Iterator[list[bytes]]:
    pattern, rest = plain_lines(contract, header), b""
    while chunk := stream.read(CHUNK):
        whole, end, rest_of_chunk = chunk.rpartition(b"\n")
        if not end:
            raise NotPlain  # a line of more than CHUNK bytes
        block = rest + whole + end
        if not pattern.fullmatch(block):
            raise NotPlain
        yield block.split(b"\n")[:-1]
        rest = rest_of_chunk
    if rest:
        raise NotPlain  # no line end: the file may be cut off
