"""One style for all pictures: colours, shapes, sizes and the frame of title, subtitle and source.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), which people with colour blindness tell apart, and
shades of one blue (Brewer's Blues), which differ in lightness. No colour stands alone: there is a word, a number, a
shape or a hatch beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

INK, GREY, FAINT, PAPER = "#1a1a1a", "#595959", "#d9d9d9", "#ffffff"
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
NOBODY = "#bdbdbd"
_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW)
# Pink and green, vermilion and orange are not far apart with some kinds of colour blindness: one of each is hatched.
_HATCHES = (("", "", "", "||||", "", "////", ""), ("\\\\\\\\", "xxxx", "++++", "oo", "**", "....", "----"))
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">", "p", "h")

WIDTH = 10.0  # inches; a PNG has DPI times as many pixels
DPI = 144
MARGIN = 0.35
TITLE, SUBTITLE, BODY, SMALL = 15.0, 10.5, 9.5, 8.5
# Above the drawing: title and two lines of subtitle. Below: the source.
HEAD, FOOT = 1.12, 0.38

# The wheel of matplotlib ships DejaVu; where an SVG is shown without it, Verdana has nearly the same widths.
RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Geneva", "Arial"],
    "font.size": BODY,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": BODY,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": BODY,
    "ytick.labelsize": BODY,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "savefig.facecolor": PAPER,
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one group is drawn: colour, hatch and marker together are no other group's."""

    colour: str
    hatch: str
    marker: str


NO_GROUP = Look(colour=NOBODY, hatch="", marker=".")


def look(place: int) -> Look:
    """The look of the group that is `place`-th in its list, from 0."""
    return Look(
        colour=_COLOURS[place % len(_COLOURS)],
        hatch=_HATCHES[place // len(_COLOURS) % len(_HATCHES)][place % len(_COLOURS)],
        marker=_MARKERS[place % len(_MARKERS)],
    )


def frame(fig: Figure, title: str, subtitle: str, source: str) -> None:
    """Title and subtitle above, source below; all at fixed distances from the edges, in inches."""
    height = float(fig.get_figheight())
    left = MARGIN / WIDTH
    texts = [
        fig.text(left, 1 - 0.3 / height, title, fontsize=TITLE, fontweight="bold", va="top"),
        fig.text(left, 1 - 0.62 / height, subtitle, fontsize=SUBTITLE, color=GREY, va="top", linespacing=1.4),
        fig.text(left, 0.14 / height, source, fontsize=SMALL, color=GREY, va="bottom"),
    ]
    for text in texts:
        fit(text, WIDTH - 2 * MARGIN)


def fit(text: Text, width: float) -> None:
    """Write it smaller where it is broader than `width` inches; half its size is the least."""
    fig = text.get_figure(root=True)
    assert fig is not None  # it has been written on one
    inches = text.get_window_extent().width / fig.dpi
    if inches > width:
        text.set_fontsize(float(text.get_fontsize()) * max(width / inches, 0.5))


def place(fig: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at inches from the left and the upper edge."""
    across, down = float(fig.get_figwidth()), float(fig.get_figheight())
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    return fig.add_axes(box)


def bare(axes: Axes) -> None:
    """Neither ticks nor borders."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def shade(share: float) -> tuple[str, str]:
    """(colour, colour of the text on it) for a share from 0 to 1: from light to dark, so that more is darker."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    colour = to_hex(mpl.colormaps["Blues"](0.08 + 0.87 * min(max(share, 0.0), 1.0)))
    return colour, ink_on(colour)


def diverging(value: float, most: float) -> tuple[str, str]:
    """(colour, colour of the text on it): blue above zero, orange below, the stronger the further from it."""
    from matplotlib.colors import to_hex, to_rgb

    share = min(abs(value) / most, 1.0) ** 0.8 if most else 0.0
    end = to_rgb(BLUE if value > 0 else ORANGE)
    red, green, blue = (1 - share * (1 - part) for part in end)
    colour = to_hex((red, green, blue))
    return colour, ink_on(colour)


def ink_on(colour: str) -> str:
    """Black or white, whichever has the greater contrast on the colour (WCAG 2.1, relative luminance)."""
    from matplotlib.colors import to_rgb

    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if (luminance + 0.05) / 0.06 > 1.05 / (luminance + 0.05) else PAPER
