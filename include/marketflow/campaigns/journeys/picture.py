"""A picture of a journey: what comes after what, how many stand where, how many went which way. SVG in HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from textwrap import shorten, wrap

import psycopg

from marketflow.campaigns.journeys.graph import edges
from marketflow.campaigns.journeys.layout import Layout, lay_out
from marketflow.campaigns.journeys.load import Journey
from marketflow.campaigns.journeys.model import END
from marketflow.campaigns.journeys.words import entry_of, found_of, goal_of, title_of, way_of
from marketflow.warehouse import queries

_W, _H, _ACROSS, _DOWN, _MARGIN = 262, 96, 300, 166, 28
_COLOURS = {  # strip, ground
    "send": ("#12463a", "#eef6f3"), "wait": ("#b7791f", "#fdf7ea"), "branch": ("#3b5b92", "#eef3fb"),
    "webhook": ("#6b4b8a", "#f5f0fa"), "exit": ("#6b7280", "#f3f4f6"), "end": ("#6b7280", "#f3f4f6"),
}  # fmt: skip
_KINDS = {"send": "mail", "wait": "wait", "branch": "fork", "webhook": "webhook", "exit": "exit"}
_MADE_UP = "<p><strong>Simulated:</strong> people in it were made up for a demo.</p>"
_CSS = """
body{margin:0;padding:28px;color:#22302c;background:#fff;
font:16px/1.45 system-ui,'Segoe UI',Helvetica,Arial,'PingFang SC','Microsoft YaHei',sans-serif}
h1{font-size:26px;margin:0 0 4px}p{margin:0 0 6px;color:#4a5753}
ul{list-style:none;display:flex;flex-wrap:wrap;gap:12px;padding:0;margin:18px 0 22px}
li{border:1px solid #dde6e2;border-radius:10px;padding:10px 18px;min-width:96px}
li b{display:block;font-size:24px;line-height:1.2}li span{font-size:14px;color:#4a5753}
.scroll{overflow-x:auto}svg{max-width:100%;height:auto;display:block}
"""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the warehouse knows of a journey; empty for one that has never run.

    `verdicts`: by experiment and arm, what the newest look says; `winners`: by experiment, of those that are decided.
    """

    steps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    flows: Mapping[tuple[str, str | None], int] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)
    verdicts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    winners: Mapping[str, str] = field(default_factory=dict)


def read_counts(conn: psycopg.Connection, journey: str) -> Counts:
    """The counts of a journey, over all its versions."""
    q, values = queries("journeys"), {"journey": journey}
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        steps = {str(r["step"]): r for r in cursor.execute(q["step_counts"], values).fetchall()}
        ends = cursor.execute(q["ends"], values).fetchone() or {}
    flows: dict[tuple[str, str | None], int] = {}
    for from_step, to_step, why, moves in conn.execute(q["flows"], values).fetchall():
        if from_step is not None and why not in ("goal", "ended"):
            flows[from_step, to_step] = flows.get((from_step, to_step), 0) + int(moves)
    verdicts: dict[str, dict[str, str]] = {}
    winners: dict[str, str] = {}
    for experiment, arm, verdict, is_winner in conn.execute(q["judged"], values).fetchall():
        verdicts.setdefault(experiment, {})[arm] = verdict
        if is_winner:
            winners[experiment] = arm
    return Counts(steps=steps, flows=flows, ends=ends, verdicts=verdicts, winners=winners)


def page(journey: Journey, counts: Counts, *, day: dt.date) -> str:
    """An HTML page that needs nothing beside itself."""
    goal = goal_of(journey)
    ends = counts.ends
    figures = [("came in", ends.get("visits", 0)), ("inside now", ends.get("inside", 0))]
    figures += [(f"reached the goal ({goal})", ends.get("goal", 0))] if goal else []
    figures += [("went through to the end", ends.get("done", 0))]
    shown = "".join(f"<li><b>{number:,}</b><span>{escape(words)}</span></li>" for words, number in figures)
    aim = f"<p>Who has {escape(goal)} leaves before the next step.</p>" if goal else ""
    made_up = _MADE_UP if ends.get("is_simulated") else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(journey.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_CSS}</style></head><body>'
        f"<h1>{escape(journey.title)}</h1><p>People come in {escape(entry_of(journey))}.</p>{aim}{made_up}"
        f'<ul>{shown}</ul><div class="scroll">{draw(journey, counts, day=day)}</div></body></html>\n'
    )


def draw(journey: Journey, counts: Counts, *, day: dt.date) -> str:
    """The flow chart as SVG."""
    ways = [(e.step, e.to or END) for e in edges(journey) if journey.steps[e.step].exit is None]
    names = list(journey.steps) + [END] * any(to == END for _, to in ways)
    layout = lay_out(names, ways)
    width = int(layout.columns * _ACROSS) + 2 * _MARGIN
    height = (layout.layers - 1) * _DOWN + _H + 2 * _MARGIN
    inner = [*_lines(journey, counts, layout), *_boxes(journey, counts, layout, day)]
    about = f"Flow chart of the journey {journey.title}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(about)}" font-family="system-ui,Segoe UI,Helvetica,Arial,sans-serif">'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 10 5 0 10z" fill="#7b8a85"/></marker></defs>{"".join(inner)}</svg>'
    )


