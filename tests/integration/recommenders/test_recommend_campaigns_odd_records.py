"""Campaigns for customers from records that are odd: lines twice, weights, huge baskets, and machines that shop."""

from __future__ import annotations

import numpy as np
import psycopg

from integration.recommenders.test_recommend_campaigns import _STARTS, CUSTOMERS, DAY, rows_of, write
from marketflow.recommenders.campaigns import recommend_campaigns
from marketflow.shared import Clock
from table_rows import give

_ORDERS = """
INSERT INTO core.orders (
    order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, file_id,
    base_revenue
) OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 'shop', 'more' || n, %s, %s::date - n / 4, %s::date - n / 4, 3, 6, 3, 'USD', 1, 6
FROM generate_series(0, %s) AS n
"""
_BASKETS = """
INSERT INTO core.baskets (
    order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts, coupon_discounts
)
"""


def test_lines_that_come_twice_and_quantities_by_weight_change_nothing(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    plain = rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)
    conn.execute(
        "UPDATE core.baskets SET record_nos = record_nos || record_nos, product_refs = product_refs || product_refs,"
        " quantities = ARRAY[0.347, 12.5], amounts = amounts || amounts,"
        " retail_discounts = retail_discounts || retail_discounts, coupon_discounts = coupon_discounts || ARRAY[0.0]"
    )
    assert rows_of(conn, recommend_campaigns(conn, clock=clock).run_id) == plain


def test_a_basket_of_ten_thousand_lines_is_its_customers_alone(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    plain = rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)
    conn.execute(
        "INSERT INTO core.products (product_id, source, external_id, in_catalogue, updated_at)"
        " OVERRIDING SYSTEM VALUE SELECT n, 'shop', 'p' || n, true, '2017-01-01' FROM generate_series(4, 5000) AS n"
    )
    conn.execute(_ORDERS, [CUSTOMERS, DAY, DAY, 0])
    conn.execute(
        f"{_BASKETS} SELECT 1000000, 1, array_agg(n), array_agg('p' || 1 + n / 2), array_agg(1), array_agg(1),"
        " array_agg(0), array_agg(0) FROM generate_series(0, 9999) AS n"
    )
    found = rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)
    same = [(*r[:3], *r[4:]) for r in found if r[0] != CUSTOMERS]
    assert same == [(*r[:3], *r[4:]) for r in plain if r[0] != CUSTOMERS]
    own = [r for r in found if r[0] == CUSTOMERS]
    assert len(own) == 2
    assert not any("nothing is known" in r[5] for r in own)


def test_who_buys_everything_and_answers_everything_is_one_among_many(conn: psycopg.Connection, clock: Clock) -> None:
    """Four times a day all there is, with coupons, for eleven months; and every campaign answered on its first day."""
    write(conn)
    plain = {r[:2]: r[4] for r in rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)}
    conn.execute(_ORDERS, [CUSTOMERS, DAY, DAY, 1_319])
    conn.execute(
        f"{_BASKETS} SELECT 1000000 + n, 1, '{{1,2,3}}', '{{p1,p2,p3}}', '{{1,1,1}}', '{{2,2,2}}', '{{0,0,0}}', '{{1,1,1}}'"
        " FROM generate_series(0, 1319) AS n"
    )
    give(conn, "core.events", [
        {"event_id": f"00000000-0000-0000-0002-{place:04d}{n:08d}", "event_type": kind, "customer_id": CUSTOMERS,
         "occurred_on": str(start), "occurred_at": f"{start}T17:00:00Z", "properties": {"campaign": f"c{n}"}}
        for n, start in enumerate(_STARTS[:-2], start=1)
        for place, kind in enumerate(("campaign_received", "campaign_opened", "campaign_clicked", "coupon_redeemed"))
    ])  # fmt: skip
    run = recommend_campaigns(conn, clock=clock)
    assert run.published, run.reason
    found = {r[:2]: r[4] for r in rows_of(conn, run.run_id)}
    assert found.keys() == plain.keys()
    assert found[CUSTOMERS, 8] == max(score for (_, campaign), score in found.items() if campaign == 8)
    assert found[CUSTOMERS, 8] < 1
    apart = [abs(found[key] - plain[key]) for key in plain if key[0] != CUSTOMERS]
    assert max(apart) < 0.1
    assert float(np.mean(apart)) < 0.02
