"""Campaigns for a customer, as one table: the blend and each single signal, by campaign."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._models.rows import Row


def campaign_table(rows: Sequence[Row]) -> str:
    """A column for each campaign, one for the others pooled and one for the order within them; a line per signal."""
    columns = dict.fromkeys((row.model, row.metric) for row in rows)
    of = {(row.model, row.metric, row.baseline): row for row in rows}
    names = list(dict.fromkeys(row.baseline for row in rows))
    heads = [_head(model, metric) for model, metric in columns]
    ours = [_ours([row for row in rows if (row.model, row.metric) == column]) for column in columns]
    lines = [_line("AUC of", heads), "|---|" + "---:|" * len(heads), _line("**ours**", ours)]
    lines += [_line(name, [_cell(of.get((*column, name))) for column in columns]) for name in names]
    splits = dict.fromkeys(f"* {_head(row.model, '')}: {row.split}" for row in rows)
    return "\n".join([*lines, "", *splits]) + "\n"


def _head(model: str, metric: str) -> str:
    return model.partition(", ")[2] + metric.removeprefix("auc")


def _ours(rows: Sequence[Row]) -> str:
    """The figure, and a word where it is not above the best single signal, or not in 95 of 100 resamples."""
    best = next((row for row in rows if row.decides), None)
    if best is None or best.difference is None or best.difference[0] > 0:
        return _figure(rows[0].ours)
    return _figure(rows[0].ours) + (", **not surely better**" if best.better else ", **not better**")


def _cell(row: Row | None) -> str:
    """The signal's figure, with a star where it is the best one, and by how much ours is more."""
    if row is None:
        return "-"
    figure = _figure(row.baseline_value) + (" *" if row.decides else "")
    return figure if row.difference is None else f"{figure} ({row.difference[0]:+.3f} to {row.difference[1]:+.3f})"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
