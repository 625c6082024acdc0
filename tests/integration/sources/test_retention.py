"""Old raw rows go, of merged loads only; everything else stays."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import psycopg
import pytest

from landing_files import as_csv, write
from marketflow.shared import Clock, ConfigurationError
from marketflow.sources import forget_raw

from .conftest import Rows, Take


def test_only_old_and_merged_loads_are_forgotten(
    *, landing: Path, take: Take, rows: Rows, loader: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketflow.sources.retention._BATCH", 3)
    for n in range(3):
        lines = [{"order_id": f"o{n}-{i}"} for i in range(10)]
        write(landing, f"orders/{n}.csv", as_csv("orders", *lines, {"order_id": ""}))
        take("orders")
    loader.execute("UPDATE ops.loads SET state = 'merged' WHERE load_id IN (1, 2)")
    loader.execute("UPDATE ops.loads SET finished_at = finished_at - interval '40 days' WHERE load_id IN (1, 3)")
    assert forget_raw(loader, clock, 30) == {"raw.order_lines": 10}
    assert rows("SELECT load_id, count(*) FROM raw.order_lines GROUP BY 1 ORDER BY 1") == [(2, 10), (3, 10)]
    assert rows("SELECT count(*) FROM ops.quarantine") == [(3,)]
    assert rows("SELECT load_id FROM ops.loads WHERE raw_forgotten_at IS NOT NULL") == [(1,)]
    assert forget_raw(loader, clock, 30) == {}
    later = dataclasses.replace(clock, offset=dt.timedelta(days=40))
    assert forget_raw(loader, later, 30) == {"raw.order_lines": 10}
    assert rows("SELECT load_id, count(*) FROM raw.order_lines GROUP BY 1") == [(3, 10)]


def test_a_day_is_kept_at_least(loader: psycopg.Connection, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="a day at least"):
        forget_raw(loader, clock, 0)
