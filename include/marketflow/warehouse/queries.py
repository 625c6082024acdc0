"""Named statements: `sql/queries/<room>.sql`, blocks that begin with `-- name: <name>`, bound parameters only."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from marketflow.shared import ConfigurationError, settings

_NAME = re.compile(r"^-- (?:name|step): *(\w+) *$", re.MULTILINE)


class Queries:
    """The statements of one file by name; `q["claim_due"]` is text for `cursor.execute`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.statements = parse_blocks(path.read_text(encoding="utf-8"))

    def __getitem__(self, name: str) -> str:
        """The statement; raises ConfigurationError when the file has none of that name."""
        try:
            return self.statements[name]
        except KeyError:
            known = ", ".join(self.statements)
            raise ConfigurationError(f"{self.path} has no statement {name!r}; it has: {known}") from None


def parse_blocks(text: str) -> dict[str, str]:
    """Split `-- name: x` (or `-- step: x`) blocks; raises ValueError for a name that stands twice."""
    parts = _NAME.split(text)
    names, bodies = parts[1::2], [body.strip().rstrip(";") for body in parts[2::2]]
    if len(set(names)) != len(names):
        raise ValueError("a statement's name stands twice")
    return dict(zip(names, bodies, strict=True))


@cache
def queries(room: str) -> Queries:
    """The statements of a room, parsed once per process."""
    return Queries(settings().root / "sql" / "queries" / f"{room}.sql")
