"""Alluvial diagrams: who went from which group to which, from one day to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.pictures.render import Caption, Picture, no_data, render
from marketflow.pictures.style import BODY, GREY, HEAD, INK, NO_GROUP, PAPER, SMALL, WIDTH, Look, bare, look, place
from marketflow.pictures.words import number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 4.9
_LEFT, _RIGHT = 1.75, 1.75  # inches for the names
_NODE = 0.2  # inches wide
_GAP = 0.11  # inches between groups
_LINE = 0.19  # inches that a name needs
_READABLE = 0.17  # a group must be so high for its number to stand in the middle

Spans = dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Period:
    """From one day to the next: how many went from a group to a group, by (from, to)."""

    label_from: str
    label_to: str
    moves: Mapping[tuple[str, str], int]


def flow(caption: Caption, periods: Sequence[Period], groups: Sequence[str], names: Mapping[str, str]) -> Picture:
    """One column for each day, and between them bands as broad as customers are many, coloured by where they began.

    groups: from above, all that the moves name. names: how a group is written. The last group is drawn grey. Without a
    period it is the picture of nothing.
    """
    if not periods:
        return no_data(caption, "There are no two days yet that can be compared.")
    looks = {group: look(n) for n, group in enumerate(groups[:-1])} | {groups[-1]: NO_GROUP}

    def draw(fig: Figure) -> None:
        axes = place(fig, 0, HEAD + 0.3, WIDTH, _HEIGHT)
        bare(axes)
        axes.set(xlim=(0, WIDTH), ylim=(_HEIGHT, 0))
        columns = _columns(periods, groups)
        across = (WIDTH - _LEFT - _RIGHT - _NODE) / max(len(columns) - 1, 1)
        lefts = [_LEFT + n * across for n in range(len(columns))]
        spans = _spans(columns)
        for n, period in enumerate(periods):
            ends = (lefts[n] + _NODE, lefts[n + 1])
            _bands(axes, period, (spans[n], spans[n + 1]), ends, looks)
        for n, (column, left) in enumerate(zip(columns, lefts, strict=True)):
            day = periods[0].label_from if n == 0 else periods[n - 1].label_to
            axes.text(left + _NODE / 2, -0.12, day, ha="center", va="bottom", fontsize=BODY, fontweight="bold")
            side = -1 if n == 0 else 1 if n == len(columns) - 1 else 0
            _nodes(axes, column, spans[n], left, looks)
            sizes = {group: (size, *spans[n][group]) for group, size in column.items()}
            if side:
                _names(axes, {names[group]: size for group, size in sizes.items()}, left, side)
            else:
                _numbers(axes, list(sizes.values()), left)

    return render(caption, _HEIGHT + 0.4, draw)


def _columns(periods: Sequence[Period], groups: Sequence[str]) -> list[dict[str, int]]:
    """How many were in each group on each day; where it gained or lost some from nowhere, the larger number."""
    found = []
    for n in range(len(periods) + 1):
        into = periods[n - 1].moves if n else {}
        out = periods[n].moves if n < len(periods) else {}
        sizes = {}
        for group in groups:
            came = sum(customers for (_, to), customers in into.items() if to == group)
            went = sum(customers for (origin, _), customers in out.items() if origin == group)
            sizes[group] = max(came, went)
        found.append({group: size for group, size in sizes.items() if size})
    return found


def _spans(columns: list[dict[str, int]]) -> list[Spans]:
    """Top and height of each group, in inches, with the same inches for a customer on all days."""
    gap = min(_GAP, 0.3 * _HEIGHT / max(len(c) for c in columns)) if any(columns) else _GAP
    scale = min((_HEIGHT - gap * max(len(c) - 1, 0)) / max(sum(c.values()), 1) for c in columns)
    found = []
    for column in columns:
        top, spans = 0.0, Spans()
        for group, size in column.items():
            spans[group] = (top, size * scale)
            top += size * scale + gap
        found.append(spans)
    return found


def _bands(
    axes: Axes,
    period: Period,
    sides: tuple[Spans, Spans],
    ends: tuple[float, float],
    looks: Mapping[str, Look],
) -> None:
    """The bands of a period: on both sides in the order of the groups, so that few cross."""
    left, right = sides
    scale = _scale(period, left)
    tops_left = {group: top for group, (top, _) in left.items()}
    tops_right = {group: top for group, (top, _) in right.items()}
    for origin in looks:
        for to in looks:
            thick = period.moves.get((origin, to), 0) * scale
            if thick:
                _band(axes, ends, (tops_left[origin], tops_right[to]), thick, looks[origin], stays=origin == to)
                tops_left[origin] += thick
                tops_right[to] += thick


def _scale(period: Period, left: Spans) -> float:
    """Inches for a customer: by the group that most left, which is as large as what left it or larger."""
    went: dict[str, int] = {}
    for (origin, _), customers in period.moves.items():
        went[origin] = went.get(origin, 0) + customers
    return min((left[group][1] / customers for group, customers in went.items()), default=0.0)


def _band(
    axes: Axes, ends: tuple[float, float], tops: tuple[float, float], thick: float, look: Look, *, stays: bool
) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, x1), (y0, y1) = ends, tops
    middle = (x0 + x1) / 2
    corners = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1), (x1, y1 + thick), (middle, y1 + thick), (middle, y0 + thick),
        (x0, y0 + thick), (x0, y0),
    ]  # fmt: skip
    steps = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    alpha = 0.28 if stays else 0.55
    axes.add_patch(PathPatch(Path(corners, steps), facecolor=look.colour, alpha=alpha, linewidth=0))


def _nodes(axes: Axes, column: Mapping[str, int], spans: Spans, left: float, looks: Mapping[str, Look]) -> None:
    from matplotlib.patches import Rectangle

    for group in column:
        top, high = spans[group]
        found = looks[group]
        box = Rectangle((left, top), _NODE, max(high, 0.01), facecolor=found.colour, edgecolor=PAPER, hatch=found.hatch)
        axes.add_patch(box)


def _numbers(axes: Axes, sizes: Sequence[tuple[int, float, float]], left: float) -> None:
    """How many (customers, top, height), where there is room."""
    for size, top, high in sizes:
        if high >= _READABLE:
            axes.text(left + _NODE + 0.06, top + high / 2, number(size), va="center", fontsize=SMALL)


def _names(axes: Axes, sizes: Mapping[str, tuple[int, float, float]], left: float, side: int) -> None:
    """Names and numbers before the first day (`side` -1) or behind the last (1), with a line to what is too thin."""
    middles = {name: top + high / 2 for name, (_, top, high) in sizes.items()}
    near = left if side < 0 else left + _NODE
    edge, align = near + side * 0.1, "right" if side < 0 else "left"
    for name, y in _apart(middles).items():
        words = f"{shortened(name, 17)}  {number(sizes[name][0])}"
        axes.text(edge, y, words, ha=align, va="center", fontsize=BODY, color=INK)
        axes.plot([near, edge - side * 0.02], [middles[name], y], color=GREY, linewidth=0.6)


def _apart(middles: Mapping[str, float]) -> dict[str, float]:
    """Places for the names, near the middles, in their order, a line apart and not below the drawing."""
    found: dict[str, float] = {}
    lowest = float("-inf")
    for group, middle in middles.items():
        lowest = max(middle, lowest + _LINE)
        found[group] = lowest
    limit = max(_HEIGHT, _LINE * len(found))
    for group in reversed(found):
        found[group] = min(found[group], limit)
        limit = found[group] - _LINE
    return found
