"""The pictures of segments: the heat map of RFM, who went where, and the map of the clusters."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from marketflow.pictures import (
    Bar,
    Caption,
    Grid,
    Period,
    Picture,
    and_list,
    day_in_words,
    flow,
    heat_map,
    no_data,
    number,
    percent,
    readable,
    short_number,
    store_picture,
)
from marketflow.segments.cluster_picture import draw_clusters
from marketflow.segments.rules import load_segments
from marketflow.shared import Clock
from marketflow.warehouse import queries

_SCORES = range(1, 6)
PERIODS = 4
_NONE = "none"
_NO_ORDER = "no recent order"
_SOURCE = "Source: models.rfm, run {run_id}."


def draw_segments(conn: psycopg.Connection, *, clock: Clock, currency: str) -> list[str]:
    """Draw what is published of segments and clusters, and store it, in one transaction; gives the pictures' names.

    A model without a published run is left out. currency: the shop's, ISO 4217.
    """
    drawn: list[Picture] = []
    with conn.transaction():
        models = ["rfm", "clusters"]
        for model, run_id, as_of, parameters, _ in conn.execute(queries("pictures")["published"], {"models": models}):
            if model == "rfm":
                made = [draw_rfm(conn, run_id, as_of, parameters, currency), draw_flow(conn, as_of)]
            else:
                made = [draw_clusters(conn, run_id, as_of)]
            for picture in made:
                store_picture(conn, picture, run_ids=[run_id], as_of=as_of, made_at=clock.now())
            drawn += made
    return [picture.name for picture in drawn]


def draw_rfm(
    conn: psycopg.Connection, run_id: int, as_of: dt.date, parameters: Mapping[str, Any], currency: str
) -> Picture:
    """Customers and money by recency and frequency, and the segments with their sizes."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(queries("pictures")["rfm_cells"], {"run_id": run_id}).fetchall()
    customers = int(sum(row["customers"] for row in rows))
    how = "fixed limits" if parameters.get("scoring") == "cuts" else "fifths of the customers, 5 is best"
    days = parameters.get("window_days", "?")
    bars, words = _segments(rows, currency)
    caption = Caption(
        name="rfm",
        title=f"How lately and how often {number(customers)} customers buy",
        subtitle=f"As of {day_in_words(as_of)}; purchases of the last {days} days. Scores 1 to 5: {how}.\n"
        "Small words: the segment that most customers of the cell are in; what they pay decides too.",
        source=_SOURCE.format(run_id=run_id),
        description=f"Heat map of recency and frequency as of {day_in_words(as_of)}: {number(customers)} customers who "
        f"bought in the last {days} days. {words}",
    )
    if not rows:
        return no_data(caption, "Nobody has bought within the window.")
    return heat_map(caption, _grids(rows, currency), bars, "Segments, by their share of what was paid")


def _segments(rows: list[dict[str, Any]], currency: str) -> tuple[list[Bar], str]:
    """A bar for each segment, in the order of the rules; and the same in words."""
    sizes, money = defaultdict[str, int](int), defaultdict[str, float](float)
    for row in rows:
        sizes[row["segment"]] += int(row["customers"])
        money[row["segment"]] += float(row["monetary"])
    everybody, paid = sum(sizes.values()), sum(money.values())
    bars, words = [], []
    for name in (name for name in _order(sizes) if name in sizes):
        size = f"{number(sizes[name])} customers ({percent(sizes[name] / everybody)})"
        share = f"{percent(money[name] / paid)} of the money" if paid > 0 else ""
        mean = f"{number(money[name] / sizes[name])} {currency} each"
        bars.append(Bar(name=readable(name), value=money[name], words=", ".join(filter(None, [share, size, mean]))))
        words.append(f"{readable(name)}: {', '.join(filter(None, [size, share]))}")
    return bars, f"{'; '.join(words)}."


def _order(names: Mapping[str, Any]) -> list[str]:
    """The segments as the rules have them, and then those that the rules no longer know."""
    known = [segment.name for segment in load_segments()]
    return known + sorted(name for name in names if name not in known and name != _NONE)


