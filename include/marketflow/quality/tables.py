"""`judge_tables`: what `table.yaml` says of a table is held against its rows, at a price that does not grow with it."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from marketflow.quality.batch import Batch, examine
from marketflow.quality.freshness import of_tables
from marketflow.quality.index import tables_title, write_index
from marketflow.quality.outcome import Outcome
from marketflow.quality.results import store
from marketflow.quality.suite import WARN
from marketflow.shared import Clock
from marketflow.warehouse import Transform, load_transforms, queries

log = logging.getLogger(__name__)
# Up to this size a table is judged whole. Of a larger one a sample of about so many bytes is: some 100,000 rows.
_WHOLE = 16 << 20


def judge_tables(
    conn: psycopg.Connection,
    sqlalchemy_url: str,
    *,
    clock: Clock,
    docs: Path | None,
    schemas: Collection[str] = ("core", "privacy"),
) -> list[str]:
    """Hold the tables of `schemas` against their `table.yaml`, store all results, return what fails in words; commits.

    It warns only: what must never be is a check of the transform, which looks at every touched row and stops the build.
    That the columns of `key` name one row each is left to the database's own index, whose presence is looked up.
    """
    tables = {name: t for name, t in load_transforms().items() if name.split(".")[0] in schemas}
    now = clock.now()
    outcomes = [_key(conn, table) for table in tables.values() if table.doc.key]
    outcomes += of_tables(conn, tables, clock)
    batches = [_batch(conn, table) for table in tables.values() if _judged(table)]
    conn.commit()  # judging takes seconds, on other connections
    if batches:
        outcomes += examine(sqlalchemy_url, batches, title=tables_title(now), role="marketflow_owner", docs=docs)
    failed = _tell(conn, outcomes, now)
    if docs is not None:
        write_index(conn, docs, clock)
    return failed


def _tell(conn: psycopg.Connection, outcomes: list[Outcome], now: dt.datetime) -> list[str]:
    store(conn, outcomes, now=now)
    conn.commit()
    failed = [o.words for o in outcomes if not o.success]
    for words in failed:
        log.warning("%s", words)
    return failed


def _judged(table: Transform) -> list[str]:
    """The columns that something is said about; nothing is ever said about one that holds a person's words."""
    doc = table.doc
    return list(dict.fromkeys([*doc.key, *doc.not_null, *doc.values, *doc.ranges]))


def _key(conn: psycopg.Connection, table: Transform) -> Outcome:
    values = {"table": table.name, "key": sorted(table.doc.key)}
    row = conn.execute(queries("quality")["is_unique"], values).fetchone()
    key = ", ".join(table.doc.key)
    return Outcome(
        subject=table.name, of="table", expectation="key_is_unique", column=key,
        success=bool(row and row[0]), observed={},
        says=f"{table.name}: the database does not see to it that {key} names one row",
    )  # fmt: skip


def _batch(conn: psycopg.Connection, table: Transform) -> Batch:
    row = conn.execute(queries("quality")["table_bytes"], {"table": table.name}).fetchone()
    size = int(row[0] or 0) if row else 0
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, _judged(table))), table.identifier
    )
    if size > _WHOLE:
        # Several queries judge one column, and hold their counts against each other: all must see the same rows.
        query += sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE (0)").format(sql.Literal(100 * _WHOLE / size))
    return Batch(subject=table.name, of="table", query=query, expectations=partial(_expectations, table))


def _expectations(table: Transform) -> list[Any]:
    from great_expectations import expectations as module

    gxe: Any = module
    doc = table.doc
    found = [
        gxe.ExpectColumnValuesToNotBeNull(column=c, severity=WARN) for c in dict.fromkeys([*doc.key, *doc.not_null])
    ]
    found += [
        gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), severity=WARN)
        for column, values in doc.values.items()
    ]
    found += [
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=_number(low), max_value=_number(high), severity=WARN)
        for column, (low, high) in doc.ranges.items()
    ]
    return found


def _number(bound: Any) -> int | float | None:
    """A bound in a type that Great Expectations can write into its pages."""
    if bound is None:
        return None
    return int(bound) if bound == int(bound) else float(bound)
