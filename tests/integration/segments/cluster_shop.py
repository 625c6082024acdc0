"""A shop whose customers are of three kinds that anybody sees: for what clusters make of them."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

import psycopg

from table_rows import give

DAY = dt.date(2017, 12, 31)


@dataclass(frozen=True)
class Kind:
    """How a kind of customers buys: every so many days, for about so much, at this hour, in these departments."""

    every: int
    amount: int
    hour: int
    departments: tuple[str, ...]


KINDS = (
    Kind(every=6, amount=90, hour=18, departments=("MEAT", "GROCERY", "GROCERY")),
    Kind(every=9, amount=15, hour=9, departments=("FUEL",)),
    Kind(every=50, amount=30, hour=13, departments=("GROCERY", "DRUGS")),
)
_PLACES = ("GROCERY", "MEAT", "FUEL", "DRUGS", "TOYS")


def departments(conn: psycopg.Connection) -> None:
    """A product of each department; 6 has none."""
    products = [{"product_id": n + 1, "external_id": f"p{n + 1}", "department": d} for n, d in enumerate(_PLACES)]
    give(conn, "core.products", [*products, {"product_id": 6, "external_id": "p6"}])


def add_customers(
    conn: psycopg.Connection, kind: Kind, first: int, count: int, *, days: int = 180, last: dt.date = DAY, seed: int = 1
) -> None:
    """Customers `first` and following, who buy as their kind does in the `days` until `last`."""
    rng = random.Random(seed + first)
    give(conn, "core.customers", [{"customer_id": first + n} for n in range(count)])
    orders, lines = [], []
    for customer in range(first, first + count):
        ago = rng.randrange(kind.every)
        while ago < days:
            orders.append(an_order(len(orders) + first * 1_000, customer, last - dt.timedelta(days=ago), kind, rng))
            lines += lines_of(orders[-1], kind)
            ago += max(1, round(rng.gauss(kind.every, kind.every / 5)))
    give(conn, "core.orders", orders)
    give(conn, "core.order_lines", lines)


def an_order(number: int, customer: int, day: dt.date, kind: Kind, rng: random.Random) -> dict[str, object]:
    """One of its lines costs as much as the other."""
    each = max(1, round(rng.gauss(kind.amount, kind.amount / 6))) // len(kind.departments) + 1
    revenue = each * len(kind.departments)
    return {
        "order_id": number, "external_id": f"o{number}", "customer_id": customer, "ordered_on": day,
        "ordered_at": f"{day}T{kind.hour}:30:00Z", "revenue": revenue, "base_revenue": revenue,
        "line_count": len(kind.departments), "discount": rng.randrange(3),
    }  # fmt: skip


def lines_of(order: dict[str, object], kind: Kind) -> list[dict[str, object]]:
    """The order's lines."""
    each = int(str(order["revenue"])) / len(kind.departments)
    return [
        {"order_id": order["order_id"], "line_no": n + 1, "product_id": _PLACES.index(d) + 1, "amount": each}
        for n, d in enumerate(kind.departments)
    ]


def open_shop(conn: psycopg.Connection, *, each: int = 20, days: int = 180) -> None:
    """`each` customers of each kind: 1 to `each` of the first, and so on."""
    departments(conn)
    for number, kind in enumerate(KINDS):
        add_customers(conn, kind, 1 + number * each, each, days=days)
