"""Where the boxes of a flow chart stand: layers from the entry down, ways through the gaps between the boxes.

Sugiyama's method in small (Sugiyama, Tagawa and Toda, 1981): longest path for the layers, a place of its own in each
layer for a way that skips it, and a few sweeps by the mean of the neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 8
_BOX, _WAY = 1.0, 0.55  # widths, in columns


@dataclass(frozen=True, kw_only=True)
class Layout:
    """`places`: name → (column, layer), the column's middle as a number. `ways`: (from, to) → places on the way."""

    places: Mapping[str, tuple[float, int]]
    ways: Mapping[tuple[str, str], list[tuple[float, int]]]
    columns: float
    layers: int


def lay_out(names: Sequence[str], ways: Sequence[tuple[str, str]]) -> Layout:
    """Places for `names` (the first is the entry) and the ways between them; ways back are not counted for layers."""
    back = _back(names, ways)
    layer = _layers(names, [w for w in ways if w not in back])
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in names:
        rows[layer[name]].append(name)
    chains: dict[tuple[str, str], list[str]] = {}
    neighbours: dict[str, list[str]] = {n: [] for n in names}
    for way in dict.fromkeys(ways):
        first, last = way
        between = [f"{first}>{last}>{i}" for i in range(layer[first] + 1, layer[last])] if way not in back else []
        chains[way] = between
        for i, place in enumerate(between, start=layer[first] + 1):
            rows[i].append(place)
        path = [first, *between, last] if way not in back else []
        for one, two in pairwise(path):
            neighbours.setdefault(one, []).append(two)
            neighbours.setdefault(two, []).append(one)
    columns = _columns(rows, neighbours)
    places = {name: (columns[name], layer[name]) for name in names}
    depth = {place: i for i, row in enumerate(rows) for place in row}
    return Layout(
        places=places,
        ways={way: [(columns[p], depth[p]) for p in between] for way, between in chains.items()},
        columns=max(columns.values()) + 0.5,
        layers=len(rows),
    )


def _back(names: Sequence[str], ways: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Ways that lead back to a step from which one came: found by going into the depth."""
    targets: dict[str, list[str]] = {n: [] for n in names}
    for one, two in ways:
        targets[one].append(two)
    found: set[tuple[str, str]] = set()
    state: dict[str, int] = {}

    def visit(name: str) -> None:
        state[name] = 1
        for to in targets[name]:
            if state.get(to) == 1:
                found.add((name, to))
            elif to not in state:
                visit(to)
        state[name] = 2

    for name in names:
        if name not in state:
            visit(name)
    return found


def _layers(names: Sequence[str], ways: Sequence[tuple[str, str]]) -> dict[str, int]:
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for one, two in ways:
            layer[two] = max(layer[two], layer[one] + 1)
    return layer


def _columns(rows: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> dict[str, float]:
    column: dict[str, float] = {}
    for row in rows:
        column.update(_spread(row, dict.fromkeys(row, 0.0)))
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {}
            for name in row:
                near = [column[n] for n in neighbours.get(name, ())]
                wanted[name] = sum(near) / len(near) if near else column[name]
            column.update(_spread(sorted(row, key=wanted.__getitem__), wanted))
    left = min(column[n] - _width(n) / 2 for row in rows for n in row)
    return {name: value - left for name, value in column.items()}


def _spread(row: Sequence[str], wanted: Mapping[str, float]) -> dict[str, float]:
    """As near to where each wants to be as there is room, in this order; the row's mean stays where it was."""
    found: dict[str, float] = {}
    edge = float("-inf")
    for name in row:
        found[name] = max(wanted[name], edge + _width(name) / 2)
        edge = found[name] + _width(name) / 2
    shift = sum(wanted[n] - found[n] for n in row) / len(row) if row else 0.0
    return {name: value + shift for name, value in found.items()}


def _width(name: str) -> float:
    return _WAY if ">" in name else _BOX
