"""From drawn figures to SVG and PNG: the same bytes for the same data, readable by a screen reader."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from marketflow.pictures.fonts import families
from marketflow.pictures.style import BODY, DPI, FOOT, GREY, HEAD, RC, WIDTH, bare, frame, place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib has one set of settings for the whole process; who draws sets them, so one draws at a time.
_DRAWING = threading.Lock()
_PROLOGUE = re.compile(r"^.*?(?=<svg )", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SVG_PLAIN = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A finished picture, the same drawing as `svg`, a document without prologue to stand in a page, and as `png`.

    `description` says in words what it shows, with the main numbers: the text for those who do not see it.
    """

    name: str
    title: str
    description: str
    svg: str
    png: bytes


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What stands around a drawing; `name` is the picture's name in models.pictures."""

    name: str
    title: str
    subtitle: str
    source: str
    description: str


def render(caption: Caption, height: float, draw: Callable[[Figure], None]) -> Picture:
    """Let `draw` fill a figure that is `height` inches high between HEAD and FOOT; raises ValueError for a bad name."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not _NAME.fullmatch(caption.name):
        raise ValueError(f"{caption.name!r} is no name of a picture")
    svg, png = io.StringIO(), io.BytesIO()
    with _DRAWING, mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = RC | {"svg.hashsalt": caption.name}
        fonts = families(caption.title + caption.subtitle + caption.description)
        if len(fonts) > 1:
            settings["font.family"] = fonts  # one after the other, by character
        mpl.rcParams.update(settings)
        fig = Figure(figsize=(WIDTH, height + HEAD + FOOT), dpi=DPI)
        FigureCanvasAgg(fig)
        frame(fig, caption.title, caption.subtitle, caption.source)
        draw(fig)
        fig.savefig(svg, format="svg", metadata=_SVG_PLAIN)
        fig.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    document = _readable(svg.getvalue(), caption)
    return Picture(
        name=caption.name, title=caption.title, description=caption.description, svg=document, png=png.getvalue()
    )


def no_data(caption: Caption, why: str) -> Picture:
    """The picture of nothing: its frame, and why there is nothing in it."""

    def draw(fig: Figure) -> None:
        axes = place(fig, 0, HEAD, WIDTH, 1.6)
        bare(axes)
        axes.text(0.5, 0.62, "No data", ha="center", va="center", fontsize=18, color=GREY, transform=axes.transAxes)
        axes.text(0.5, 0.3, why, ha="center", va="center", fontsize=BODY, color=GREY, transform=axes.transAxes)

    said = Caption(
        name=caption.name, title=caption.title, subtitle=caption.subtitle, source=caption.source,
        description=f"{caption.title}: no data. {why}",
    )  # fmt: skip
    return render(said, 1.6, draw)


def _readable(text: str, caption: Caption) -> str:
    """The SVG without prologue (its DOCTYPE names a file on the web) and metadata, with title, description and role."""
    body = _METADATA.sub("", _PROLOGUE.sub("", text, count=1), count=1)
    names = f"{caption.name}-title {caption.name}-desc"
    opening = f'<svg role="img" aria-labelledby={quoteattr(names)} '
    head, rest = body.replace("<svg ", opening, 1).split(">", 1)
    title = f'<title id="{caption.name}-title">{escape(caption.title)}</title>'
    desc = f'<desc id="{caption.name}-desc">{escape(caption.description)}</desc>'
    # a name may hold characters that XML does not allow
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", f"{head}>\n {title}\n {desc}{rest}")