def _boxes(journey: Journey, counts: Counts, layout: Layout, day: dt.date) -> Iterator[str]:
    for name, place in layout.places.items():
        x, y = _corner(place)
        kind = END if name == END else journey.steps[name].kind
        strip, ground = _COLOURS[kind]
        yield f'<g><rect x="{x:.0f}" y="{y}" width="{_W}" height="{_H}" rx="10" fill="{ground}" stroke="#d3dbd8"/>'
        yield f'<rect x="{x:.0f}" y="{y}" width="7" height="{_H}" rx="3" fill="{strip}"/>'
        if name == END:
            yield _text(x + _W / 2, y + 56, "The end", 17, anchor="middle", bold=True) + "</g>"
            continue
        found = counts.steps.get(name, {})
        here = int(found.get("here_now", 0))
        yield _text(x + 20, y + 21, f"{_KINDS[kind]} · {name}", 12, fill=strip)
        room = 20 if here else 26
        title, said = title_of(journey, name, day), _found(journey, counts, name)
        for i, line in enumerate(_cut(title, room)):
            yield _text(x + 20, y + 42 + 18 * i, line, 15, bold=True)
        yield _text(x + 20, y + 62, shorten(said, 34, placeholder=" …"), 13) if said else ""
        yield _text(x + 20, y + _H - 11, _seen(kind, found), 12, fill="#4a5753")
        if here:
            yield _text(x + _W - 14, y + 36, f"{here:,}", 24, anchor="end", bold=True)
            yield _text(x + _W - 14, y + 52, "here now", 11, anchor="end", fill="#4a5753")
        yield "</g>"


def _found(journey: Journey, counts: Counts, step: str) -> str:
    """Of a branch that is an experiment, what it has found."""
    if step not in journey.experiments:
        return ""
    name = str(journey.experiments[step]["name"])
    return found_of(counts.verdicts.get(name, {}), counts.winners.get(name))


def _lines(journey: Journey, counts: Counts, layout: Layout) -> Iterator[str]:
    """The ways, and then, above all of them, what is said of each."""
    found = [e for e in edges(journey) if journey.steps[e.step].exit is None]
    labels: list[str] = []
    for edge in found:
        to = edge.to or END
        targets = {e.to or END for e in found if e.step == edge.step}
        places = sorted(targets, key=lambda n: layout.places[n][0])
        offset = (places.index(to) - (len(places) - 1) / 2) * 60
        points = [_middle(layout.places[edge.step], below=True, offset=offset)]
        points += [_gap(p) for p in layout.ways.get((edge.step, to), [])]
        points.append(_middle(layout.places[to], below=False))
        is_back = points[-1][1] < points[0][1]
        path = _around(points[0], points[-1]) if is_back else _curve(points)
        yield f'<path d="{path}" fill="none" stroke="#7b8a85" stroke-width="1.6" marker-end="url(#tip)"/>'
        same = sum(1 for e in found if e.step == edge.step and (e.to or END) == to) > 1
        if not (same and edge.label in ("timed_out", "otherwise")):
            words = "" if same else way_of(journey.steps[edge.step], edge.label)
            labels.append(_label(words, counts.flows.get((edge.step, edge.to)), points, is_back=is_back))
    yield from labels


def _label(words: str, number: int | None, points: list[tuple[float, float]], *, is_back: bool) -> str:
    text = " · ".join(w for w in (words, f"{number:,}" if number is not None else "") if w)
    if not text:
        return ""
    (x1, y1), (x2, y2) = points[:2]
    x, y = (x1, y1 + 30) if is_back else ((x1 + x2) / 2, (y1 + min(y2, y1 + _DOWN - _H)) / 2)
    wide = 7.2 * len(text) + 12
    return f'<rect x="{x - wide / 2:.0f}" y="{y - 11:.0f}" width="{wide:.0f}" height="19" rx="9" fill="#fff"/>' + _text(
        x, y + 3, text, 12.5, anchor="middle", fill="#33423d"
    )


def _seen(kind: str, found: Mapping[str, int]) -> str:
    if not found.get("entered"):
        return "nobody yet"
    words = [f"{found['entered']:,} came"]
    if kind == "send":
        words.append(f"{found['written_to']:,} written to")
        words += [f"{found['refused']:,} not"] if found["refused"] else []
    if found.get("reached_goal"):
        words.append(f"{found['reached_goal']:,} to the goal")
    return " · ".join(words)


def _cut(text: str, room: int) -> list[str]:
    lines = wrap(text, room, break_long_words=True) or [""]
    return lines if len(lines) <= 2 else [lines[0], lines[1][: room - 1].rstrip() + "…"]


def _corner(place: tuple[float, int]) -> tuple[float, int]:
    return _MARGIN + place[0] * _ACROSS - _W / 2, _MARGIN + place[1] * _DOWN


def _middle(place: tuple[float, int], *, below: bool, offset: float = 0) -> tuple[float, float]:
    return _MARGIN + place[0] * _ACROSS + offset, _MARGIN + place[1] * _DOWN + (_H if below else 0)


def _gap(place: tuple[float, int]) -> tuple[float, float]:
    return _MARGIN + place[0] * _ACROSS, _MARGIN + place[1] * _DOWN + _H / 2


def _curve(points: list[tuple[float, float]]) -> str:
    parts = [f"M{points[0][0]:.0f} {points[0][1]:.0f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (y2 - y1) / 2
        parts.append(f"C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}")
    return "".join(parts)


def _around(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A way back: out at the left of all boxes and up again."""
    left = _MARGIN - 14
    return (
        f"M{start[0]:.0f} {start[1]:.0f}C{start[0]:.0f} {start[1] + 50:.0f} {left:.0f} {start[1] + 50:.0f} "
        f"{left:.0f} {start[1] - 20:.0f}L{left:.0f} {end[1] + 10:.0f}"
        f"C{left:.0f} {end[1] - 44:.0f} {end[0]:.0f} {end[1] - 44:.0f} {end[0]:.0f} {end[1]:.0f}"
    )


def _text(
    x: float, y: float, text: str, size: float, *, anchor: str = "start", bold: bool = False, fill: str = "#22302c"
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>'
        f"{escape(text)}</text>"
    )
