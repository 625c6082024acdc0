"""The recommenders' tasks, as Airflow wakes them, on a warehouse whose files came in any order."""

from __future__ import annotations

import contextlib
import itertools

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from marketflow.orchestration import models
from marketflow.shared import Clock, settings
from marketflow.warehouse import build_core, record_changes
from table_rows import small_shop

ASKED = {
    "association_rules": {
        "min_support": 0.01,
        "min_support_types": 0.01,
        "min_support_categories": 0.01,
        "min_confidence": 0.02,
        "max_len": 3,
    },
    "product_recommendations": {"per_customer": 5, "window_days": 730, "whole": False},
}


@pytest.fixture(autouse=True)
def _connections(warehouse_dsn: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_dsn)
    monkeypatch.setattr(type(settings()), "clock", lambda _self: clock)


def wake(model: str) -> bool:
    """Was a run published?"""
    return bool(models.recommend(model, as_of=None, is_test=False, force=False, **ASKED[model])["published"])


@pytest.mark.parametrize("model", ASKED)
@pytest.mark.parametrize("files", itertools.permutations(("orders", "customers", "products")), ids="-".join)
def test_in_whatever_order_files_come(
    conn: psycopg.Connection, clock: Clock, model: str, files: tuple[str, ...]
) -> None:
    small_shop(conn)
    conn.execute("UPDATE ops.loads SET state = 'loaded'")
    published = False
    for record in files:
        assert not published or record == "customers"  # who ordered is known by her orders
        conn.execute("UPDATE ops.loads SET state = 'passed' WHERE record = %s", [record])
        build_core(conn, clock=clock)
        conn.commit()
        with contextlib.suppress(AirflowSkipException):
            published = wake(model) or published
    assert published


@pytest.mark.parametrize("model", ASKED)
def test_a_feed_of_the_stock_wakes_nobody_who_has_published(conn: psycopg.Connection, clock: Clock, model: str) -> None:
    small_shop(conn)
    build_core(conn, clock=clock)
    conn.commit()
    assert wake(model)
    record_changes(conn, "product", ["1", "2"], clock.now())
    conn.commit()
    assert not wake(model)
