"""ops.quality_results: every result that the gate ever saw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import psycopg
from psycopg.types.json import Jsonb

from marketflow.quality.outcome import Outcome
from marketflow.warehouse import queries


def store(
    conn: psycopg.Connection, outcomes: Sequence[Outcome], *, now: dt.datetime, load_id: int | None = None
) -> None:
    """Add results, in the caller's transaction."""
    rows = [
        {
            "load_id": load_id,
            "suite": o.subject,
            "record": o.subject if o.of == "record" else None,
            "table_name": o.subject if o.of == "table" else None,
            "expectation": o.expectation,
            "column_name": o.column,
            "severity": o.severity,
            "success": o.success,
            "observed": Jsonb(o.observed | ({"says": o.says} if o.says and not o.success else {})),
            "now": now,
        }
        for o in outcomes
    ]
    with conn.cursor() as cursor:
        cursor.executemany(queries("quality")["add_result"], rows)
