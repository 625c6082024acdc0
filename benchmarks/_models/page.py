"""The table of docs/models.md, between two marks."""

from __future__ import annotations

from pathlib import Path

from benchmarks._models.runs import Row

BEGIN, END = "<!-- make evaluate: begin -->", "<!-- make evaluate: end -->"
_HEAD = "| model | metric | baseline | its figure | ours | | split | seed |\n|---|---|---|---:|---:|---|---|---:|\n"


def write_table(page: Path, rows: list[Row]) -> None:
    """Put the rows between the marks; the page must have both."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n{END}{after}", encoding="utf-8")


def table(rows: list[Row]) -> str:
    """Markdown, a table for each data set; what decides about publishing is marked with a star."""
    parts = []
    for data in dict.fromkeys(row.data for row in rows):
        head = (
            "| model | metric | baseline | its figure | ours | | split | seed |\n|---|---|---|---:|---:|---|---|---:|\n"
        )
        parts.append(f"### {data}\n\n{head}" + "".join(_line(row) for row in rows if row.data == data))
    return "\n".join(parts)


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
