"""docs/catalogue.html: one file without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marketflow.catalogue.picture import picture
from marketflow.catalogue.tables import SCHEMAS, Table

_TEMPLATE = Path(__file__).parent / "catalogue.html"


def catalogue_page(tables: Sequence[Table]) -> str:
    """The page; the same tables give the same text."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    stages = [(name, words, [t for t in tables if t.schema == name]) for name, words in SCHEMAS.items()]
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        stages=[stage for stage in stages if stage[2]],
        names={t.name for t in tables},
        count=len(tables),
        columns=sum(len(t.columns) for t in tables),
        lineage=picture(tables),
    )
