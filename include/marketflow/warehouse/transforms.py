"""Transforms: `sql/transforms/<schema>/<table>/` with `query.sql`, `table.yaml` and `checks.sql`.

A transform changes rows and may be re-run any day: it replaces what it wrote. `query.sql` holds blocks
`-- step: <name>`, run in order; `checks.sql` holds blocks `-- check: <name> (stop|warn)`, each a query that
returns one number, the bad rows. Order between tables comes from `upstream` in `table.yaml`.

A folder without `query.sql` stands for a view, which a migration made: it is explained and checked like a table.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field, model_validator

from marketflow.shared import BatchRefused, DefinitionError, settings
from marketflow.shared.ages import AGE_PATTERN
from marketflow.shared.strict_yaml import read_yaml
from marketflow.warehouse.bulk import keys_afterwards
from marketflow.warehouse.queries import parse_blocks, queries

_CHECK = re.compile(r"^-- check: *(\w+) *\((stop|warn)\) *$", re.MULTILINE)
log = logging.getLogger(__name__)


class TableDoc(BaseModel):
    """`table.yaml`: what the table means, and what can be expected of its rows after each build.

    key: the columns that name a row. not_null: others that always have a value. values: by column, all that may stand
    there. ranges: by column, [lowest, highest], null for no bound. freshness: above which age the table is stale.
    enriched_by: tables that add to it and that it can do without; it is not stale when one of them is.
    bulk_step: the step that may bring more rows than the table has: its keys and indexes are then made anew, or where
    it needs them (ON CONFLICT) its foreign keys.
    """

    model_config = ConfigDict(extra="forbid")

    description: str
    grain: str
    upstream: list[str] = []
    enriched_by: list[str] = []
    columns: dict[str, str]
    key: list[str] = []
    not_null: list[str] = []
    values: dict[str, list[str]] = {}
    ranges: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    freshness: str | None = Field(None, pattern=AGE_PATTERN)
    bulk_step: str | None = None

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        named = [*self.key, *self.not_null, *self.values, *self.ranges]
        if unknown := [c for c in named if c not in self.columns]:
            raise ValueError(f"columns does not describe {', '.join(dict.fromkeys(unknown))}")
        return self


@dataclass(frozen=True, kw_only=True)
class Transform:
    """One folder of `sql/transforms`."""

    name: str
    doc: TableDoc
    steps: dict[str, str]
    checks: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def identifier(self) -> sql.Identifier:
        """The table's quoted name."""
        return sql.Identifier(*self.name.split("."))

    @property
    def is_view(self) -> bool:
        """Nothing is written: it shows what its upstream tables hold, and is as fresh as they are."""
        return not self.steps


@dataclass(frozen=True, kw_only=True)
class TransformResult:
    """What a run of a transform did."""

    table: str
    changed: int
    rows: int
    warnings: dict[str, int]


def load_transforms(folder: Path | None = None) -> dict[str, Transform]:
    """All transforms by `schema.table`, upstream first; those of this installation are read once per process.

    Raises DefinitionError for a circle or a bad file.
    """
    return dict(_installed()) if folder is None else _load_all(folder)


@cache
def _installed() -> dict[str, Transform]:
    return _load_all(settings().root / "sql" / "transforms")


def _load_all(root: Path) -> dict[str, Transform]:
    found = {t.name: t for t in map(_load, sorted(root.glob("*/*/table.yaml")))}
    order = TopologicalSorter({n: [u for u in t.doc.upstream if u in found] for n, t in found.items()})
    return {name: found[name] for name in order.static_order()}


def run_transform(
    conn: psycopg.Connection,
    transform: Transform,
    params: Mapping[str, Any],
    *,
    now: dt.datetime,
    data_as_of: dt.date | None,
) -> TransformResult:
    """Run the steps, then the checks, in the caller's transaction, and note the table's freshness.

    Raises BatchRefused when a `stop` check finds rows: the caller's transaction is then to be rolled back.
    """
    changed, warnings = run_steps(conn, transform, params)
    rows = note_freshness(conn, transform.name, now=now, data_as_of=data_as_of)
    return TransformResult(table=transform.name, changed=changed, rows=rows, warnings=warnings)


