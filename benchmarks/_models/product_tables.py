"""Products for a customer, as tables: the lists beside each other, and by how much customers buy."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._models.rows import Row

_COLUMNS = {
    "hr_at_10": "HR@10", "ndcg_at_10": "NDCG@10", "recall_at_10": "recall@10", "coverage": "coverage",
    "novelty": "novelty",
}  # fmt: skip


def product_tables(rows: Sequence[Row]) -> str:
    """Two tables for each setting and task, with the verdict and the split in words."""
    models = dict.fromkeys(row.model for row in rows)
    return "\n".join(_of_model(model, [row for row in rows if row.model == model]) for model in models)


def _of_model(model: str, rows: Sequence[Row]) -> str:
    name = model.partition(", ")[2]
    to_beat = next(row.baseline for row in rows if row.decides)
    lists = _lists([row for row in rows if not row.group])
    groups = _groups([row for row in rows if row.group], to_beat=to_beat)
    title = f"#### {name[:1].upper()}{name[1:]}"
    return f"{title}\n\n{verdict(rows)}\n\nSplit: {rows[0].split}.\n\n{lists}\n{groups}"


def verdict(rows: Sequence[Row]) -> str:
    """Whether ours is better than the list to beat, which needs an interval that is all above zero."""
    row = next(row for row in rows if row.decides)
    if row.ours is None or row.baseline_value is None or row.difference is None:
        return f"Beside {row.baseline}: not measured."
    low, high = row.difference
    word = "better than" if low > 0 else "**not better** than" if high < 0 else "**not surely better** than"
    return (
        f"Ours is {word} {row.baseline}: NDCG@10 {row.ours:.4f} beside {row.baseline_value:.4f}, the difference "
        f"between {low:.4f} and {high:.4f} in 95 of 100 resamples of the customers."
    )


def _lists(rows: Sequence[Row]) -> str:
    heads = [*_COLUMNS.values(), "ours is more by (NDCG@10)"]
    lines = [_table_row("list", heads), "|---|" + "---:|" * len(heads)]
    ours = {row.metric: row.ours for row in rows}
    lines.append(_table_row("**ours**", [*(_figure(metric, ours.get(metric)) for metric in _COLUMNS), ""]))
    for name in dict.fromkeys(row.baseline for row in rows):
        of = {row.metric: row for row in rows if row.baseline == name}
        figures = [_figure(metric, of[metric].baseline_value if metric in of else None) for metric in _COLUMNS]
        star = " *" if any(row.decides for row in of.values()) else ""
        lines.append(_table_row(name + star, [*figures, _interval(of["ndcg_at_10"])]))
    return "\n".join(lines) + "\n"


def _groups(rows: Sequence[Row], *, to_beat: str) -> str:
    """Ours beside each list by how much the customers buy, and the difference to the list `to_beat`."""
    groups = {row.group: row.customers for row in rows}
    heads = [f"{group} ({count:,})" for group, count in groups.items()]
    lines = [_table_row("NDCG@10 and HR@10 of customers", heads), "|---|" + "---:|" * len(heads)]
    of = {(row.baseline, row.group, row.metric): row for row in rows}
    first = next(iter(of))[0]
    for name in ("**ours**", *dict.fromkeys(row.baseline for row in rows)):
        cells = []
        for group in groups:
            two = [of[first if name == "**ours**" else name, group, metric] for metric in ("ndcg_at_10", "hr_at_10")]
            values = [row.ours if name == "**ours**" else row.baseline_value for row in two]
            cells.append(" and ".join(_figure("", value) for value in values))
        lines.append(_table_row(name, cells))
    apart = [_interval(of[to_beat, group, "ndcg_at_10"]) for group in groups]
    lines.append(_table_row(f"ours is more than {to_beat} by (NDCG@10)", apart))
    return "\n".join(lines) + "\n"


def _table_row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _figure(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if metric == "novelty" else f"{value:.2%}" if metric == "coverage" else f"{value:.4f}"


def _interval(row: Row) -> str:
    return "-" if row.difference is None else f"{row.difference[0]:.4f} to {row.difference[1]:.4f}"
