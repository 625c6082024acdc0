"""An order is stored in one row, and shown line by line as its file has it, wherever the lines stand in it."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from landing_files import ORDER, as_csv, write
from marketflow.shared import Clock
from marketflow.warehouse import build_core, connect

from .conftest import SHOP, Rows, Take

NUMBERS = ("quantity", "amount", "retail_discount", "coupon_discount")
SHOWN = """
SELECT
    record_no, order_ref, coalesce(customer_ref, ''), coalesce(store_ref, ''), product_ref, quantity::text, amount::text,
    retail_discount::text, coupon_discount::text, currency
FROM raw.order_lines
ORDER BY record_no
"""
STORED = (
    "SELECT order_ref, first_no, line_count, amount::text, discount::text, record_nos FROM raw.orders ORDER BY first_no"
)
IN_CORE = """
SELECT o.external_id, l.line_no, p.external_id, l.quantity::text, l.amount::text, l.discount::text
FROM core.orders AS o
JOIN core.order_lines AS l USING (order_id)
JOIN core.products AS p USING (product_id)
ORDER BY 1, 2
"""
Line = dict[str, str]


def some_lines(orders: int, *, seed: int = 7) -> list[Line]:
    """Orders of one to twelve lines, with whatever is allowed in a value; of every fifth the lines are scattered."""
    dice = random.Random(seed)
    words = ["p1", "0", "é 🎉", 'a "b"', "{x,y}", "NULL", "\\N", "'", "a,b", "\\"]
    lines: list[Line] = []
    for n in range(orders):
        header = {
            "order_id": f"o{n}",
            "customer_id": dice.choice(["", f"c{n % 3}"]),
            "store_id": dice.choice(["", "s"]),
        }
        for _ in range(dice.randint(1, 12)):
            cents = [dice.choice([-50, 0, 1, 250, 99_999_999_00]), *(dice.choice([0, 1, 99]) for _ in range(2))]
            numbers = [dice.choice(["0.000", "1.000", "0.415", "99999999.000"]), *(f"{c / 100:.2f}" for c in cents)]
            line = ORDER | header | {"product_id": dice.choice(words)} | dict(zip(NUMBERS, numbers, strict=True))
            lines.insert(dice.randint(0, len(lines)) if n % 5 == 4 else len(lines), line)
    return lines


def shown(lines: list[Line]) -> list[tuple[object, ...]]:
    names = ("order_id", "customer_id", "store_id", "product_id", *NUMBERS, "currency")
    return [(n, *(line[name] for name in names)) for n, line in enumerate(lines, start=1)]


def in_core(lines: list[Line]) -> list[tuple[object, ...]]:
    """An order's lines, numbered from the first of them on."""
    first: dict[str, int] = {}
    found = []
    for n, line in enumerate(lines, start=1):
        order = line["order_id"]
        place = n - first.setdefault(order, n) + 1
        discount = Decimal(line["retail_discount"]) + Decimal(line["coupon_discount"])
        found.append((order, place, line["product_id"], line["quantity"], line["amount"], str(discount)))
    return sorted(found)


def runs(lines: list[Line], block: int) -> int:
    """How often an order begins or goes on: at the end of a block, too, since blocks are copied one by one."""
    blocks = (lines[start : start + block] for start in range(0, len(lines), block))
    return sum(1 for some in blocks for _ in groupby(some, lambda line: line["order_id"]))


@pytest.mark.parametrize("block", [100_000, 64])
def test_the_lines_are_shown_as_their_file_has_them(
    *,
    landing: Path,
    take: Take,
    rows: Rows,
    clock: Clock,
    warehouse_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    block: int,
) -> None:
    for module in ("readers.delimited", "load"):
        monkeypatch.setattr(f"marketflow.sources.{module}.BLOCK_ROWS", block)
    lines = some_lines(300)
    write(landing, "orders/a.csv", as_csv("orders", *lines))
    assert take("orders").loaded == len(lines)
    assert rows(SHOWN) == shown(lines)
    orders = len({line["order_id"] for line in lines})
    orders = len({line["order_id"] for line in lines})
    assert rows("SELECT count(DISTINCT order_ref), count(*) FROM raw.orders") == [(orders, runs(lines, block))]
    with connect(warehouse_dsn) as conn:
        conn.execute("UPDATE ops.loads SET state = 'passed'")
        build_core(conn, clock=clock, shop=SHOP)
        assert conn.execute("SELECT count(*) FROM core.baskets").fetchone() == (orders,)
        assert sorted(conn.execute(IN_CORE).fetchall()) == in_core(lines)


def test_lines_that_do_not_lie_together(landing: Path, take: Take, rows: Rows) -> None:
    lines = [{"order_id": o, "amount": f"{n}.50", "product_id": f"p{n}"} for n, o in enumerate("aabab", start=1)]
    write(landing, "orders/a.csv", as_csv("orders", *lines))
    assert take("orders").loaded == 5
    assert rows(STORED) == [
        ("a", 1, 2, "4.00", "0.20", [1, 2]),
        ("b", 3, 1, "3.50", "0.10", [3]),
        ("a", 4, 1, "4.50", "0.10", [4]),
        ("b", 5, 1, "5.50", "0.10", [5]),
    ]
    assert rows("SELECT record_no, order_ref, product_ref FROM raw.order_lines ORDER BY 1") == [
        (n, o, f"p{n}") for n, o in enumerate("aabab", start=1)
    ]


def test_a_line_in_quarantine_leaves_its_number_out(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/a.csv", as_csv("orders", {}, {"quantity": "x"}, {"amount": "1.00"}))
    assert take("orders").loaded == 2
    assert rows(STORED) == [("o1", 1, 2, "3.50", "0.20", [1, 3])]


def test_each_file_has_its_own_row(landing: Path, take: Take, rows: Rows) -> None:
    """They are read together, and the end of the one lies beside the beginning of the other."""
    for name in ("a", "b"):
        write(landing, f"orders/{name}.csv", as_csv("orders", {"product_id": name}, {}))
    assert take("orders").loaded == 4
    assert rows("SELECT count(DISTINCT file_id), array_agg(line_count), array_agg(first_no) FROM raw.orders") == [
        (2, [2, 2], [1, 1])
    ]


def test_discounts_that_no_file_has_are_none(landing: Path, take: Take, rows: Rows) -> None:
    header = [name for name in ORDER if not name.endswith("_discount")]
    lines = [{name: value for name, value in ORDER.items() if name in header}] * 2
    text = "\n".join(",".join(line[name] for name in header) for line in lines)
    write(landing, "orders/a.csv", f"{','.join(header)}\n{text}\n".encode())
    assert take("orders").loaded == 2
    assert rows("SELECT retail_discounts, coupon_discounts, discount FROM raw.orders") == [(None, None, 0)]
    assert rows("SELECT retail_discount::text, coupon_discount::text FROM raw.order_lines") == [("0.00", "0.00")] * 2
