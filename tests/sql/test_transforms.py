"""Rows in, rows out: each `tests/sql/<schema>/<table>/<case>.yaml` runs the transform of that folder's name, twice.

A case has `about` (one sentence), `given` (rows by table), `params`, and either `expect` (rows by table; only the named
columns are compared, in any order), `refused` (the check that must stop it) or `warned` (the check that must tell). Rows are completed from `defaults.yaml`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import yaml

from marketflow.segments.summaries import summaries_shown
from marketflow.shared import BatchRefused, Clock, Shop
from marketflow.warehouse import Transform, excluded_products, load_transforms, run_steps
from marketflow.warehouse.builds import published_runs
from marketflow.warehouse.staging import parameters, staged
from table_rows import NOW, give, have, wanted

FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*/*/*.yaml"))
SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
# The scores that a case does not speak of.
ALL_OTHERS = """
INSERT INTO models.rfm_segment_rules (recency_score, frequency_score, monetary_score, segment)
SELECT r, f, m, 'other' FROM generate_series(1, 5) AS r, generate_series(1, 5) AS f, generate_series(1, 5) AS m
ON CONFLICT DO NOTHING
"""
CLOCK = Clock(time_zone=ZoneInfo("America/New_York"), pinned_day=dt.date(2017, 12, 31))
PARAMS = parameters([1], now=NOW, shop=SHOP)


@pytest.mark.parametrize("path", CASES, ids=[str(p.relative_to(FOLDER).with_suffix("")) for p in CASES])
def test_case(conn: psycopg.Connection, path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    assert case["about"]
    transform = load_transforms()[f"{path.parent.parent.name}.{path.parent.name}"]
    params = PARAMS | case.get("params", {})
    given = {"ops.loads": [{"load_id": 1}], **case["given"]}
    for table, rows in given.items():
        if not table.startswith("pg_temp."):
            give(conn, table, rows)
    if "refused" in case:
        with pytest.raises(BatchRefused, match=case["refused"]):
            run(conn, transform, params, given)
        return
    if "warned" in case:
        assert case["warned"] in run(conn, transform, params, given)
        return
    for attempt in ("first", "second"):
        run(conn, transform, params, given)
        for table, rows in case["expect"].items():
            columns = list(rows[0]) if rows else []
            assert have(conn, table, columns) == wanted(conn, table, rows, columns), f"{table}, {attempt} run"


def run(
    conn: psycopg.Connection, transform: Transform, params: dict[str, Any], given: dict[str, Any]
) -> dict[str, int]:
    """Run a transform; one of core or privacy over what is staged from raw, and from what the case gives beside it.

    Gives the warnings of its checks.
    """
    if transform.name == "models.rfm":
        if "models.rfm_segment_rules" in given:
            conn.execute(ALL_OTHERS)
        with summaries_shown(conn, aside=False):
            return run_steps(conn, transform, params)[1]
    if transform.name.startswith("marts."):
        params = published_runs(conn, CLOCK) | excluded_products() | params
    if not transform.name.startswith(("core.", "privacy.")):
        return run_steps(conn, transform, params)[1]
    with staged(conn, params):
        for table in (t for t in given if t.startswith("pg_temp.")):
            give(conn, table, given[table])
        return run_steps(conn, transform, params)[1]


def test_every_transform_has_a_case() -> None:
    assert {f"{p.parent.parent.name}.{p.parent.name}" for p in CASES} == set(load_transforms())