def _grids(rows: list[dict[str, Any]], currency: str) -> tuple[Grid, Grid]:
    cells: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[int(row["recency_score"]) - 1, int(row["frequency_score"]) - 1].append(row)
    counts, means = {}, {}
    for cell, found in cells.items():
        customers = sum(row["customers"] for row in found)
        main = max(found, key=lambda row: row["customers"])["segment"]
        mean = sum(row["monetary"] for row in found) / customers
        counts[cell] = (float(customers), number(customers), readable(main))
        means[cell] = (float(mean), short_number(mean), "")
    columns = [f"{score}\n{_range(rows, 'recency_score', 'days', score)}" for score in _SCORES]
    down = [f"{score}\n{_range(rows, 'frequency_score', 'orders', score)}" for score in _SCORES]
    titles = {"column_title": "Recency score; days since the last purchase", "row_title": "Frequency score; purchases"}
    return (
        Grid(title="Customers", columns=columns, rows=down, cells=counts, **titles),
        Grid(title=f"Mean paid per customer, {currency}", columns=columns, rows=down, cells=means, **titles),
    )


def _range(rows: list[dict[str, Any]], score_name: str, what: str, score: int) -> str:
    """From the smallest to the largest value that has the score."""
    found = [row for row in rows if row[score_name] == score]
    if not found:
        return "-"
    low, high = min(row[f"{what}_from"] for row in found), max(row[f"{what}_to"] for row in found)
    return number(low) if low == high else f"{number(low)}-{number(high)}"


def draw_flow(conn: psycopg.Connection, as_of: dt.date) -> Picture:
    """Who went from which segment to which, in the last months."""
    rows = conn.execute(queries("pictures")["migrations"], {"periods": PERIODS}).fetchall()
    moves: dict[tuple[dt.date, dt.date], dict[tuple[str, str], int]] = defaultdict(dict)
    for first, last, origin, to, customers in rows:
        moves[first, last][origin, to] = int(customers)
    periods = [
        Period(label_from=day_in_words(first), label_to=day_in_words(last), moves=found)
        for (first, last), found in sorted(moves.items())
    ]
    caption = Caption(
        name="segment_flow",
        title=_flow_title(periods),
        subtitle=f"Customers by segment, from the end of one month to the next, until {day_in_words(as_of)}.\n"
        "A band is as broad as its customers are many, and has the colour of where they were; who stays is pale.",
        source="Source: marts.segment_migrations.",
        description=_flow_in_words(periods),
    )
    present = {group for period in periods for pair in period.moves for group in pair}
    groups = [name for name in _order(dict.fromkeys(present)) if name in present]
    return flow(caption, periods, [*groups, _NONE], {g: readable(g) for g in groups} | {_NONE: _NO_ORDER})


def _moved(period: Period) -> tuple[int, dict[tuple[str, str], int]]:
    """(how many stayed in their segment, how many moved by (from, to))."""
    moved = {pair: n for pair, n in period.moves.items() if pair[0] != pair[1]}
    return sum(period.moves.values()) - sum(moved.values()), moved


def _flow_title(periods: list[Period]) -> str:
    if not periods:
        return "From segment to segment"
    stayed, moved = _moved(periods[-1])
    return f"Segments: {number(sum(moved.values()))} moved, {number(stayed)} stayed since {periods[-1].label_from}"


def _flow_in_words(periods: list[Period]) -> str:
    if not periods:
        return ""
    last = periods[-1]
    stayed, moved = _moved(last)
    largest = sorted(moved, key=lambda pair: (-moved[pair], pair))[:3]
    words = [f"{number(moved[pair])} from {_name(pair[0])} to {_name(pair[1])}" for pair in largest]
    most = f" Most moved: {and_list(words)}." if words else ""
    return (
        f"Flow between segments from {periods[0].label_from} to {last.label_to}, in {len(periods)} periods. "
        f"In the last one, from {last.label_from}, {number(stayed)} customers stayed in their segment and "
        f"{number(sum(moved.values()))} moved.{most}"
    )


def _name(segment: str) -> str:
    return _NO_ORDER if segment == _NONE else readable(segment)
