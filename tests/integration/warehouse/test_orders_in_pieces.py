"""Orders that come in pieces: late deletions, repaired lines, several versions in one file, fewer lines than before."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, rebuild_warehouse
from table_rows import give
from two_systems import deliver

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
DAY = "2017-10-{:02d}T00:00:00Z"
ORDERS = """
SELECT o.revenue::integer, o.line_count, (SELECT count(*) FROM core.order_lines AS l WHERE l.order_id = o.order_id)
FROM core.orders AS o
"""
Lines = list[dict[str, Any]]


def lines(*amounts: int, **columns: Any) -> Lines:
    """Lines of the order o; a line's number in its file is its amount."""
    return [{"order_ref": "o", "product_ref": f"p{n}", "amount": n, "record_no": n, **columns} for n in amounts]


class Desk:
    """Files of the system `web`, and rows repaired from quarantine."""

    def __init__(self, conn: psycopg.Connection, clock: Clock) -> None:
        self.conn, self.clock = conn, clock

    def bring(self, number: int, rows: Lines) -> None:
        """File and load `number`, of the day `number`."""
        deliver(self.conn, number, {"system": "web", "rows": {"raw.order_lines": rows}})
        build_core(self.conn, clock=self.clock, shop=SHOP)

    def repair(self, number: int, rows: Lines, *, file: int = 1) -> None:
        """Load `number` of rows that were held back when `file` was loaded; they have its time."""
        give(self.conn, "ops.loads", [{"load_id": number, "system": "web", "kind": "replay"}])
        own = {"load_id": number, "file_id": file, "version_at": DAY.format(file)}
        give(self.conn, "raw.order_lines", [own | row for row in rows])
        build_core(self.conn, clock=self.clock, shop=SHOP)

    def forget(self, number: int) -> None:
        """What retention does with a load."""
        self.conn.execute("UPDATE ops.loads SET raw_forgotten_at = '2018-06-01Z' WHERE load_id = %s", [number])
        self.conn.execute("DELETE FROM raw.orders WHERE load_id = %s", [number])

    def orders(self) -> list[tuple[int, int, int]]:
        """Revenue, the number of lines that the order tells, and that of those there."""
        return self.conn.execute(ORDERS).fetchall()

    def found(self, number: int) -> set[str]:
        query = "SELECT reason FROM ops.findings WHERE load_id = %s AND reason NOT LIKE 'product%%' AND reason <> 'order of a guest'"
        return {reason for (reason,) in self.conn.execute(query, [number])}


@pytest.fixture
def desk(conn: psycopg.Connection, clock: Clock) -> Desk:
    return Desk(conn, clock)


def test_a_deletion_that_comes_late_leaves_the_newer_order_alone(desk: Desk) -> None:
    desk.bring(5, lines(1, 2))
    desk.bring(3, lines(1, is_deleted=True))
    assert desk.orders() == [(3, 2, 2)]
    desk.bring(4, lines(7))
    assert desk.orders() == [(3, 2, 2)], "nor does an older version"
    desk.bring(6, lines(1, is_deleted=True))
    assert desk.orders() == []


def test_an_order_that_was_deleted_and_came_again_survives_the_deletion_coming_late(desk: Desk) -> None:
    desk.bring(1, lines(1))
    desk.bring(5, lines(1, 2))
    desk.bring(3, lines(1, is_deleted=True))
    assert desk.orders() == [(3, 2, 2)]


def test_lines_repaired_one_after_the_other_all_join(desk: Desk) -> None:
    desk.bring(1, lines(1))
    desk.repair(2, lines(2))
    desk.repair(3, lines(3))
    assert desk.orders() == [(6, 3, 3)]
    rebuild_warehouse(desk.conn, clock=desk.clock, shop=SHOP)
    assert desk.orders() == [(6, 3, 3)]


def test_a_repaired_deletion_of_one_line_leaves_the_others(desk: Desk) -> None:
    desk.bring(1, lines(1, 2))
    desk.repair(2, lines(3, is_deleted=True))
    assert desk.orders() == [(3, 2, 2)]


def test_a_deletion_newer_than_the_lines_of_its_file_deletes(desk: Desk) -> None:
    gone = lines(2, is_deleted=True, version_at=DAY.format(2))
    desk.bring(1, lines(1, version_at=DAY.format(1)) + gone)
    assert desk.orders() == []


def test_a_deletion_older_than_the_lines_of_its_file_does_not(desk: Desk) -> None:
    gone = lines(2, is_deleted=True, version_at=DAY.format(1))
    desk.bring(1, lines(1, version_at=DAY.format(2)) + gone)
    assert desk.orders() == [(1, 1, 1)]


def test_lines_of_different_times_are_all_counted_and_noted(desk: Desk) -> None:
    desk.bring(1, lines(1, version_at=DAY.format(1)) + lines(2, version_at=DAY.format(2)))
    assert desk.orders() == [(3, 2, 2)]
    assert desk.found(1) == {"lines of an order have different times, all are counted"}


def test_an_order_replaced_by_one_with_fewer_lines_is_noted(desk: Desk) -> None:
    desk.bring(1, lines(1, 2))
    desk.bring(2, lines(1))
    assert desk.orders() == [(1, 1, 1)]
    assert desk.found(2) == {"order was replaced by one with fewer lines"}
    desk.bring(3, lines(1, 2))
    assert desk.found(3) == set()


HELD = "repaired lines of an order whose other lines raw holds no longer, held back"


def test_repaired_lines_wait_when_the_others_are_forgotten(desk: Desk) -> None:
    desk.bring(1, lines(1))
    desk.forget(1)
    desk.repair(2, lines(2, 3))
    assert desk.orders() == [(1, 1, 1)]
    assert desk.found(2) == {HELD}
    desk.bring(3, lines(1, 2, 3))
    assert desk.orders() == [(6, 3, 3)], "a newer file has the order whole"


def test_an_order_of_which_no_line_was_good_is_repaired_even_when_its_load_is_forgotten(desk: Desk) -> None:
    desk.bring(1, lines(1))
    desk.bring(2, [])
    desk.forget(2)
    desk.repair(3, lines(7), file=2)
    assert desk.orders() == [(7, 1, 1)]
    assert desk.found(3) == set()


def test_a_rebuild_takes_no_line_away_that_raw_has_lost(desk: Desk) -> None:
    desk.bring(1, lines(1) + lines(2, store_ref="s"))  # not alike, hence two rows
    assert desk.conn.execute("DELETE FROM raw.orders WHERE first_no = 1").rowcount == 1
    rebuild_warehouse(desk.conn, clock=desk.clock, shop=SHOP)
    assert desk.orders() == [(3, 2, 2)]
