"""What table.yaml says of a table is held against its rows after a build, and what fails is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest

from marketflow.quality import judge_freshness, judge_tables, stale_tables, tables
from marketflow.shared import Clock
from marketflow.warehouse import load_transforms
from quality_loads import enter, source_file, url

YAML = """
description: Things that the tests know, kept in one place
grain: one row per number
columns: {number: The number, kind: What it is, weight: How heavy it is}
key: [number]
not_null: [kind]
values: {kind: [big, small]}
ranges: {weight: [0.5, null]}
freshness: 36 hours
"""
GOOD = "INSERT INTO core.things VALUES (1, 'big', 2), (2, 'small', 0.5)"
CLOCK = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)


class FixedClock(Clock):
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return CLOCK


@pytest.fixture
def clock(clock: Clock) -> Clock:
    return FixedClock(time_zone=clock.time_zone)


@pytest.fixture
def things(conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """A table `core.things` with a transform of its own, and no other transform."""
    folder = tmp_path / "core/things"
    folder.mkdir(parents=True)
    (folder / "table.yaml").write_text(YAML)
    (folder / "query.sql").write_text("-- step: nothing\nSELECT 1")
    found = load_transforms(tmp_path)
    monkeypatch.setattr(tables, "load_transforms", lambda: found)
    monkeypatch.setattr("marketflow.quality.freshness.load_transforms", lambda: found)
    conn.execute("CREATE TABLE core.things (number integer PRIMARY KEY, kind text, weight numeric)")
    fresh(conn, dt.date(2026, 11, 21))
    return conn


def fresh(conn: psycopg.Connection, as_of: dt.date | None, refreshed: dt.datetime = CLOCK) -> None:
    conn.execute(
        "INSERT INTO ops.table_freshness VALUES ('core.things', %s, %s, 2) "
        "ON CONFLICT (table_name) DO UPDATE SET data_as_of = excluded.data_as_of, refreshed_at = excluded.refreshed_at",
        [as_of, refreshed],
    )
    conn.commit()


@pytest.fixture
def judged(things: psycopg.Connection, warehouse_dsn: str, clock: Clock) -> Any:
    def run(*statements: str, docs: Path | None = None) -> list[str]:
        for statement in statements:
            things.execute(statement)  # type: ignore[call-overload]
        things.commit()
        return judge_tables(things, url(warehouse_dsn), clock=clock, docs=docs)

    return run


def test_a_good_table_has_all_its_results_stored(judged: Any, conn: psycopg.Connection) -> None:
    assert judged(GOOD) == []
    rows = conn.execute(
        "SELECT expectation, column_name, success, severity, load_id, record FROM ops.quality_results "
        "WHERE table_name = 'core.things' ORDER BY expectation, column_name"
    ).fetchall()
    assert [r[:2] for r in rows] == [
        ("expect_column_values_to_be_between", "weight"),
        ("expect_column_values_to_be_in_set", "kind"),
        ("expect_column_values_to_not_be_null", "kind"),
        ("expect_column_values_to_not_be_null", "number"),
        ("freshness", None),
        ("key_is_unique", "number"),
    ]
    assert {r[2:] for r in rows} == {(True, "warn", None, None)}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("UPDATE core.things SET kind = NULL WHERE number = 1", "core.things: kind is missing in 1 row (50.0%)"),
        (
            "UPDATE core.things SET kind = 'huge' WHERE number = 1",
            "core.things: kind is none of the values that it may have in 1 row (50.0%)",
        ),
        (
            "UPDATE core.things SET weight = 0.4 WHERE number = 1",
            "core.things: weight is out of bounds in 1 row (50.0%)",
        ),
        (
            "ALTER TABLE core.things DROP CONSTRAINT things_pkey",
            "core.things: the database does not see to it that number names one row",
        ),
    ],
)
def test_what_does_not_hold_is_told_and_kept(judged: Any, conn: psycopg.Connection, spoil: str, words: str) -> None:
    assert judged(GOOD, spoil) == [words]
    kept = conn.execute("SELECT table_name, severity FROM ops.quality_results WHERE NOT success").fetchall()
    assert kept == [("core.things", "warn")]


def test_an_index_over_part_of_the_rows_or_over_more_columns_is_no_key(judged: Any) -> None:
    words = ["core.things: the database does not see to it that number names one row"]
    drop = "ALTER TABLE core.things DROP CONSTRAINT things_pkey"
    assert judged(GOOD, drop, "CREATE UNIQUE INDEX i ON core.things (number) WHERE weight > 1") == words
    assert judged("CREATE UNIQUE INDEX j ON core.things (number, kind)") == words
    assert judged("CREATE UNIQUE INDEX k ON core.things (number)") == []


def test_of_a_large_table_a_sample_is_judged(
    judged: Any, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_WHOLE", 64 * 8192)
    many = "INSERT INTO core.things SELECT g, 'big', CASE WHEN g % 2 = 0 THEN 1 ELSE 0 END FROM generate_series(1, 100000) g"
    (words,) = judged(many)
    assert "weight is out of bounds" in words
    bad = "SELECT (observed ->> 'element_count')::int FROM ops.quality_results WHERE NOT success"
    row = conn.execute(bad).fetchone()
    assert row
    assert 500 < row[0] < 50_000


def test_a_sample_is_the_same_for_all_that_is_asked_of_it(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_WHOLE", 64 * 8192)
    # Were it drawn anew for each count, about every second time more values would be missing than there are rows.
    assert judged("INSERT INTO core.things SELECT g, 'big', NULL FROM generate_series(1, 100000) g") == []
    for _ in range(7):
        assert judged() == []


@pytest.mark.parametrize(
    ("as_of", "refreshed", "stale"),
    [
        # 21 November ends at 05:00 UTC on the 22nd in the shop's zone; 36 hours later is 17:00 on the 23rd
        (dt.date(2026, 11, 21), CLOCK, False),
        (dt.date(2026, 11, 20), CLOCK, False),
        (dt.date(2026, 11, 19), CLOCK, True),
        (None, CLOCK - dt.timedelta(hours=36), False),
        (None, CLOCK - dt.timedelta(hours=36, seconds=1), True),
    ],
)
def test_a_table_is_stale_when_what_it_knows_is_older_than_it_may_be(
    *, things: psycopg.Connection, clock: Clock, as_of: dt.date | None, refreshed: dt.datetime, stale: bool
) -> None:
    fresh(things, as_of, refreshed)
    found = stale_tables(things, clock)
    assert bool(found) is stale
    if stale:
        assert found[0].startswith("core.things is stale: ")
        assert found[0].endswith("and 36 hours are allowed")


def test_a_table_that_was_never_built_is_stale(things: psycopg.Connection, clock: Clock) -> None:
    things.execute("DELETE FROM ops.table_freshness")
    assert stale_tables(things, clock) == ["core.things is stale: it was never built, and 36 hours are allowed"]


def test_a_source_that_brings_nothing_is_told_once_a_day(conn: psycopg.Connection, clock: Clock) -> None:
    source = source_file(stale_after="2 days")
    words = "shop_export brought nothing since 2017-12-31 15:00 UTC, and is stale after 2 days"
    results = (
        "SELECT success, checked_at FROM ops.quality_results WHERE suite = 'shop_export' ORDER BY quality_result_id"
    )
    enter(conn, 1, {"orders": [{}]})
    assert judge_freshness(conn, [source], clock=clock) == [words]
    assert judge_freshness(conn, [source], clock=clock) == [words]
    assert len(conn.execute(results).fetchall()) == 1
    later = FixedClock(time_zone=clock.time_zone)
    object.__setattr__(later, "now", lambda: CLOCK + dt.timedelta(days=1, seconds=1))
    assert judge_freshness(conn, [source], clock=later) == [words]
    conn.execute("UPDATE ops.loads SET finished_at = %s", [CLOCK])
    assert judge_freshness(conn, [source], clock=later) == []
    assert [s for s, _ in conn.execute(results)] == [False, False, True]


def test_a_source_that_never_brought_anything_or_only_replays_is_stale(conn: psycopg.Connection, clock: Clock) -> None:
    source = source_file(stale_after="2 days")
    enter(conn, 1, {"orders": [{}]}, kind="replay")
    conn.execute("UPDATE ops.loads SET finished_at = %s", [CLOCK])
    assert judge_freshness(conn, [source], clock=clock) == [
        "shop_export brought nothing yet, and is stale after 2 days"
    ]
    assert judge_freshness(conn, [source_file()], clock=clock) == []


def test_the_tables_of_this_warehouse_can_be_judged(conn: psycopg.Connection, warehouse_dsn: str, clock: Clock) -> None:
    schemas = {name.split(".")[0] for name in load_transforms()}
    failed = judge_tables(conn, url(warehouse_dsn), clock=clock, docs=None, schemas=schemas)
    assert [words for words in failed if "is stale" not in words] == []
    keyed = {name for name, t in load_transforms().items() if t.doc.key}
    judged = {t for (t,) in conn.execute("SELECT DISTINCT table_name FROM ops.quality_results")}
    assert keyed <= judged
