"""Heat maps: one or two grids of cells with their numbers written in them, and bars below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.pictures.render import Caption, Picture, render
from marketflow.pictures.style import (
    BLUE,
    BODY,
    FAINT,
    GREY,
    HEAD,
    MARGIN,
    PAPER,
    SMALL,
    WIDTH,
    bare,
    fit,
    place,
    shade,
)
from marketflow.pictures.words import NOTHING, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS, _DOWN = 3.55, 3.3
_BAR = 0.27
_NAMES = 1.95
_LONGEST = 2.9  # inches; what is left is for the words behind the bar


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A grid of cells: by (column, row), from 0, left to right and upwards, (value for the shade, number, small words).

    Cells that are not named are empty.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[str]
    column_title: str
    row_title: str
    cells: Mapping[tuple[int, int], tuple[float, str, str]]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar with its name before it and words behind it; the longest is as long as there is room."""

    name: str
    value: float
    words: str


def heat_map(caption: Caption, grids: tuple[Grid, Grid], bars: Sequence[Bar], bars_title: str) -> Picture:
    """Two grids of the same columns and rows beside each other, and a bar for each group below."""
    below = 0.55 + _BAR * len(bars) if bars else 0.0

    def draw(fig: Figure) -> None:
        for number, grid in enumerate(grids):
            axes = place(fig, MARGIN + 0.95 + number * 4.6, HEAD + 0.35, _ACROSS, _DOWN)
            _grid(axes, grid, named=number == 0)
        if bars:
            _bars(place(fig, MARGIN, HEAD + _DOWN + 1.55, WIDTH - 2 * MARGIN, _BAR * len(bars)), bars, bars_title)

    return render(caption, _DOWN + 1.1 + below + 0.15, draw)


def _grid(axes: Axes, grid: Grid, *, named: bool) -> None:
    from matplotlib.patches import Rectangle

    values = [value for value, _, _ in grid.cells.values()]
    low, high = min(values, default=0.0), max(values, default=0.0)
    for column in range(len(grid.columns)):
        for row in range(len(grid.rows)):
            found = grid.cells.get((column, row))
            if found is None:
                axes.add_patch(Rectangle((column, row), 1, 1, facecolor=PAPER, edgecolor=FAINT, hatch="///"))
                axes.text(column + 0.5, row + 0.5, NOTHING, ha="center", va="center", color=GREY, fontsize=BODY)
                continue
            value, text, words = found
            colour, ink = shade((value - low) / (high - low) if high > low else 0.5)
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=PAPER, linewidth=1.5))
            middle = row + (0.6 if words else 0.5)
            axes.text(column + 0.5, middle, text, ha="center", va="center", color=ink, fontsize=11, fontweight="bold")
            axes.text(column + 0.5, row + 0.27, shortened(words, 13), ha="center", va="center", color=ink, fontsize=7.5)
    _label(axes, grid, named=named)


def _label(axes: Axes, grid: Grid, *, named: bool) -> None:
    axes.set(xlim=(0, len(grid.columns)), ylim=(0, len(grid.rows)), title=grid.title)
    axes.set_xticks([n + 0.5 for n in range(len(grid.columns))], list(grid.columns), fontsize=SMALL)
    rows = list(grid.rows) if named else [text.split("\n")[0] for text in grid.rows]
    axes.set_yticks([n + 0.5 for n in range(len(grid.rows))], rows, fontsize=SMALL)
    axes.tick_params(length=0)
    axes.set_xlabel(grid.column_title, labelpad=6)
    axes.set_ylabel(grid.row_title if named else grid.row_title.split(";")[0], labelpad=6)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _bars(axes: Axes, bars: Sequence[Bar], title: str) -> None:
    bare(axes)
    most = max((bar.value for bar in bars), default=0.0) or 1.0
    wide = WIDTH - 2 * MARGIN
    axes.set(xlim=(0, wide), ylim=(len(bars), 0))
    axes.text(0, -0.45, title, fontsize=11, fontweight="bold", va="bottom")
    for number, bar in enumerate(bars):
        length = _LONGEST * max(bar.value, 0.0) / most
        axes.barh(number + 0.5, length, left=_NAMES, height=0.66, color=BLUE)
        axes.text(_NAMES - 0.1, number + 0.5, shortened(bar.name, 22), ha="right", va="center", fontsize=BODY)
        words = axes.text(_NAMES + length + 0.1, number + 0.5, bar.words, va="center", fontsize=BODY)
        fit(words, wide - _NAMES - length - 0.1)
