"""The gate lets good loads through, stops bad ones with a sentence, and tells what it saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from marketflow.quality import Verdict
from marketflow.shared import MarketflowError
from marketflow.sources import CONTRACTS, contract_of
from quality_loads import ROWS, Gate, enter, source_file

State = Callable[[int], tuple[str, str | None]]


@pytest.mark.parametrize("record", CONTRACTS)
def test_a_good_load_of_every_record_passes_and_every_result_is_stored(
    gate: Gate, conn: psycopg.Connection, state: State, record: str
) -> None:
    enter(conn, 1, {record: [{}]})
    assert gate(1) == Verdict(passed=True, reason=None, failed=[])
    assert state(1) == ("passed", None)
    stored = conn.execute(
        "SELECT bool_and(success), count(*) FILTER (WHERE record = %s) FROM ops.quality_results", [record]
    ).fetchone()
    assert stored
    assert stored[0] is True
    assert stored[1] > 5


def test_all_records_of_a_load_are_judged_and_one_of_them_can_stop_it(
    gate: Gate, conn: psycopg.Connection, state: State
) -> None:
    enter(conn, 1, {"orders": [{}, {}], "customers": [{}], "products": [{"list_price": -1}]})
    verdict = gate(1)
    assert verdict.failed == ["products.expect_column_values_to_be_between(list_price)"]
    assert verdict.reason == "products: list_price is out of bounds in 1 row (100.0%)"
    assert state(1) == ("refused", verdict.reason)
    records = conn.execute("SELECT DISTINCT record FROM ops.quality_results WHERE load_id = 1 ORDER BY 1").fetchall()
    assert records == [("customers",), ("orders",), ("products",), (None,)]


def test_a_record_that_brought_no_rows_is_not_judged(gate: Gate, conn: psycopg.Connection) -> None:
    enter(conn, 1, {"orders": [{}], "customers": []})
    assert gate(1).failed == []


BAD = ("negative quantity", "negative quantity", "amount is not a number")


def test_too_many_bad_rows_stop_the_load_with_the_reasons(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"orders": [{}] * 7}, quarantined=BAD)
    verdict = gate(1, source=source_file(quarantined=0.05))
    assert not verdict.passed
    assert verdict.reason == (
        "3 of 10 rows of shop_export (30.0%) are in quarantine and 5.0% are allowed; "
        "most often: negative quantity (2), amount is not a number (1)"
    )
    assert verdict.failed == ["shop_export.quarantined_share"]
    assert state(1) == ("refused", verdict.reason)
    share = conn.execute("SELECT observed FROM ops.quality_results WHERE expectation = 'quarantined_share'").fetchone()
    assert share
    assert {k: share[0][k] for k in ("read", "quarantined", "share", "limit")} == {
        "read": 10, "quarantined": 3, "share": 0.3, "limit": 0.05
    }  # fmt: skip


@pytest.mark.parametrize(
    ("of_source", "of_person", "passes"),
    [(0.3, None, True), (0.29, None, False), (0.0, 0.3, True), (1.0, 0.1, False), (None, None, False)],
)
def test_a_persons_limit_goes_before_the_sources_and_that_before_the_installations(
    *, gate: Gate, conn: psycopg.Connection, of_source: float | None, of_person: float | None, passes: bool
) -> None:
    enter(conn, 1, {"orders": [{}] * 7}, quarantined=BAD)
    assert gate(1, source=source_file(quarantined=of_source), limit=of_person).passed is passes


def test_a_refused_load_may_be_judged_anew(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"orders": [{}] * 7}, quarantined=BAD)
    assert not gate(1).passed
    assert gate(1, limit=0.5).passed
    assert state(1) == ("passed", None)


def test_nothing_but_bad_rows_is_refused(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"orders": []}, quarantined=("negative quantity",))
    assert not gate(1).passed
    assert state(1)[0] == "refused"


def test_a_load_without_rows_passes_without_a_division_by_zero(gate: Gate, conn: psycopg.Connection) -> None:
    enter(conn, 1, {"orders": []})
    assert gate(1).passed


@pytest.mark.parametrize(
    ("record", "row", "words"),
    [
        ("orders", {"quantity": -1}, "negative quantity"),
        ("orders", {"amount": -100_000_000}, "amount is out of bounds"),
        ("orders", {"kind": "gift"}, "kind is none of the values that it may have"),
        ("orders", {"currency": "USDD"}, "currency is too long"),
        ("orders", {"ordered_at": "2999-01-01Z"}, "ordered_at is out of bounds"),
        ("orders", {"version_at": "1989-12-31Z"}, "version_at is out of bounds"),
        ("orders", {"product_ref": "x" * 65}, "product_ref is too long"),
        ("feedback", {"rating": 6}, "rating is above rating_max"),
        ("campaigns", {"ends_on": "2017-11-30"}, "ends_on is before starts_on"),
        ("exchange_rates", {"rate_on": "2018-01-10"}, "rate_on is out of bounds"),
        ("exchange_rates", {"rate": 0}, "rate is out of bounds"),
        ("behaviour", {"properties": {"x": "y" * 40_000}}, None),
    ],
)  # fmt: skip
def test_what_slipped_past_the_loader_is_stopped_here(
    *, gate: Gate, conn: psycopg.Connection, state: State, record: str, row: dict[str, Any], words: str | None
) -> None:
    rows = [{}, row, row]
    if record == "orders":
        rows = [{"order_ref": f"o{n}"} | r for n, r in enumerate(rows)]  # lines of one order are judged together
    enter(conn, 1, {record: rows})
    verdict = gate(1)
    reason = f"{record}: {words} in 2 rows (66.7%)" if words else None
    assert (verdict.passed, verdict.reason) == (words is None, reason)
    assert state(1) == ("passed" if words is None else "refused", reason)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("quantities = '{1, -1, 1}'", "negative quantity"),
        ("quantities = '{1, -100000000, 1}', kind = 'return'", "quantity is out of bounds"),
        ("quantities = '{1, 100000000, 1}'", "quantity is out of bounds"),
        ("quantities = '{1, NULL, 1}'", "quantity is missing"),
        ("product_refs = ARRAY['p', repeat('x', 65), NULL]", "product_ref is missing"),
        ("product_refs = ARRAY['p', repeat('x', 65), 'p']", "product_ref is too long"),
        ("retail_discounts = '{0, -1, 0}', discount = -1", "retail_discount is out of bounds"),
        ("coupon_discounts = '{0, NULL, 0}'", "coupon_discount is missing"),
        ("amount = amount + 0.01", "totals differ from the lines"),
        ("discount = 1", "totals differ from the lines"),
        ("line_count = 2", "totals differ from the lines"),
        ("amounts = '{1, 1, 1}', amount = 3", None),
        ("retail_discounts = NULL", None),
        ("product_refs = ARRAY['p', repeat('é', 64), '']", None),
    ],
)
def test_one_bad_line_among_an_orders_is_found(
    *, gate: Gate, conn: psycopg.Connection, broken: str, words: str | None
) -> None:
    enter(conn, 1, {"orders": [{}, {}, {}, {"order_ref": "o2"}]})
    conn.execute(f"UPDATE raw.orders SET {broken} WHERE order_ref = 'o1'".encode())
    conn.commit()
    assert gate(1).reason == (f"orders: {words} in 1 row (50.0%)" if words else None)


def test_a_return_may_have_a_negative_quantity(gate: Gate, conn: psycopg.Connection) -> None:
    enter(conn, 1, {"orders": [{"quantity": -1, "kind": "return"}]})
    assert gate(1).passed


def test_a_warning_is_told_and_does_not_stop(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"products": [{}, {}]})
    verdict = gate(1)
    assert verdict.passed
    assert verdict.failed == ["products.expect_column_values_to_be_unique(product_ref)"]
    assert verdict.words == ["products: product_ref is not unique in 2 rows (100.0%)"]
    assert state(1) == ("passed", None)
    bad = conn.execute("SELECT severity, observed ->> 'unexpected_count' FROM ops.quality_results WHERE NOT success")
    assert bad.fetchall() == [("warn", "2")]


@pytest.mark.parametrize("column", ["email_refusal", "phone_refusal"])
def test_many_refused_addresses_are_told(gate: Gate, conn: psycopg.Connection, column: str) -> None:
    enter(conn, 1, {"customers": [{}, {"customer_ref": "c2", column: "malformed"}]})
    verdict = gate(1)
    assert verdict.passed
    assert verdict.failed == [f"customers.expect_column_values_to_be_null({column})"]


def test_a_rule_about_a_personal_column_is_left_to_the_loader() -> None:
    """An address that was refused is not in raw, and the row is good all the same."""
    from marketflow.quality.rows import judged_rules

    assert judged_rules(contract_of("contacts")) == []
    assert [r.reason for r in judged_rules(contract_of("feedback"))] == ["rating is above rating_max"]


def test_files_whose_columns_have_changed_are_told_and_the_others_go_on(
    gate: Gate, conn: psycopg.Connection, state: State
) -> None:
    enter(conn, 1, {"orders": [{}]}, refused=("column 'Price' is missing", "unknown column 'Cost'"))
    verdict = gate(1)
    assert verdict.passed
    assert verdict.reason == "2 files were refused, the first: bad1.csv: column 'Price' is missing"
    assert verdict.failed == ["shop_export.refused_files"]
    assert state(1) == ("passed", verdict.reason)


def past(conn: psycopg.Connection, *rows: int, source: str = "shop_export", kind: str = "files") -> None:
    for load_id, count in enumerate(rows, start=1):
        enter(conn, load_id, {"orders": [{}] * count}, state="merged", source=source, kind=kind)


@pytest.mark.parametrize(
    ("before", "rows", "share", "told"),
    [
        ([10] * 7, 4, 0.5, True),
        ([10] * 7, 5, 0.5, False),
        ([10] * 7, 8, 0.9, True),
        ([10] * 7, 1, 0, False),
        ([90, *[10] * 7], 5, 0.5, False),  # the eighth before does not count
        ([10, 10], 1, 0.5, False),  # too few to say what is usual
    ],
)
def test_far_fewer_rows_than_usual_are_told_and_stop_nothing(
    *, gate: Gate, conn: psycopg.Connection, before: list[int], rows: int, share: float, told: bool
) -> None:
    past(conn, *before)
    enter(conn, 50, {"orders": [{}] * rows})
    verdict = gate(50, source=source_file(volume=share))
    assert verdict.passed
    assert verdict.failed == (["shop_export.volume"] if told else [])
    if told:
        assert verdict.words == [f"shop_export brought {rows} rows; the 7 loads before it had 10 on average"]
        stored = conn.execute(
            "SELECT severity, observed -> 'mean' FROM ops.quality_results WHERE expectation = 'volume'"
        )
        assert stored.fetchall() == [("warn", 10)]


def test_neither_replays_nor_other_sources_say_what_is_usual(gate: Gate, conn: psycopg.Connection) -> None:
    past(conn, *[1] * 5, kind="replay")
    for load_id in range(20, 24):
        enter(conn, load_id, {"orders": [{}] * 9}, source="other", state="merged")
    enter(conn, 50, {"orders": [{}]})
    assert gate(50).failed == []
    past_replay = "UPDATE ops.loads SET kind = 'replay', source = 'other' WHERE load_id = 50"
    conn.execute(past_replay)
    conn.commit()
    assert gate(50).failed == []


def test_a_warning_reaches_the_log(gate: Gate, conn: psycopg.Connection, caplog: pytest.LogCaptureFixture) -> None:
    past(conn, *[10] * 3)
    enter(conn, 50, {"orders": [{}]})
    with caplog.at_level("WARNING", logger="marketflow.quality.gate"):
        gate(50)
    assert "load 50: shop_export brought 1 rows" in caplog.text


def test_what_the_source_does_not_map_is_not_looked_at(gate: Gate, conn: psycopg.Connection) -> None:
    """It costs time in each row, and holds nothing but what the contract says of an absent value."""
    enter(conn, 1, {"orders": [{}]})
    mapped = {"order_id": "Invoice", "product_id": "Code", "quantity": "Q", "amount": "A", "ordered_at": "D",
              "currency": {"constant": "GBP"}}  # fmt: skip
    assert gate(1, source=source_file(records={"orders": {"columns": mapped}})).passed
    looked = "SELECT DISTINCT column_name FROM ops.quality_results WHERE record = 'orders' AND column_name IS NOT NULL"
    assert {c for (c,) in conn.execute(looked)} == {
        "order_ref", "product_ref", "quantity", "amount", "ordered_at", "currency", "negative quantity",
        "totals differ from the lines",
    }  # fmt: skip


def test_only_the_load_in_question_is_judged(gate: Gate, conn: psycopg.Connection) -> None:
    enter(conn, 1, {"orders": [{"quantity": -1}]})
    enter(conn, 2, {"orders": [{}]})
    assert gate(2).passed


def test_a_merged_load_stays_merged(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"orders": [{}]}, quarantined=("x",), state="merged")
    assert gate(1, limit=0).passed
    assert state(1)[0] == "merged"


def test_a_load_that_is_not_there_or_not_complete_cannot_be_judged(gate: Gate, conn: psycopg.Connection) -> None:
    with pytest.raises(MarketflowError, match="there is no load 12"):
        gate(12)
    enter(conn, 1, {"orders": [{}]}, state="loading")
    with pytest.raises(MarketflowError, match="load 1 is still being taken in"):
        gate(1)


def test_a_gate_that_cannot_look_does_not_pass_anything(gate: Gate, conn: psycopg.Connection, state: State) -> None:
    enter(conn, 1, {"orders": [{}]})
    conn.execute("ALTER TABLE raw.orders RENAME COLUMN quantities TO pieces")
    conn.commit()
    with pytest.raises(Exception, match="quantities"):
        gate(1)
    assert state(1)[0] == "loaded"


def test_every_record_has_a_row_here() -> None:
    assert set(ROWS) == set(CONTRACTS)


def test_the_time_that_a_file_gives_its_rows_is_not_the_files_fault(gate: Gate, conn: psycopg.Connection) -> None:
    """A warehouse that is held at a day of years ago (the demo's, a test's) takes files in today."""
    enter(conn, 1, {"orders": [{"version_at": "2026-11-22T12:00:00Z"}]})
    assert gate(1, source=source_file()).passed
    assert not gate(1).passed
