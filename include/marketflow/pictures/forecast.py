"""Forecasts: what was sold, what is expected, and the band that holds the outcome most of the time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.pictures.render import Caption, Picture, render
from marketflow.pictures.style import BLUE, BODY, GREY, HEAD, INK, MARGIN, SKY, SMALL, WIDTH, place
from marketflow.pictures.words import day_in_words, number, short_day, short_number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

_HEIGHT = 4.1
_ACROSS = 2
_SMALL = 1.45  # inches high, and so much with its title and days
_SMALL_STEP = 2.15
_WEEKS_LABELLED = 19
BAND = "80 % interval"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series: revenue of past days, then the forecast of days to come with its interval; all lists by day."""

    name: str
    days: Sequence[dt.date]
    sold: Sequence[float]
    days_ahead: Sequence[dt.date]
    forecast: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def forecast(caption: Caption, line: Line, unit: str) -> Picture:
    """One series, large. unit: of the vertical axis, such as `USD per day`."""

    def draw(fig: Figure) -> None:
        axes = place(fig, MARGIN + 0.85, HEAD + 0.4, WIDTH - 2 * MARGIN - 0.95, _HEIGHT - 0.85)
        _draw(axes, line, linewidth=1.6)
        axes.set_ylabel(f"Revenue, {unit}")
        _weeks(axes, line, most=_WEEKS_LABELLED)
        axes.set_xlabel("Mondays")
        _legend(fig, axes)
        _last_day(axes, line)

    return render(caption, _HEIGHT, draw)


def forecast_grid(caption: Caption, lines: Sequence[Line], unit: str) -> Picture:
    """Several series, small, each with a scale of its own."""
    down = -(-len(lines) // _ACROSS)

    def draw(fig: Figure) -> None:
        first = None
        for n, line in enumerate(lines):
            left = MARGIN + 0.7 + (n % _ACROSS) * (WIDTH - MARGIN) / _ACROSS
            axes = place(fig, left, HEAD + 0.65 + (n // _ACROSS) * _SMALL_STEP, 3.75, _SMALL)
            _draw(axes, line, linewidth=1.1)
            axes.set_title(shortened(line.name, 42), fontsize=10)
            axes.yaxis.set_major_locator(_few_ticks())
            _weeks(axes, line, most=6)
            if n % _ACROSS == 0:
                axes.set_ylabel(unit, fontsize=SMALL)
            first = first or axes
        if first is not None:
            _legend(fig, first)

    return render(caption, 0.4 + _SMALL_STEP * down, draw)


def _draw(axes: Axes, line: Line, *, linewidth: float) -> None:
    from matplotlib.ticker import FuncFormatter

    past, ahead = _numbers(line.days), _numbers(line.days_ahead)
    axes.fill_between(
        ahead, list(line.low), list(line.high), facecolor=SKY, alpha=0.35, hatch="////", edgecolor=BLUE, linewidth=0,
        label=BAND,
    )  # fmt: skip
    axes.plot(past, list(line.sold), color=INK, linewidth=linewidth, label="sold")
    axes.plot(
        ahead, list(line.forecast), color=BLUE, linewidth=linewidth + 0.4, linestyle=(0, (4, 1.5)), marker="o",
        markersize=2.5 * linewidth, label="forecast",
    )  # fmt: skip
    if len(line.days):
        axes.axvline(past[-1] + 0.5, color=GREY, linewidth=0.9, linestyle=":")
    values = [*line.sold, *line.low]
    axes.set_ylim(bottom=min(0.0, *values) if values else 0.0)
    if min([0.0, *values]) < 0:
        axes.axhline(0, color=GREY, linewidth=0.9)
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))
    axes.grid(axis="y")
    axes.margins(x=0.01)


def _weeks(axes: Axes, line: Line, *, most: int) -> None:
    """Ticks on Mondays; on every second, fourth ... if there are too many for their labels."""
    days = [*line.days, *line.days_ahead]
    mondays = [d for d in _all_days(min(days), max(days)) if d.weekday() == 0] if days else []
    step = 1
    while len(mondays) / step > most:
        step *= 2
    axes.set_xticks(_numbers(mondays[::step]), [short_day(day) for day in mondays[::step]], fontsize=SMALL)


def _numbers(days: Sequence[dt.date]) -> list[float]:
    """Days as matplotlib counts them: from 1970 on."""
    return [float((day - dt.date(1970, 1, 1)).days) for day in days]


def _all_days(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _tick(value: float, _: int | None = None) -> str:
    """Millions are shortened; all else has room."""
    return short_number(value) if abs(value) >= 1e6 else number(value)


def _few_ticks() -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _legend(fig: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    order = [labels.index(name) for name in ("sold", "forecast", BAND) if name in labels]
    fig.legend(
        [handles[n] for n in order], [labels[n] for n in order], loc="upper left", ncols=3, frameon=False,
        bbox_to_anchor=(MARGIN / WIDTH + 0.07, 1 - (HEAD - 0.05) / fig.get_figheight()), fontsize=BODY,
    )  # fmt: skip


def _last_day(axes: Axes, line: Line) -> None:
    if not len(line.days):
        return
    words = f"last day known: {day_in_words(line.days[-1])}"
    axes.text(
        _numbers(line.days)[-1] + 0.5, 1.01, words, ha="right", va="bottom", fontsize=SMALL, color=GREY,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
