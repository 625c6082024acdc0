"""Cluster maps: where customers lie, what the clusters are called, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.pictures.render import Caption, Picture, render
from marketflow.pictures.style import (
    BODY,
    FAINT,
    GREY,
    HEAD,
    INK,
    MARGIN,
    PAPER,
    SMALL,
    WIDTH,
    Look,
    bare,
    diverging,
    look,
    place,
)
from marketflow.pictures.words import number, percent, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAP = 4.3
_ROW = 0.29
_NAMES = 2.9
_STRONG = 2.0  # standard deviations from which on a cell is as dark as it gets
_NARROW = 0.5  # inches: columns of the table that have no room for the markers
_TWO_LINES = 9  # clusters whose size has a line of its own


@dataclass(frozen=True, kw_only=True)
class ClusterCard:
    """A cluster: its points on the map (x and y), its size, and its share of the money.

    differences: how far it lies from all customers in each feature, in standard deviations.
    """

    cluster_id: int
    name: str
    customers: int
    share: float
    revenue_share: float
    points: Sequence[tuple[float, float]]
    differences: dict[str, float]


def cluster_map(caption: Caption, cards: Sequence[ClusterCard], features: Sequence[str]) -> Picture:
    """The map on the left, the clusters' names and sizes beside it, and below a table of the `features` by cluster."""
    below = 0.85 + _ROW * len(features) if features else 0.0

    def draw(fig: Figure) -> None:
        _map(place(fig, MARGIN + 0.25, HEAD + 0.1, 4.7, _MAP - 0.4), cards)
        _cards(place(fig, 5.6, HEAD + 0.1, WIDTH - 5.6 - MARGIN, _MAP - 0.4), cards)
        if features:
            across = WIDTH - 2 * MARGIN
            _table(place(fig, MARGIN, HEAD + _MAP + 0.75, across, _ROW * len(features)), cards, features)

    return render(caption, _MAP + below + 0.1, draw)


def _map(axes: Axes, cards: Sequence[ClusterCard]) -> None:
    for card in cards:
        if card.points:
            found = _look(card)
            x, y = zip(*card.points, strict=True)
            axes.scatter(x, y, s=16, c=found.colour, marker=found.marker, alpha=0.6, linewidths=0.25, edgecolors=INK)
    for card in cards:
        if card.points:
            across, down = (_median(values) for values in zip(*card.points, strict=True))
            box = {"boxstyle": "circle,pad=0.25", "facecolor": PAPER, "edgecolor": INK, "linewidth": 1.1}
            axes.text(
                across, down, str(card.cluster_id), ha="center", va="center", fontsize=10, fontweight="bold", bbox=box
            )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("first principal component (no unit)", fontsize=SMALL, color=GREY)
    axes.set_ylabel("second principal component (no unit)", fontsize=SMALL, color=GREY)


def _look(card: ClusterCard) -> Look:
    """A cluster keeps its number from run to run, and so its look."""
    return look(max(card.cluster_id - 1, 0))


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _cards(axes: Axes, cards: Sequence[ClusterCard]) -> None:
    bare(axes)
    high = _MAP - 0.4
    step = min(0.52 if len(cards) <= _TWO_LINES else 0.3, high / max(len(cards), 1))
    wide = WIDTH - 5.6 - MARGIN
    axes.set(xlim=(0, wide), ylim=(high, 0))
    for n, card in enumerate(cards):
        top = n * step + 0.13
        _key(axes, card, 0.1, top)
        size = f"{number(card.customers)} customers ({percent(card.share)}), {percent(card.revenue_share)} of revenue"
        if len(cards) <= _TWO_LINES:
            axes.text(0.52, top, shortened(card.name, 44), va="center", fontsize=BODY, fontweight="bold")
            axes.text(0.52, top + 0.19, size, va="center", fontsize=SMALL, color=GREY)
        else:
            words = f"{shortened(card.name, 30)}: {number(card.customers)} ({percent(card.share)})"
            axes.text(0.52, top, words, va="center", fontsize=SMALL)


def _key(axes: Axes, card: ClusterCard, left: float, middle: float) -> None:
    """The cluster's marker and its number."""
    found = _look(card)
    edge: Any = {"mew": 0.4, "mec": INK, "clip_on": False}
    axes.plot([left], [middle], marker=found.marker, color=found.colour, markersize=8, ls="none", **edge)
    axes.text(left + 0.22, middle, str(card.cluster_id), ha="center", va="center", fontsize=BODY, fontweight="bold")


def _table(axes: Axes, cards: Sequence[ClusterCard], features: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    bare(axes)
    wide = WIDTH - 2 * MARGIN
    step = min((wide - _NAMES) / max(len(cards), 1), 1.1)
    axes.set(xlim=(0, wide), ylim=(_ROW * len(features), 0))
    axes.text(0, -0.36, "What makes them different", fontsize=11, fontweight="bold", va="bottom")
    for n, card in enumerate(cards):
        if step < _NARROW:
            across = _NAMES + (n + 0.5) * step
            axes.text(across, -0.17, str(card.cluster_id), ha="center", va="center", fontsize=7, fontweight="bold")
        else:
            _key(axes, card, _NAMES + (n + 0.5) * step - 0.14, -0.17)
    for row, feature in enumerate(features):
        middle = (row + 0.5) * _ROW
        axes.text(0, middle, shortened(feature, 38), va="center", fontsize=BODY)
        for n, card in enumerate(cards):
            value = card.differences.get(feature)
            colour, ink = diverging(value, _STRONG) if value is not None else (PAPER, GREY)
            box = Rectangle((_NAMES + n * step, row * _ROW), step, _ROW, facecolor=colour, edgecolor=FAINT)
            axes.add_patch(box)
            across, size = _NAMES + (n + 0.5) * step, 6 if step < _NARROW else 9
            axes.text(across, middle, _signed(value), ha="center", va="center", color=ink, fontsize=size)


def _signed(value: float | None) -> str:
    """With its sign; nothing for what is hardly a difference, so that the eye finds the others."""
    if value is None or abs(value) < 0.15:
        return "·"
    return f"{'+' if value > 0 else '−'}{abs(value):.1f}"  # noqa: RUF001  (a minus sign, as broad as the plus)
