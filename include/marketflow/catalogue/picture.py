"""The lineage as a picture: tables in columns by stage, an arrow from each table to those that are made of it.

Layered drawing in the manner of Sugiyama, Tagawa and Toda (1981): stages give the layers, barycentres the order within
them. Everything is computed here, so that the page needs no library.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from marketflow.catalogue.tables import Table

_WIDTH, _HEIGHT, _GAP, _LANE = 172, 27, 15, 34  # of a box, between boxes, between columns (pixels)
_TOP, _MARGIN = 42, 10
_ROUNDS = 24
# Stages from left to right; two that stand together share their columns, one above the other.
_FLOW = (("raw",), ("core",), ("features models", "privacy"), ("marts",), ("activation",), ("marts again",))


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
class Stage:
    """The ground on which the tables of a schema stand."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All that the page draws."""

    width: float
    height: float
    stages: list[Stage]
    boxes: list[Box]
    arrows: list[Arrow]


@dataclass(kw_only=True)
class _Column:
    """Tables under each other: the schema, the place from left, and where its band begins and ends (0 to 1)."""

    schema: str
    place: int
    top: float
    bottom: float
    names: list[str] = field(default_factory=list)


def picture(tables: Sequence[Table]) -> Picture:
    """The lineage of those tables that are made of others, or that others are made of; no view that ends there."""
    flow = {stage.split(" ")[0] for bands in _FLOW for band in bands for stage in (band, band.split(" ")[-1])}
    known = {t.name: t for t in tables if t.schema in flow}
    edges = [(u, t.name) for t in known.values() if t.downstream or not t.is_view for u in t.upstream if u in known]
    columns = _columns(_grouped(known, edges), edges)
    _order(columns, edges)
    tallest = max(len(c.names) / (c.bottom - c.top) for c in columns)
    height = _TOP + tallest * (_HEIGHT + _GAP) + _MARGIN
    boxes = {box.table.name: box for c in columns for box in _boxes(c, known, height)}
    return Picture(
        width=2 * _MARGIN + (max(c.place for c in columns) + 1) * (_WIDTH + _LANE) - _LANE,
        height=round(height),
        stages=_stages(columns, height),
        boxes=list(boxes.values()),
        arrows=[Arrow(source=u, target=t, path=_curve(boxes[u], boxes[t])) for u, t in edges],
    )


