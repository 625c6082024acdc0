"""The gate lets good loads through, stops bad ones with a sentence, and tells what it saw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from landing_files import as_csv, write
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.quality import Verdict, judge, waiting_loads
from marketflow.shared import Clock, MarketflowError
from marketflow.sources import take_in
from marketflow.warehouse import connect

Judge = Callable[..., tuple[int, Verdict]]


@pytest.fixture
def judged(warehouse_dsn: str, tmp_path: Path, clock: Clock) -> Judge:
    """Takes rows of a record in and judges them, as the loader; returns the load's id and the verdict."""

    def run(
        record: str, *changes: dict[str, str], limit: float = 0.05, docs: Path | None = None
    ) -> tuple[int, Verdict]:
        (tmp_path / record).mkdir(exist_ok=True)
        write(tmp_path, f"{record}/a.csv", as_csv(record, *changes))
        keys = KeyRing.from_json(generate_key_ring())
        with connect(warehouse_dsn, "loader") as conn:
            load = take_in(conn, record, landing=tmp_path, keys=keys, clock=clock).load_id
            assert load is not None
            return load, judge(conn, url(warehouse_dsn), load, clock=clock, limit=limit, docs=docs)

    return run


def url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


def state(conn: psycopg.Connection, load: int) -> tuple[str, str | None]:
    row = conn.execute("SELECT state, reason FROM ops.loads WHERE load_id = %s", [load]).fetchone()
    assert row
    return row[0], row[1]


@pytest.mark.parametrize("record", ["orders", "customers", "products", "behaviour"])
def test_a_good_load_passes_and_every_result_is_stored(judged: Judge, conn: psycopg.Connection, record: str) -> None:
    load, verdict = judged(record, {})
    assert verdict == Verdict(passed=True, reason=None, failed=[])
    assert state(conn, load) == ("passed", None)
    stored = conn.execute("SELECT suite, bool_and(success), count(*) FROM ops.quality_results GROUP BY 1").fetchall()
    assert stored[0][:2] == (record, True)
    assert stored[0][2] > 8


def test_too_many_bad_rows_stop_the_batch_with_the_reasons(judged: Judge, conn: psycopg.Connection) -> None:
    load, verdict = judged("orders", *[{}] * 7, {"quantity": "-1"}, {"quantity": "-2"}, {"amount": "x"})
    assert not verdict.passed
    assert verdict.reason == (
        "3 of 10 records of orders (30.0%) are in quarantine and 5.0% are allowed; "
        "most often: negative quantity (2), amount is not a number (1)"
    )
    assert verdict.failed == ["quarantined_share"]
    assert state(conn, load) == ("refused", verdict.reason)
    share = conn.execute("SELECT observed FROM ops.quality_results WHERE expectation = 'quarantined_share'").fetchone()
    assert share == ({"read": 10, "quarantined": 3, "share": 0.3, "limit": 0.05},)


def test_a_share_at_the_limit_passes_and_a_refused_load_may_be_judged_anew(
    judged: Judge, conn: psycopg.Connection, warehouse_dsn: str, clock: Clock
) -> None:
    load, verdict = judged("orders", *[{}] * 3, {"quantity": "-1"}, limit=0.2)
    assert not verdict.passed
    with connect(warehouse_dsn, "loader") as loader:
        assert judge(loader, url(warehouse_dsn), load, clock=clock, limit=0.25, docs=None).passed
    assert state(conn, load) == ("passed", None)


def test_nothing_but_bad_rows_is_refused_without_a_division_by_zero(judged: Judge, conn: psycopg.Connection) -> None:
    load, verdict = judged("orders", {"quantity": "-1"})
    assert not verdict.passed
    assert state(conn, load)[0] == "refused"


def test_a_load_without_records_passes(judged: Judge) -> None:
    assert judged("orders")[1].passed


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [
        ("UPDATE raw.order_lines SET quantity = -1", "expect_column_values_to_be_between(quantity)"),
        ("UPDATE raw.order_lines SET currency = 'usd'", "expect_column_values_to_match_regex(currency)"),
        ("UPDATE raw.order_lines SET ordered_at = '2999-01-01Z'", "expect_column_values_to_be_between(ordered_at)"),
        (
            "UPDATE raw.order_lines SET product_ref = repeat('x', 65)",
            "expect_column_value_lengths_to_be_between(product_ref)",
        ),
    ],
)
def test_what_slipped_past_the_loader_is_stopped_here(
    *, judged: Judge, conn: psycopg.Connection, warehouse_dsn: str, clock: Clock, spoil: str, failed: str
) -> None:
    load, _ = judged("orders", {}, {"order_id": "o2"})
    conn.execute(spoil)  # type: ignore[call-overload]
    conn.commit()
    with connect(warehouse_dsn, "loader") as loader:
        verdict = judge(loader, url(warehouse_dsn), load, clock=clock, limit=0.05, docs=None)
    assert verdict == Verdict(passed=False, reason=f"{failed} does not hold for 2 rows", failed=[failed])
    assert state(conn, load) == ("refused", verdict.reason)


