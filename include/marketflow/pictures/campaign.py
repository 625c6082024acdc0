"""A campaign on one page: how far its messages got, what it caused, and how models share out the orders after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.pictures.render import Caption, Picture, render
from marketflow.pictures.style import (
    BLUE,
    BODY,
    GREEN,
    GREY,
    HEAD,
    INK,
    MARGIN,
    ORANGE,
    PAPER,
    SKY,
    SMALL,
    VERMILION,
    WIDTH,
    bare,
    fit,
    place,
)
from marketflow.pictures.words import number, percent, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOP = 3.3  # inches of the two drawings side by side
_HALF = (WIDTH - 2 * MARGIN - 0.5) / 2
_LABEL = 1.15  # for the names before the bars
_ROW = 0.46
_BOX = 0.28


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step of the way from sending to buying: how many got there, and what it is a share of (None: of nothing)."""

    name: str
    count: int
    of: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lift:
    """With the campaign against without it. `title` has both figures, `verdict` what the interval means, in words."""

    title: str
    difference: float
    low: float
    high: float
    label: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class AttributedOrders:
    """What one model gives to the campaign: orders by messages that were sent, and by those that were clicked."""

    model: str
    sent: float
    clicked: float


@dataclass(frozen=True, kw_only=True)
class CampaignCard:
    """What is drawn. `nothing`: why there is no lift. `note`: small, below the stages."""

    stages: Sequence[Stage]
    note: str
    lifts: Sequence[Lift]
    nothing: str
    models: Sequence[AttributedOrders]
    is_simulated: bool


def campaign_card(caption: Caption, card: CampaignCard) -> Picture:
    """The campaign's picture, marked where its numbers have simulated ones among them."""
    below = 0.75 + _ROW * max(len(card.models), 2)

    def draw(fig: Figure) -> None:
        _stages(fig, card)
        _lifts(fig, card)
        _models(fig, card.models, HEAD + 0.2 + _TOP, below)
        if card.is_simulated:
            _mark(fig)

    return render(caption, 0.2 + _TOP + below, draw)


def _heading(fig: Figure, words: str, left: float, top: float, width: float) -> None:
    across, down = float(fig.get_figwidth()), float(fig.get_figheight())
    text = fig.text(left / across, 1 - top / down, words, fontsize=11, fontweight="bold", va="top")
    fit(text, width)


def _stages(fig: Figure, card: CampaignCard) -> None:
    top = HEAD + 0.2
    _heading(fig, "How far it got", MARGIN, top, _HALF)
    axes = place(fig, MARGIN, top + 0.3, _HALF, _TOP - 0.75)
    bare(axes)
    high = (_TOP - 0.75) / max(len(card.stages), 1)
    axes.set(xlim=(0, _HALF), ylim=(_TOP - 0.75, 0))
    room = _HALF - _LABEL - 1.35  # behind the longest bar stands its number
    most = max([stage.count for stage in card.stages], default=0)
    for n, stage in enumerate(card.stages):
        y, wide = (n + 0.5) * high, room * stage.count / most if most else 0.0
        axes.barh(y, max(wide, 0.015), left=_LABEL, height=min(_BOX, high * 0.7), color=BLUE)
        axes.text(_LABEL - 0.08, y, stage.name, ha="right", va="center", fontsize=BODY)
        share = percent(stage.count / stage.of) if stage.of else ""
        words = axes.text(_LABEL + wide + 0.08, y, number(stage.count), va="center", fontsize=BODY, fontweight="bold")
        inches = words.get_window_extent().width / fig.dpi
        axes.text(_LABEL + wide + 0.2 + inches, y, share, va="center", fontsize=BODY, color=GREY)
    text = axes.text(0, _TOP - 0.75 + 0.06, card.note, va="top", fontsize=SMALL, color=GREY)
    fit(text, _HALF)


def _lifts(fig: Figure, card: CampaignCard) -> None:
    left, top = MARGIN + _HALF + 0.5, HEAD + 0.2
    _heading(fig, "What it caused", left, top, _HALF)
    if not card.lifts:
        axes = place(fig, left, top + 0.3, _HALF, _TOP - 0.5)
        bare(axes)
        axes.set(xlim=(0, _HALF), ylim=(_TOP - 0.5, 0))
        axes.text(0, 0.1, card.nothing, va="top", fontsize=BODY, color=GREY, linespacing=1.5)
        return
    high = (_TOP - 0.45) / 2
    for n, lift in enumerate(card.lifts[:2]):
        _lift(fig, lift, left, top + 0.3 + n * high)


