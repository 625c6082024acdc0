"""The figures of the evaluation, as var/evaluate/latest.json has them."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure beside a baseline's. `better`: None where it was not measured; `decides`: publishing hangs on it.

    `difference`: ours minus the baseline's, of 95 of 100 resamples of the same customers. `group`: of which customers
    only, '' for all; `customers`: how many, where it is told.
    """

    data: str
    model: str
    split: str
    metric: str
    baseline: str
    baseline_value: float | None
    ours: float | None
    seed: int | None
    better: bool | None
    decides: bool
    difference: tuple[float, float] | None = None
    group: str = ""
    customers: int | None = None

    @property
    def family(self) -> str:
        """The model, without what it was told."""
        return self.model.split(",")[0]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """As JSON; what was there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Those of the run before; none where there was none."""
    if not path.exists():
        return []
    return [_row(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def _row(entry: dict[str, Any]) -> Row:
    if entry.get("difference") is not None:
        low, high = entry["difference"]
        entry = {**entry, "difference": (low, high)}
    return Row(**entry)


def merged(
    before: Sequence[Row], now: Sequence[Row], *, ran: Container[tuple[str, str]], order: Sequence[tuple[str, str]]
) -> list[Row]:
    """The rows of `now`, and those of `before` whose model did not run, in `order`; both of (data, family).

    What is not in `order` any longer is dropped.
    """
    place = {pair: n for n, pair in enumerate(order)}
    kept = [row for row in before if (row.data, row.family) in place and (row.data, row.family) not in ran]
    return sorted([*kept, *now], key=lambda row: place[row.data, row.family])