def _grouped(known: Mapping[str, Table], edges: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Names by stage. A mart that tells of what was sent stands behind the sending."""
    drawn = dict.fromkeys(name for edge in edges for name in edge)
    found: dict[str, list[str]] = {}
    for name in (n for n in known if n in drawn):
        late = known[name].schema == "marts" and any(u.startswith("activation.") for u in known[name].upstream)
        found.setdefault("marts again" if late else known[name].schema, []).append(name)
    return found


def _columns(groups: Mapping[str, list[str]], edges: Sequence[tuple[str, str]]) -> list[_Column]:
    found: list[_Column] = []
    place = 0
    for together in _FLOW:
        bands = [
            [(stage, layer) for stage, names in _turns(groups, band, edges) for layer in _layers(names, edges)]
            for band in together
        ]
        rows = [max((len(names) for _, names in band), default=0) + 1 for band in bands]
        top = 0.0
        for band, share in zip(bands, rows, strict=True):
            bottom = top + share / sum(rows)
            for step, (schema, names) in enumerate(band):
                found.append(_Column(schema=schema, place=place + step, top=top, bottom=bottom, names=list(names)))
            top = bottom
        place += max(map(len, bands), default=0)
    return found


def _turns(
    groups: Mapping[str, list[str]], band: str, edges: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, list[str]]]:
    """(schema, names) from left to right. Schemas of one band take turns: a feature may be made of a model's rows."""
    if band == "marts again":
        yield from [("marts", groups[band])] if band in groups else []
        return
    left = {stage: list(groups.get(stage, [])) for stage in band.split(" ")}
    while any(left.values()):
        before = sum(map(len, left.values()))
        for stage, names in left.items():
            elsewhere = {n for other, rest in left.items() if other != stage for n in rest}
            ready = [n for n in names if n not in _made_of(elsewhere, edges)]
            if ready:
                yield stage, ready
                left[stage] = [n for n in names if n not in ready]
        if sum(map(len, left.values())) == before:
            raise ValueError(f"tables are made of each other in a circle: {sorted(itertools.chain(*left.values()))}")


def _made_of(sources: set[str], edges: Sequence[tuple[str, str]]) -> set[str]:
    """All that lies downstream of the sources, at any distance; themselves only if in a circle."""
    found: set[str] = set()
    reached = sources
    while reached:
        reached = {t for u, t in edges if u in reached} - found
        found |= reached
    return found


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Names per column; tables of one schema that are made of each other take several."""
    depth: dict[str, int] = {}
    for _ in names:  # as often as the longest chain may be
        for name in names:
            inner = [u for u, t in edges if t == name and u in names]
            depth[name] = 1 + max((depth.get(u, 0) for u in inner), default=-1)
    layers: dict[int, list[str]] = {}
    for name in names:
        layers.setdefault(depth[name], []).append(name)
    return [layers[d] for d in sorted(layers)]


def _order(columns: list[_Column], edges: Sequence[tuple[str, str]]) -> None:
    """Each box near the middle of those that it is joined to, so that few arrows cross."""
    neighbours: dict[str, list[str]] = {}
    for u, t in edges:
        neighbours.setdefault(u, []).append(t)
        neighbours.setdefault(t, []).append(u)
    place: dict[str, float] = {}

    def settle(column: _Column) -> None:
        share = (column.bottom - column.top) / max(len(column.names), 1)
        place.update({name: column.top + (i + 0.5) * share for i, name in enumerate(column.names)})

    def middle(name: str) -> tuple[float, str]:
        near = neighbours[name]
        return sum(place[n] for n in near) / len(near), name

    for column in columns:
        settle(column)
    for turn in range(_ROUNDS):
        for column in columns if turn % 2 else columns[::-1]:
            column.names.sort(key=middle)
            settle(column)


def _boxes(column: _Column, known: Mapping[str, Table], height: float) -> list[Box]:
    top, room = _band(column, height)
    count = len(column.names)
    gap = min((room - count * _HEIGHT) / count, 3 * _GAP)
    y = top + (room - count * (_HEIGHT + gap) + gap) / 2
    x = _MARGIN + column.place * (_WIDTH + _LANE)
    return [Box(table=known[name], x=x, y=round(y + i * (_HEIGHT + gap), 1)) for i, name in enumerate(column.names)]


def _band(column: _Column, height: float) -> tuple[float, float]:
    """Where the boxes of a column may stand: the upper end, and how much room there is."""
    free = height - _MARGIN
    top, bottom = column.top * free + _TOP, column.bottom * free
    return top, bottom - top


def _stages(columns: Sequence[_Column], height: float) -> list[Stage]:
    bands: dict[tuple[str, float, int], list[_Column]] = {}
    for i, c in enumerate(columns):
        follows = i > 0 and columns[i - 1].schema == c.schema and columns[i - 1].place == c.place - 1
        key = next((k for k in bands if follows and columns[i - 1] in bands[k]), (c.schema, c.top, c.place))
        bands.setdefault(key, []).append(c)
    found = []
    for (schema, _, _), members in bands.items():
        left, right = min(c.place for c in members), max(c.place for c in members) + 1
        top, room = _band(members[0], height)
        found.append(
            Stage(
                name=schema, x=_MARGIN + left * (_WIDTH + _LANE) - 6, y=round(top - _TOP + 8, 1),
                width=(right - left) * (_WIDTH + _LANE) - _LANE + 12, height=round(room + _TOP - 10, 1),
            )
        )  # fmt: skip
    return found


def _curve(source: Box, target: Box) -> str:
    x1, y1 = source.x + _WIDTH, source.y + _HEIGHT / 2
    x2, y2 = target.x, target.y + _HEIGHT / 2
    bend = max((x2 - x1) / 2, _LANE / 2)
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
