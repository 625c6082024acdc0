"""The lineage as a picture: tables in columns by stage, an arrow from each table to those that are made of it.

Layered drawing in the manner of Sugiyama, Tagawa and Toda (1981): stages give the layers, barycentres the order within
them. Everything is computed here, so that the page needs no library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from marketflow.catalogue.tables import SCHEMAS, Table

_WIDTH, _HEIGHT, _GAP, _LANE = 158, 24, 8, 66  # of a box, between boxes, between columns (pixels)
_TOP, _MARGIN = 46, 10
_ROUNDS = 24


@dataclass(frozen=True, kw_only=True)
class Box:
    """A table in the picture; x and y are its upper left corner."""

    table: Table
    x: float
    y: float

    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """From a table to one that is made of it."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All that the page draws. `stages`: name, left and right end."""

    width: float
    height: float
    stages: list[tuple[str, float, float]]
    boxes: list[Box]
    arrows: list[Arrow]


def picture(tables: Sequence[Table]) -> Picture:
    """The lineage of those tables that are made of others, or that others are made of."""
    known = {t.name: t for t in tables}
    edges = [(u, t.name) for t in tables for u in t.upstream if u in known]
    drawn = {name for edge in edges for name in edge}
    layers = _ordered(_layers([t for t in tables if t.name in drawn], edges), edges)
    height = _TOP + max(len(layer) for layer in layers) * (_HEIGHT + _GAP) + _MARGIN
    boxes = {}
    for column, layer in enumerate(layers):
        free = height - _TOP - _MARGIN - len(layer) * _HEIGHT
        gap = min(free / max(len(layer), 1), 3 * _GAP)
        y = _TOP + (height - _TOP - _MARGIN - len(layer) * (_HEIGHT + gap) + gap) / 2
        for name in layer:
            boxes[name] = Box(table=known[name], x=_MARGIN + column * (_WIDTH + _LANE), y=round(y, 1))
            y += _HEIGHT + gap
    arrows = [Arrow(source=u, target=t, path=_curve(boxes[u], boxes[t])) for u, t in edges]
    width = 2 * _MARGIN + len(layers) * (_WIDTH + _LANE) - _LANE
    return Picture(width=width, height=height, stages=_stages(boxes), boxes=list(boxes.values()), arrows=arrows)


def _layers(tables: Sequence[Table], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Stage by stage; a stage whose tables are made of each other takes several columns."""
    layers: list[list[str]] = []
    for schema in SCHEMAS:
        names = [t.name for t in tables if t.schema == schema]
        inner = {n: [u for u, t in edges if t == n and u in names] for n in names}

        @cache
        def depth(name: str, inner: dict[str, list[str]] = inner) -> int:  # type: ignore[assignment]
            return 1 + max((depth(u) for u in inner[name]), default=-1)

        columns: dict[int, list[str]] = {}
        for name in names:
            columns.setdefault(depth(name), []).append(name)
        layers += [columns[d] for d in sorted(columns)]
    return layers


def _ordered(layers: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each box near the middle of those that it is joined to, so that few arrows cross."""
    neighbours: dict[str, list[str]] = {}
    for u, t in edges:
        neighbours.setdefault(u, []).append(t)
        neighbours.setdefault(t, []).append(u)
    place = {name: (i + 0.5) / len(layer) for layer in layers for i, name in enumerate(layer)}
    for turn in range(_ROUNDS):
        for layer in layers if turn % 2 else reversed(layers):
            layer.sort(key=lambda n: (sum(place[m] for m in neighbours[n]) / len(neighbours[n]), n))
            place.update({name: (i + 0.5) / len(layer) for i, name in enumerate(layer)})
    return layers


def _curve(source: Box, target: Box) -> str:
    x1, y1 = source.x + _WIDTH, source.y + _HEIGHT / 2
    x2, y2 = target.x, target.y + _HEIGHT / 2
    bend = max((x2 - x1) / 2, _LANE / 2)
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"


def _stages(boxes: dict[str, Box]) -> list[tuple[str, float, float]]:
    found = []
    for schema in SCHEMAS:
        lefts = [b.x for b in boxes.values() if b.table.schema == schema]
        if lefts:
            found.append((schema, min(lefts), max(lefts) + _WIDTH))
    return found
