"""Rows in, rows out: each `tests/sql/<schema>/<table>/<case>.yaml` runs the transform of that folder's name, twice.

A case has `about` (one sentence), `given` (rows by table), `params`, and either `expect` (rows by table; only the named
columns are compared, in any order) or `refused` (the check that must stop it). Rows are completed from `defaults.yaml`.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import yaml

from marketflow.shared import BatchRefused
from marketflow.warehouse import load_transforms, run_steps
from table_rows import NOW, give, have, wanted

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*/*/*.yaml"))
PARAMS = {"load_ids": [1], "now": NOW, "time_zone": "America/New_York", "source": "shop"}


@pytest.mark.parametrize("path", CASES, ids=[str(p.relative_to(FOLDER).with_suffix("")) for p in CASES])
def test_case(conn: psycopg.Connection, path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    assert case["about"]
    transform = load_transforms()[f"{path.parent.parent.name}.{path.parent.name}"]
    params = PARAMS | case.get("params", {})
    for table, rows in case["given"].items():
        give(conn, table, rows)
    if "refused" in case:
        with pytest.raises(BatchRefused, match=case["refused"]):
            run_steps(conn, transform, params)
        return
    for attempt in ("first", "second"):
        run_steps(conn, transform, params)
        for table, rows in case["expect"].items():
            columns = list(rows[0]) if rows else []
            assert have(conn, table, columns) == wanted(conn, table, rows, columns), f"{table}, {attempt} run"


def test_every_transform_has_a_case() -> None:
    assert {f"{p.parent.parent.name}.{p.parent.name}" for p in CASES} == set(load_transforms())
