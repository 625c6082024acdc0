"""The pictures of the sales forecast: all sales large, and categories small."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import psycopg

from marketflow.pictures import (
    Caption,
    Line,
    Picture,
    and_list,
    day_in_words,
    forecast,
    forecast_grid,
    no_data,
    number,
    percent,
    readable,
    store_picture,
)
from marketflow.shared import Clock
from marketflow.warehouse import queries

HISTORY_DAYS = 91
CATEGORIES = 6
_KINDS = ("category", "segment")


def draw_forecasts(conn: psycopg.Connection, *, clock: Clock, currency: str) -> list[str]:
    """Draw the published forecast, and store it, in one transaction; gives the pictures' names, none without a run.

    currency: the shop's, ISO 4217.
    """
    with conn.transaction():
        row = conn.execute(queries("pictures")["published"], {"models": ["sales_forecasts"]}).fetchone()
        if row is None:
            return []
        _, run_id, as_of, _, metrics = row
        drawn = [draw_total(conn, run_id, as_of, currency, metrics or {})]
        drawn += [p for kind in _KINDS if (p := draw_kind(conn, run_id, as_of, kind, currency)) is not None]
        for picture in drawn:
            store_picture(conn, picture, run_ids=[run_id], as_of=as_of, made_at=clock.now())
    return [picture.name for picture in drawn]


def draw_total(
    conn: psycopg.Connection, run_id: int, as_of: dt.date, currency: str, metrics: Mapping[str, Any]
) -> Picture:
    """All sales: the last days and the days to come, with how good such forecasts were."""
    lines = _lines(conn, run_id, as_of, "total")
    line = lines[0] if lines else None
    quality = _quality(metrics)
    caption = Caption(
        name="forecast",
        title=f"Sales forecast: {_sum(line, currency)}" if line else "Sales forecast",
        subtitle=f"Revenue per day until {day_in_words(as_of)}, and what is expected after it.\n{quality}",
        source=f"Source: features.daily_sales; models.sales_forecasts, run {run_id}. "
        "MASE: mean error, that of repeating the week before is 1.",
        description="" if line is None else _in_words(line, as_of, currency, quality),
    )
    return forecast(caption, line, f"{currency} per day") if line else no_data(caption, "There is no forecast.")


def draw_kind(conn: psycopg.Connection, run_id: int, as_of: dt.date, kind: str, currency: str) -> Picture | None:
    """The series of a kind in which most was sold lately, small; None where there is none."""
    lines = _lines(conn, run_id, as_of, kind)[:CATEGORIES]
    if not lines:
        return None
    sums = [f"{line.name}: {_sum(line, currency)}" for line in lines]
    caption = Caption(
        name=f"forecast_by_{kind}",
        title=f"Sales forecast by {kind}",
        subtitle=f"Revenue per day until {day_in_words(as_of)}, and what is expected after it; where most was sold.\n"
        "Each drawing has a scale of its own.",
        source=f"Source: features.daily_sales; models.sales_forecasts, run {run_id}.",
        description=f"Forecast of daily sales by {kind} after {day_in_words(as_of)}. {'. '.join(sums)}.",
    )
    return forecast_grid(caption, lines, f"{currency} per day")


def _lines(conn: psycopg.Connection, run_id: int, as_of: dt.date, kind: str) -> list[Line]:
    """The series of a kind with a forecast, those first of which most was sold in the days that are shown."""
    q = queries("pictures")
    ahead: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for series, *row in conn.execute(q["forecast"], {"run_id": run_id, "kind": kind}):
        ahead[series].append(tuple(row))
    past: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    values = {"kind": kind, "series": list(ahead), "as_of": as_of, "days": HISTORY_DAYS}
    for series, *row in conn.execute(q["sold"], values):
        past[series].append(tuple(row))
    lines = [_line(series, past[series], rows) for series, rows in ahead.items()]
    return sorted(lines, key=lambda line: (-sum(line.sold), line.name))


def _line(series: str, past: list[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> Line:
    days_ahead, expected, low, high = (list(column) for column in zip(*rows, strict=True))
    days, sold = (list(column) for column in zip(*past, strict=True)) if past else ([], [])
    return Line(
        name=readable(series), days=days, sold=sold, days_ahead=days_ahead, forecast=expected, low=low, high=high
    )


def _quality(metrics: Mapping[str, Any]) -> str:
    """How far off such forecasts of all sales were, beside the best simple method, and what their band held."""
    score = next((s for s in metrics.get("scores", []) if s["metric"] == "mase" and s["decides"]), None)
    if score is None or score["ours"] is None:
        return "How good such forecasts are is not measured yet."
    simple = score["baseline_value"]
    beside = f", the best of the simple methods {number(simple, 2)}" if simple is not None else ""
    held = metrics.get("coverage")
    band = f" The band held {percent(held)} of the days; 80 % are meant." if held is not None else ""
    return f"Measured on past days: MASE {number(score['ours'], 2)}{beside}.{band}"


def _sum(line: Line, currency: str) -> str:
    days = len(line.days_ahead)
    return f"{number(sum(line.forecast))} {currency} {f'in the next {days} days' if days != 1 else 'on the next day'}"


def _in_words(line: Line, as_of: dt.date, currency: str, quality: str) -> str:
    days = len(line.days_ahead)
    before = [value for day, value in zip(line.days, line.sold, strict=True) if day > as_of - dt.timedelta(days=days)]
    ends = [f"{number(min(line.low))} and {number(max(line.high))} {currency}"]
    return (
        f"Daily sales until {day_in_words(as_of)} and their forecast: {_sum(line, currency)}, after "
        f"{number(sum(before))} {currency} in the {days} days before. Single days are expected between "
        f"{and_list(ends)}, four times of five. {quality}"
    )
