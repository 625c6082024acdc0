"""The careful path: records one by one, text staged in blocks, judged by the contract's rules in SQL.

Every record ends in raw or in ops.quarantine. Memory holds one block: 20,000 records or 8 MiB, whatever comes first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import psycopg

from marketflow.privacy import QUARANTINE, KeyRing
from marketflow.sources.contracts import Contract
from marketflow.sources.manifest import Counts
from marketflow.sources.personal import row_maker
from marketflow.sources.records import Record, read_records
from marketflow.sources.statements import copy_to_stage, create_stage, faults, find_and_load, stage_name
from marketflow.warehouse import queries

_BLOCK_RECORDS, _BLOCK_BYTES = 20_000, 8 << 20
_TRUNCATED = "truncated: the file ends within this record"


@dataclass(frozen=True, kw_only=True)
class Careful:
    """One file on the careful path."""

    conn: psycopg.Connection
    contract: Contract
    header: tuple[str, ...]
    keys: KeyRing
    load_id: int
    file_id: int
    now: dt.datetime
    latest: dt.datetime

    def load(self, stream: IO[bytes]) -> tuple[Counts, bool]:
        """Load the rest of `stream`, after the header, in the caller's transaction.

        Returns the counts and whether the last record lacks its line end.
        """
        self.conn.execute(create_stage(self.contract))
        read = quarantined = 0
        unfinished = False
        for block in _blocks(read_records(stream, len(self.header))):
            read += len(block)
            quarantined += self._load_block(block)
            unfinished = block[-1].unfinished
        return Counts(read=read, loaded=read - quarantined, quarantined=quarantined), unfinished

    def _load_block(self, block: list[Record]) -> int:
        """Load the good records, quarantine the bad ones and return their number."""
        bad = self._stage(block)
        rules, first = faults(self.contract, self.latest), block[0].number
        statement = find_and_load(self.contract, (self.load_id, self.file_id), self.latest)
        for number, rule in self.conn.execute(statement):
            bad.append((block[number - first], rules[rule].column, rules[rule].reason))
        self._quarantine(bad)
        return len(bad)

    def _stage(self, block: list[Record]) -> list[tuple[Record, str | None, str]]:
        """Copy the block into the stage; returns (record, column, reason) of those that never get there."""
        make = row_maker(self.contract, self.header, self.keys)
        bad: list[tuple[Record, str | None, str]] = []
        with self.conn.cursor() as cursor:
            cursor.execute(psycopg.sql.SQL("TRUNCATE pg_temp.{}").format(stage_name(self.contract)))
            with cursor.copy(copy_to_stage(self.contract)) as copy:
                for record in block:
                    if record.fields is None:
                        bad.append((record, None, record.reason or ""))
                        continue
                    row = make(record.fields)
                    if isinstance(row, tuple):
                        bad.append((record, *row))
                    else:
                        copy.write_row([record.number, *row])
        return bad

    def _quarantine(self, bad: Iterable[tuple[Record, str | None, str]]) -> None:
        with self.conn.cursor() as cursor, cursor.copy(queries("sources")["copy_to_quarantine"]) as copy:
            for record, column, reason in bad:
                copy.write_row(self._quarantined(record, column, reason))

    def _quarantined(self, record: Record, column: str | None, reason: str) -> tuple[Any, ...]:
        words = f"{_TRUNCATED} ({reason})" if record.unfinished else reason
        payload = self.keys.encrypt(record.payload, QUARANTINE)
        return (
            self.load_id, self.file_id, record.number, self.contract.record, words, column, payload, record.size,
            self.now,
        )  # fmt: skip


def _blocks(records: Iterable[Record]) -> Iterator[list[Record]]:
    block: list[Record] = []
    size = 0
    for record in records:
        block.append(record)
        size += len(record.payload)
        if len(block) >= _BLOCK_RECORDS or size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block
