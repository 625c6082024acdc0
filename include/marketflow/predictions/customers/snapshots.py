"""Snapshots: customers as of past days, with what they did next, for models to learn from and to be measured on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from marketflow.predictions.customers.cuts import Learning
from marketflow.predictions.customers.features import SEED, Reading, read_features, read_next_purchases

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Snapshot:
    """Features as of a day (see read_features) and the days until each customer's next purchase, inf for none seen."""

    features: pd.DataFrame
    days_to_next: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.features)

    def part(self, rows: NDArray[np.int64]) -> Snapshot:
        """The snapshot of these rows only."""
        return Snapshot(self.features.iloc[rows].reset_index(drop=True), self.days_to_next[rows])


@dataclass(frozen=True)
class Snapshots:
    """Reads each day once. What customers did next is looked up `horizon_days` ahead."""

    conn: psycopg.Connection
    reading: Reading
    horizon_days: int
    _read: dict[dt.date, Snapshot] = field(default_factory=dict)

    def at(self, day: dt.date) -> Snapshot:
        """Customers as of the day."""
        if day not in self._read:
            until = day + dt.timedelta(days=self.horizon_days)
            features = read_features(self.conn, day, self.reading)
            days = read_next_purchases(self.conn, features, until=until, sample_of=self.reading.sample_of)
            self._read[day] = Snapshot(features, days)
        return self._read[day]

    def of(self, learning: Learning) -> tuple[tuple[Snapshot, ...], Snapshot]:
        """(those to learn from, the one to calibrate on)."""
        import numpy as np

        calibrate = self.at(learning.calibrate)
        if not learning.is_shared:
            return tuple(self.at(day) for day in learning.learn), calibrate
        order = np.random.default_rng(SEED).permutation(len(calibrate))
        half = len(order) // 2
        return (calibrate.part(np.sort(order[:half])),), calibrate.part(np.sort(order[half:]))
