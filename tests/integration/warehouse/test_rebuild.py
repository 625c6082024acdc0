"""Re-running a day, a month or everything changes no row that should not change; what is damaged is repaired."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from checksums import table_checksums
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, build_marts, rebuild_warehouse
from two_systems import deliver, loads

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
STAGES = ["core", "privacy", "features", "marts"]
# Rows of May that somebody has spoiled, each in another way.
DAMAGE = """
UPDATE core.orders SET revenue = 1, customer_id = NULL WHERE ordered_on BETWEEN '2017-05-01' AND '2017-05-31' AND source = 'web';
UPDATE core.orders SET base_revenue = 4 WHERE ordered_on BETWEEN '2017-05-01' AND '2017-05-31' AND source = 'till';
UPDATE core.baskets AS b
SET record_nos = b.record_nos[:1], product_refs = b.product_refs[:1], quantities = b.quantities[:1], amounts = b.amounts[:1],
    retail_discounts = b.retail_discounts[:1], coupon_discounts = b.coupon_discounts[:1]
FROM core.orders AS o WHERE b.order_id = o.order_id AND o.ordered_on BETWEEN '2017-05-01' AND '2017-05-31';
UPDATE core.events SET event_type = 'spoiled', customer_id = NULL WHERE occurred_on BETWEEN '2017-05-01' AND '2017-05-31';
UPDATE core.customers SET age_band = 'spoiled', given_name = 'x' WHERE customer_id < 4;
UPDATE core.customer_versions SET age_band = 'spoiled' WHERE valid_to IS NULL;
UPDATE core.products SET category = 'spoiled', in_catalogue = false WHERE in_catalogue;
UPDATE core.exchange_rates SET rate = 99;
DELETE FROM core.current_addresses WHERE customer_id < 3;
UPDATE core.customer_keys SET customer_id = 1;
DELETE FROM core.contacts;
DELETE FROM marts.revenue_daily WHERE ordered_on BETWEEN '2017-05-01' AND '2017-05-31';
UPDATE marts.customer_360 SET orders = 77;
"""


@pytest.fixture
def built(conn: psycopg.Connection, clock: Clock) -> psycopg.Connection:
    """Core and marts from five loads, one after the other."""
    for number, load in enumerate(loads(), start=1):
        deliver(conn, number, load)
        build_core(conn, clock=clock, shop=SHOP)
    build_marts(conn, clock=clock)
    return conn


@pytest.mark.parametrize(
    "days",
    [(dt.date(2017, 5, 15), dt.date(2017, 5, 15)), (dt.date(2017, 5, 1), dt.date(2017, 5, 31)), (None, None)],
    ids=["a day", "a month", "everything"],
)
def test_the_rows_stay_the_same(
    built: psycopg.Connection, clock: Clock, days: tuple[dt.date | None, dt.date | None]
) -> None:
    before = table_checksums(built, STAGES)
    assert len([rows for rows in before.values() if not rows.startswith("0 ")]) > 20
    done = rebuild_warehouse(built, clock=clock, shop=SHOP, day_from=days[0], day_to=days[1])
    assert done.loads == [1, 2, 3, 4, 5]
    assert done.days == {dt.date(2017, 5, 15): 1, dt.date(2017, 5, 1): 2, None: 11}[days[0]]
    assert table_checksums(built, STAGES) == before


@pytest.mark.parametrize(
    "days", [(dt.date(2017, 5, 1), dt.date(2017, 5, 31)), (None, None)], ids=["a month", "everything"]
)
def test_damaged_rows_are_repaired(
    built: psycopg.Connection, clock: Clock, days: tuple[dt.date | None, dt.date | None]
) -> None:
    before = table_checksums(built, STAGES)
    built.execute(DAMAGE)
    spoiled = table_checksums(built, STAGES)
    assert len([table for table in before if before[table] != spoiled[table]]) == 12
    rebuild_warehouse(built, clock=clock, shop=SHOP, day_from=days[0], day_to=days[1])
    assert table_checksums(built, STAGES) == before


@pytest.mark.parametrize("forgotten", [[1], [1, 2, 3], [3], [1, 2, 3, 4, 5]])
def test_what_raw_holds_no_longer_stays(built: psycopg.Connection, clock: Clock, forgotten: list[int]) -> None:
    before = table_checksums(built, STAGES)
    tables = [t for (t,) in built.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'raw'")]
    for table in tables:
        built.execute(
            psycopg.sql.SQL("DELETE FROM raw.{} WHERE load_id = any(%s)").format(psycopg.sql.Identifier(table)),
            [forgotten],
        )
    rebuild_warehouse(built, clock=clock, shop=SHOP)
    assert table_checksums(built, STAGES) == before


def test_a_rebuild_wakes_nobody_for_what_stayed_the_same(built: psycopg.Connection, clock: Clock) -> None:
    (newest,) = built.execute("SELECT max(change_id) FROM ops.pending_changes").fetchone() or (0,)
    rebuild_warehouse(built, clock=clock, shop=SHOP)
    entities = {e for (e,) in built.execute("SELECT entity FROM ops.pending_changes WHERE change_id > %s", [newest])}
    assert "day" not in entities
    assert "product" not in entities