def run_steps(
    conn: psycopg.Connection, transform: Transform, params: Mapping[str, Any], *, coming: int = 0
) -> tuple[int, dict[str, int]]:
    """Run the steps, then the checks; gives the rows changed and the warnings. The table's freshness stays as it is.

    Steps whose names begin with `note_` write down something for others, and do not count. `coming`: about how many
    rows the bulk step will insert.
    """
    counts = {}
    for name, step in transform.steps.items():
        is_bulk, needs_keys = name == transform.doc.bulk_step, "ON CONFLICT" in step
        with keys_afterwards(conn, transform.name, coming, own=not needs_keys) if is_bulk else nullcontext():
            counts[name] = conn.execute(step, params).rowcount
    changed = sum(max(rows, 0) for name, rows in counts.items() if not name.startswith("note_"))
    return changed, run_checks(conn, transform, params)


def note_freshness(
    conn: psycopg.Connection, table: str, *, now: dt.datetime, data_as_of: dt.date | None, rows: int | None = None
) -> int:
    """Note up to which day `table` knows what happened, and how many rows it has; these are counted unless given."""
    if rows is None:
        row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))).fetchone()
        rows = int(row[0]) if row else 0
    values = {"table": table, "as_of": data_as_of, "now": now, "rows": rows}
    conn.execute(queries("warehouse")["freshness_write"], values)
    return rows


def run_checks(conn: psycopg.Connection, transform: Transform, params: Mapping[str, Any]) -> dict[str, int]:
    """Count the bad rows of each check; `warn` is returned, `stop` raises BatchRefused with the check's name."""
    bad: dict[str, int] = {}
    for name, (grade, query) in transform.checks.items():
        row = conn.execute(query, params).fetchone()
        if row and row[0]:
            bad[name] = int(row[0])
            if grade == "stop":
                raise BatchRefused(f"{transform.name}: check {name} found {row[0]} bad rows; nothing was written")
            log.warning("%s: check %s found %s rows", transform.name, name, row[0])
    return bad


def write_comments(conn: psycopg.Connection) -> None:
    """Turn the descriptions of every `table.yaml` into COMMENTs, which BI tools show."""
    for t in load_transforms().values():
        text = f"{t.doc.description} Grain: {t.doc.grain}."
        kind = sql.SQL("VIEW" if t.is_view else "TABLE")
        conn.execute(sql.SQL("COMMENT ON {} {} IS {}").format(kind, t.identifier, sql.Literal(text)))
        for column, words in t.doc.columns.items():
            target = sql.Identifier(*t.name.split("."), column)
            conn.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(target, sql.Literal(words)))


def _load(doc_file: Path) -> Transform:
    folder = doc_file.parent
    try:
        doc = TableDoc.model_validate(read_yaml(doc_file)[0])
    except ValueError as error:
        raise DefinitionError(f"{doc_file}: {error}") from error
    query_file, checks_file = folder / "query.sql", folder / "checks.sql"
    return Transform(
        name=f"{folder.parent.name}.{folder.name}",
        doc=doc,
        steps=parse_blocks(query_file.read_text(encoding="utf-8")) if query_file.exists() else {},
        checks=_parse_checks(checks_file.read_text(encoding="utf-8")) if checks_file.exists() else {},
    )


def _parse_checks(text: str) -> dict[str, tuple[str, str]]:
    parts = _CHECK.split(text)
    bodies = [body.strip().rstrip(";") for body in parts[3::3]]
    return {name: (grade, body) for name, grade, body in zip(parts[1::3], parts[2::3], bodies, strict=True)}
