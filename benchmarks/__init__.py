"""Benchmarks: each measures this project against a plain way of doing the same, in the same run.

A benchmark is a module of this package with a function `run() -> Result`; `python -m benchmarks [name]` finds it by
its name, prints a table row and writes it to `var/bench/latest.json`. Modules with an underscore first are helpers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured: our figure and the baseline's, both in `unit`.

    `more_is_better` says whether the figures are speeds (rows/s) or times (s). `beside` holds what else was measured
    in the same run, by name; these figures carry no unit but the one that their name or `unit` says.
    """

    name: str
    ours: float
    baseline: float
    unit: str
    what: str
    more_is_better: bool = True
    beside: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Our speed over the baseline's: above 1 we are faster."""
        return self.ours / self.baseline if self.more_is_better else self.baseline / self.ours
