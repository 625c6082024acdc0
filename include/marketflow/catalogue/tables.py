"""Every table of the warehouse with its meaning: transforms, contracts, comments and what code says put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from marketflow.catalogue.schema import Shape, read_schema
from marketflow.sources import CONTRACTS, Contract
from marketflow.warehouse import Transform, load_transforms

# In the order of the flow.
SCHEMAS = {
    "raw": "Records as delivered, typed, personal fields encrypted",
    "core": "What the shop knows: customers, products, orders, events, the newest version of each",
    "privacy": "Consent, suppression, and who read what",
    "features": "Values that models are made from",
    "models": "What models found, by run",
    "marts": "What people, BI tools and campaigns read; nothing personal",
    "activation": "Campaigns' plans and the ledger of messages",
    "ops": "What the machinery knows about itself",
    "public": "The list of migrations",
}
_PLACE = {
    "load_id": "The load that brought the row",
    "file_id": "The file or window that it stood in",
    "record_no": "Its number there; the first data row is 1",
}
_NOTES = Path(__file__).parent / "notes.yaml"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its type in PostgreSQL and its meaning."""

    name: str
    kind: str
    nullable: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table or view for people. `checks`: name and grade (stop, warn) of what is looked at in each build."""

    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: list[Column]
    upstream: list[str]
    downstream: list[str] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)
    freshness: str | None = None
    origin: str = ""
    is_view: bool = False

    @property
    def schema(self) -> str:
        """The stage of the flow."""
        return self.name.split(".")[0]

    @property
    def short(self) -> str:
        """Its name within the stage."""
        return self.name.split(".")[1]


def all_tables(root: Path) -> list[Table]:
    """Tables and views of sql/schema.sql, stage by stage; what nobody describes has its columns' names and types."""
    shapes = read_schema(root)
    transforms = load_transforms(root / "sql" / "transforms")
    contracts = {name: c for c in CONTRACTS.values() for name in (c.table, c.stored_in)}
    notes: dict[str, Any] = yaml.safe_load(_NOTES.read_text(encoding="utf-8"))
    found = {}
    for name in sorted(shapes, key=_order):
        if name in transforms:
            found[name] = _of_transform(shapes[name], transforms[name])
        elif name in contracts:
            found[name] = _of_contract(shapes[name], contracts[name], notes.get(name, {}))
        else:
            found[name] = _of_notes(shapes[name], notes.get(name, {}))
    for table in found.values():
        for upstream in table.upstream:
            if upstream in found:
                found[upstream].downstream.append(table.name)
    return list(found.values())


def _order(name: str) -> tuple[int, str]:
    schemas = list(SCHEMAS)
    schema = name.split(".", maxsplit=1)[0]
    return (schemas.index(schema) if schema in schemas else len(schemas), name)


def _of_transform(shape: Shape, transform: Transform) -> Table:
    doc = transform.doc
    return Table(
        name=shape.name, description=doc.description, grain=doc.grain, key=shape.key or tuple(doc.key),
        columns=_columns(shape, doc.columns), upstream=[*doc.upstream, *doc.enriched_by], freshness=doc.freshness,
        checks={name.replace("_", " "): grade for name, (grade, _) in transform.checks.items()},
        expected=_expected(transform), origin=f"sql/transforms/{shape.name.replace('.', '/')}", is_view=shape.is_view,
    )  # fmt: skip


def _expected(transform: Transform) -> list[str]:
    """What Great Expectations looks at after each build, in words."""
    doc = transform.doc
    found = [f"{', '.join(doc.key)} name one row each"] if doc.key else []
    if always := [c for c in doc.not_null if c not in doc.key]:
        found.append(f"{', '.join(always)} always {'have' if len(always) > 1 else 'has'} a value")
    found += [f"{column} is one of {', '.join(values)}" for column, values in doc.values.items()]
    for column, (low, high) in doc.ranges.items():
        bounds = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
        found.append(f"{column} is {' and '.join(filter(None, bounds))}")
    return found


def _of_contract(shape: Shape, contract: Contract, notes: dict[str, Any]) -> Table:
    words = dict(_PLACE)
    for column in contract.columns:
        words[column.target] = column.description + (" (encrypted)" if column.personal else "")
        if column.hash_target:
            words[column.hash_target] = f"Keyed hash of {column.name}, by which it is found again"
        if column.refusal_target:
            words[column.refusal_target] = (
                f"Why the delivered {column.name} cannot be used; the rest of the row is good"
            )
    return Table(
        name=shape.name, description=notes.get("description") or f"{contract.description}.", key=(),
        grain=notes.get("grain")
        or f"one row per good row of a source that brings {contract.record}, as often as it was delivered",
        columns=_columns(shape, words | notes.get("columns", {})), upstream=list(notes.get("upstream", [])),
        checks={rule.reason: "quarantine" for rule in contract.rules},
        origin=f"the contract `{contract.record}`, version {contract.version}", is_view=shape.is_view,
    )  # fmt: skip


def _of_notes(shape: Shape, notes: dict[str, Any]) -> Table:
    return Table(
        name=shape.name, description=notes.get("description") or shape.comment, grain=notes.get("grain", ""),
        key=shape.key, columns=_columns(shape, notes.get("columns", {})), upstream=list(notes.get("upstream", [])),
        origin="sql/migrations", is_view=shape.is_view,
    )  # fmt: skip


def _columns(shape: Shape, words: dict[str, str]) -> list[Column]:
    return [
        Column(
            name=name, kind=kind, nullable=name in shape.nullable, words=words.get(name) or shape.comments.get(name, "")
        )
        for name, kind in shape.types.items()
    ]
