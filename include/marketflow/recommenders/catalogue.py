"""What may be proposed, before anything is learnt of it."""

from __future__ import annotations

import psycopg

from marketflow.shared import Clock
from marketflow.warehouse import data_as_of, excluded_products, load_transforms, lock_job, queries, run_transform


def know_products(conn: psycopg.Connection, clock: Clock) -> None:
    """Bring marts.products up to date where it lacks a product: the other marts are built only after the models.

    In a transaction of its own if the caller has none open: the lock would keep the marts from being built meanwhile.
    """
    with conn.transaction():
        row = conn.execute(queries("recommenders")["unknown_products"]).fetchone()
        if not row or not row[0]:
            return
        lock_job(conn, "build_marts")  # it writes the same table
        products, excluded = load_transforms()["marts.products"], excluded_products()
        run_transform(conn, products, excluded, now=clock.now(), data_as_of=data_as_of(conn, clock))