def test_a_warning_is_told_and_does_not_stop(judged: Judge, conn: psycopg.Connection) -> None:
    load, verdict = judged("products", {}, {})
    assert verdict == Verdict(passed=True, reason=None, failed=["expect_column_values_to_be_unique(product_ref)"])
    assert state(conn, load)[0] == "passed"
    bad = conn.execute("SELECT severity, observed ->> 'unexpected_count' FROM ops.quality_results WHERE NOT success")
    assert bad.fetchall() == [("warn", "2")]


def test_many_refused_addresses_are_told(judged: Judge) -> None:
    _, verdict = judged("customers", {}, {"customer_id": "c2", "email": "nobody"})
    assert verdict.passed
    assert verdict.failed == ["expect_column_values_to_be_null(email_refusal)"]


def test_only_the_load_in_question_is_judged(judged: Judge, conn: psycopg.Connection) -> None:
    judged("orders", {})
    conn.execute("UPDATE raw.order_lines SET quantity = -1")
    conn.commit()
    assert judged("orders", {"order_id": "o2"})[1].passed


def test_the_pages_show_counts_and_no_person(judged: Judge, tmp_path: Path) -> None:
    docs = tmp_path / "quality"
    load, _ = judged("customers", {}, {"customer_id": "c2", "email": "quackenbush@nowhere"}, docs=docs)
    judged("orders", {}, docs=docs)
    assert f"customers-{load}/index.html" in (docs / "index.html").read_text()
    pages = [p for p in docs.rglob("*") if p.is_file() and p.suffix in (".html", ".json")]
    assert any("email_refusal" in p.read_text() for p in pages)
    for page in pages:
        assert "quackenbush" not in page.read_text().lower()
    assert not list(docs.glob(".*"))
    assert (docs / f"customers-{load}/static/styles").is_dir()


def test_a_merged_load_stays_merged(judged: Judge, conn: psycopg.Connection, warehouse_dsn: str, clock: Clock) -> None:
    load, _ = judged("orders", {})
    conn.execute("UPDATE ops.loads SET state = 'merged'")
    conn.commit()
    with connect(warehouse_dsn, "loader") as loader:
        assert judge(loader, url(warehouse_dsn), load, clock=clock, limit=0, docs=None).passed
    assert state(conn, load)[0] == "merged"


def test_a_load_that_is_not_there_or_not_complete_cannot_be_judged(
    conn: psycopg.Connection, warehouse_dsn: str, clock: Clock
) -> None:
    with pytest.raises(MarketflowError, match="there is no load 12"):
        judge(conn, url(warehouse_dsn), 12, clock=clock, limit=0, docs=None)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    conn.execute("INSERT INTO ops.loads (source, record, started_at) VALUES ('shop', 'orders', %s)", [now])
    conn.commit()
    with pytest.raises(MarketflowError, match="load 1 is still being taken in"):
        judge(conn, url(warehouse_dsn), 1, clock=clock, limit=0, docs=None)


def test_a_gate_that_cannot_look_does_not_pass_anything(
    judged: Judge, conn: psycopg.Connection, warehouse_dsn: str, clock: Clock
) -> None:
    load, _ = judged("orders", {})
    conn.execute("UPDATE ops.loads SET state = 'loaded'")
    conn.execute("ALTER TABLE raw.order_lines RENAME COLUMN quantity TO pieces")
    conn.commit()
    with connect(warehouse_dsn, "loader") as loader, pytest.raises(Exception, match="quantity"):
        judge(loader, url(warehouse_dsn), load, clock=clock, limit=0.05, docs=None)
    assert state(conn, load)[0] == "loaded"


def test_loads_whose_run_died_before_the_gate_are_found(warehouse_dsn: str, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "orders").mkdir()
    write(tmp_path, "orders/a.csv", as_csv("orders", {}))
    with connect(warehouse_dsn, "loader") as loader:
        load = take_in(
            loader, "orders", landing=tmp_path, keys=KeyRing.from_json(generate_key_ring()), clock=clock
        ).load_id
        assert load is not None
        assert waiting_loads(loader, "orders") == [load]
        judge(loader, url(warehouse_dsn), load, clock=clock, limit=0.05, docs=None)
        assert waiting_loads(loader, "orders") == []