def _lift(fig: Figure, lift: Lift, left: float, top: float) -> None:
    """One interval beside nothing: which side of the line it is on can be seen at once."""
    across, down = float(fig.get_figwidth()), float(fig.get_figheight())
    title = fig.text(left / across, 1 - top / down, lift.title, fontsize=BODY, va="top")
    fit(title, _HALF)
    axes = place(fig, left, top + 0.42, _HALF, 0.5)
    bare(axes)
    colour = GREEN if lift.low > 0 else VERMILION if lift.high < 0 else GREY
    ends = (min(lift.low, 0.0), max(lift.high, 0.0))
    pad = 0.12 * (ends[1] - ends[0] or 1.0)
    axes.set(xlim=(ends[0] - pad, ends[1] + pad), ylim=(0, 1))
    axes.plot([0, 0], [0.05, 0.6], color=INK, linewidth=1.0)
    axes.plot([lift.low, lift.high], [0.35, 0.35], color=colour, linewidth=5, solid_capstyle="butt", alpha=0.55)
    axes.plot([lift.difference], [0.35], marker="D", color=colour, markersize=8)
    share = (lift.difference - ends[0] + pad) / (ends[1] - ends[0] + 2 * pad)
    align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
    axes.text(lift.difference, 0.62, lift.label, ha=align, va="bottom", fontsize=BODY, fontweight="bold")
    axes.text(0, -0.02, "no difference", ha=_side(ends), va="top", fontsize=SMALL, color=GREY)
    verdict = fig.text(
        left / across, 1 - (top + 1.12) / down, lift.verdict, fontsize=BODY, va="top", color=INK, fontweight="bold"
    )
    fit(verdict, _HALF)


def _side(ends: tuple[float, float]) -> str:
    """Where words at zero go, so that they stay within the drawing."""
    span = ends[1] - ends[0] or 1.0
    share = -ends[0] / span
    return "left" if share < 0.15 else "right" if share > 0.85 else "center"


def _models(fig: Figure, models: Sequence[AttributedOrders], top: float, height: float) -> None:
    from matplotlib.patches import Patch

    _heading(fig, "Orders that models give to it", MARGIN, top, _HALF)
    legend = [
        Patch(facecolor=SKY, label="after a message"),
        Patch(facecolor=ORANGE, hatch="////", edgecolor=PAPER, label="after a click in it"),
    ]
    down = float(fig.get_figheight())
    fig.legend(
        handles=legend, loc="upper right", ncols=2, frameon=False, fontsize=SMALL, borderpad=0,
        bbox_to_anchor=(1 - MARGIN / WIDTH, 1 - (top + 0.0) / down),
    )  # fmt: skip
    axes = place(fig, MARGIN, top + 0.32, WIDTH - 2 * MARGIN, height - 0.4)
    _model_bars(axes, models)


def _model_bars(axes: Axes, models: Sequence[AttributedOrders]) -> None:
    bare(axes)
    width, label = WIDTH - 2 * MARGIN, 3.1
    axes.set(xlim=(0, width), ylim=(max(len(models), 1), 0))
    most = max([max(m.sent, m.clicked) for m in models], default=0.0)
    if not most:
        axes.text(0, 0.3, "No order was placed within the window after a message.", fontsize=BODY, color=GREY)
        return
    for n, model in enumerate(models):
        axes.text(0, n + 0.5, shortened(model.model, 46), va="center", fontsize=BODY)
        bars = ((model.sent, SKY, "", 0.32), (model.clicked, ORANGE, "////", 0.68))
        for value, colour, hatch, at in bars:
            wide = max((width - label - 0.8) * value / most, 0.015)
            axes.barh(n + at, wide, left=label, height=0.3, color=colour, hatch=hatch, edgecolor=PAPER, linewidth=0)
            axes.text(label + wide + 0.07, n + at, number(value, 1), va="center", fontsize=SMALL)


def _mark(fig: Figure) -> None:
    """In the corner where the eye begins, so that nobody takes it for what happened."""
    down = float(fig.get_figheight())
    fig.text(
        1 - MARGIN / WIDTH, 1 - 0.09 / down, "SIMULATED DATA", ha="right", va="top", fontsize=BODY, fontweight="bold",
        color=PAPER, bbox={"boxstyle": "round,pad=0.2", "facecolor": VERMILION, "edgecolor": VERMILION},
    )  # fmt: skip
