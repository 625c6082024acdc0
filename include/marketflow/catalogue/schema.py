"""Tables as sql/schema.sql has them, with the comments of the migrations (pg_dump leaves comments out)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

_TABLE = re.compile(r"^CREATE TABLE (\w+\.\w+) \(\n(.*?)\n\)(?:\nPARTITION BY .*?)?;$", re.MULTILINE | re.DOTALL)
_VIEW = re.compile(r"^-- VIEW (\w+\.\w+) \(\n(.*?)\n-- \);$", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r'^    "?(\w+)"? (.+?)( DEFAULT .+?)?( NOT NULL)?,?$')
_KEY = re.compile(r"^ALTER TABLE ONLY (\w+\.\w+)\n    ADD CONSTRAINT \w+ PRIMARY KEY \((.+?)\);$", re.MULTILINE)
_PARTITION = re.compile(r"^ALTER TABLE ONLY (\S+) ATTACH PARTITION (\S+) ", re.MULTILINE)
_COMMENT = re.compile(r"^COMMENT ON (TABLE|VIEW|COLUMN) ([\w.]+) IS\s+'((?:[^']|'')*)';", re.MULTILINE)
_TYPES = {"timestamp with time zone": "timestamptz", "character varying": "varchar", "double precision": "float8"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A table's or view's columns (name: type, and whether it may be null), its primary key, and what is said of it."""

    name: str
    types: dict[str, str]
    nullable: frozenset[str]
    key: tuple[str, ...] = ()
    comment: str = ""
    comments: dict[str, str] = field(default_factory=dict)
    is_view: bool = False


def read_schema(root: Path) -> dict[str, Shape]:
    """All tables and views by name, partitions left out."""
    text = (root / "sql" / "schema.sql").read_text(encoding="utf-8")
    partitions = {part for _, part in _PARTITION.findall(text)}
    shapes = {name: _shape(name, body) for name, body in _TABLE.findall(text) if name not in partitions}
    for name, body in _VIEW.findall(text):
        shapes[name] = replace(_shape(name, body.replace("-- ", "")), is_view=True)
    for name, columns in _KEY.findall(text):
        if name in shapes:
            shapes[name] = replace(shapes[name], key=tuple(c.strip(' "') for c in columns.split(",")))
    return _with_comments(shapes, root)


def _shape(name: str, body: str) -> Shape:
    types, nullable = {}, set()
    for line in body.splitlines():
        found = _COLUMN.match(line)
        if found is None or line.startswith("    CONSTRAINT "):
            continue
        column, kind, _, not_null = found.groups()
        for long, short in _TYPES.items():
            kind = kind.replace(long, short)
        types[column] = kind.replace(",", ", ")
        if not not_null:
            nullable.add(column)
    return Shape(name=name, types=types, nullable=frozenset(nullable))


def _with_comments(shapes: dict[str, Shape], root: Path) -> dict[str, Shape]:
    """Comments in the order of the migrations: the last word counts."""
    for path in sorted((root / "sql" / "migrations").glob("*.sql")):
        for kind, target, quoted in _COMMENT.findall(path.read_text(encoding="utf-8")):
            words = quoted.replace("''", "'")
            table, column = tuple(target.rsplit(".", 1)) if kind == "COLUMN" else (target, "")
            if table not in shapes:
                continue
            if column:
                shapes[table].comments[column] = words
            else:
                shapes[table] = replace(shapes[table], comment=words)
    return shapes
