"""Orders of customers with rhythms of their own, some of whom leave, or with none at all: written to core directly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import psycopg

from table_rows import give

DAY = dt.date(2017, 12, 31)
Order = tuple[int, dt.date, str, float | None]


def write(conn: psycopg.Connection, orders: Iterable[Order], customers: Iterable[int] = ()) -> None:
    """Orders of (customer, day, kind, revenue in the shop's currency), and the customers of them and these."""
    orders = list(orders)
    everybody = sorted({customer for customer, *_ in orders} | set(customers))
    if everybody:
        give(conn, "core.customers", [{"customer_id": n} for n in everybody])
    columns = "source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, file_id, kind, base_revenue"
    with conn.cursor().copy(f"COPY core.orders ({columns}) FROM STDIN") as copy:
        for n, (customer, day, kind, revenue) in enumerate(orders):
            at = dt.datetime.combine(day, dt.time(17), dt.UTC)
            copy.write_row(("shop", f"o{n}", customer, at, day, 1, revenue or 1, 0, "USD", 1, kind, revenue))


def rhythmic(customers: int = 400, days: int = 365, *, seed: int = 5, stop: float = 0.05) -> list[Order]:
    """Customers who buy every 3 to 40 days, each with a `stop` chance after a purchase to leave for good."""
    rng = np.random.default_rng(seed)
    orders: list[Order] = []
    for customer in range(1, customers + 1):
        gap, day = rng.uniform(3, 40), float(rng.uniform(0, days * 0.6))
        while day < days:
            on = DAY - dt.timedelta(days=days - 1 - int(day))
            orders.append((customer, on, "sale", round(float(rng.lognormal(3, 0.5)), 2)))
            if rng.random() < 0.05:
                orders.append((customer, min(on + dt.timedelta(days=2), DAY), "return", -5.0))
            if rng.random() < stop:
                break
            day += max(1.0, rng.gamma(4, gap / 4))
    return orders


def shapeless(customers: int = 600, days: int = 365, *, seed: int = 5) -> list[Order]:
    """Everybody buys on any day with the same chance: nothing that is known of a customer helps."""
    rng = np.random.default_rng(seed)
    return [
        (customer, DAY - dt.timedelta(days=int(back)), "sale", 10.0)
        for customer in range(1, customers + 1)
        for back in np.flatnonzero(rng.random(days) < 1 / 25)
    ]
