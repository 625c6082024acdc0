"""The tables of docs/models.md, each between two marks: what all models say, products, campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks._models.campaign_table import campaign_table
from benchmarks._models.product_tables import product_tables
from benchmarks._models.rows import Row

_HEAD = "| model | metric | baseline | its figure | ours | | split | seed |\n|---|---|---|---:|---:|---|---|---:|\n"


def write_page(page: Path, rows: Sequence[Row]) -> None:
    """Put the rows between the marks, which the page must have. Studies, whose models have a note, have own tables."""
    products, campaigns = _studies(rows, "product_recommendations"), _studies(rows, "campaign_recommendations")
    text = page.read_text(encoding="utf-8")
    text = between(text, "", table(row for row in rows if row not in {*products, *campaigns}))
    text = between(text, ": products", product_tables(products))
    text = between(text, ": campaigns", campaign_table(campaigns))
    page.write_text(text, encoding="utf-8")


def between(text: str, name: str, inside: str) -> str:
    """The text with `inside` between the marks of that name. Raises ValueError where it has none."""
    begin, end = (f"<!-- make evaluate{name}: {what} -->" for what in ("begin", "end"))
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page has no marks {begin} and {end}")
    return f"{before}{begin}\n\n{inside}\n{end}{after}"


def table(rows: Iterable[Row]) -> str:
    """Markdown, a table for each data set; what decides about publishing is marked with a star."""
    found = list(rows)
    return "\n".join(
        f"### {data}\n\n{_HEAD}" + "".join(_line(row) for row in found if row.data == data)
        for data in dict.fromkeys(row.data for row in found)
    )


def _studies(rows: Iterable[Row], family: str) -> list[Row]:
    return [row for row in rows if row.family == family != row.model]


def _line(row: Row) -> str:
    words = {True: "better", False: "**not better**", None: "not measured" if row.ours is None else ""}[row.better]
    star = " *" if row.decides else ""
    cells = [
        row.model, f"`{row.metric}`{star}", row.baseline, _figure(row.baseline_value), _figure(row.ours), words,
        row.split, "" if row.seed is None else str(row.seed),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"
