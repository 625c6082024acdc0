"""What the database shares out is what the reference shares out, order for order, cent for cent."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from decimal import Decimal

import psycopg
import pytest

from marketflow.evaluation import evaluate_campaigns
from marketflow.evaluation.attribution import MODELS, parts, shares, touches_before
from marketflow.shared import Clock
from table_rows import give

START = dt.datetime(2017, 11, 1, tzinfo=dt.UTC)
WINDOWS = {1: 3, 2: 14, 3: 30}


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """30 customers, 300 messages of three campaigns with windows of their own, 200 orders, clicks on a third."""
    rng = random.Random(11)

    def moment() -> dt.datetime:
        return START + dt.timedelta(seconds=rng.randrange(40 * 86_400), microseconds=rng.randrange(10**6))

    give(conn, "core.customers", [{"customer_id": n} for n in range(1, 31)])
    points = [{"contact_point_id": n, "customer_id": n, "address_hash": f"\\x{n:02x}"} for n in range(1, 31)]
    give(conn, "core.contact_points", points)
    plans = [
        {"plan_id": n, "campaign": f"c{n}", "definition": {"campaign": {"attribution_days": days}}}
        for n, days in WINDOWS.items()
    ]
    give(conn, "activation.plans", plans)
    sends, clicks = [], []
    for n in range(1, 301):
        who, plan, at = rng.randrange(1, 31), rng.randrange(1, 4), moment()
        of = {"send_id": n, "plan_id": plan, "campaign": f"c{plan}", "occasion": str(n), "message_id": str(n)}
        sends.append(of | {"contact_point_id": who, "customer_id": who, "settled_at": at.isoformat()})
        if n % 3 == 0:
            click = (at + dt.timedelta(seconds=rng.randrange(1, 200_000))).isoformat()
            event = {"event_id": f"00000000-0000-0000-0000-{n:012}", "kind": "click", "url": "https://shop.test/"}
            is_by = {"channel": "email", "campaign": f"c{plan}", "verdict": "person", "is_simulated": False}
            clicks.append(event | is_by | {"send_id": n, "occurred_at": click, "recorded_at": click})
    give(conn, "activation.sends", sends)
    give(conn, "activation.tracking_events", clicks)
    orders = []
    for n in range(1, 201):
        at, amount = moment() + dt.timedelta(days=3), rng.randrange(1, 99_999) / 100
        order = {
            "order_id": n,
            "external_id": str(n),
            "customer_id": rng.randrange(1, 31),
            "ordered_at": at.isoformat(),
        }
        orders.append(order | {"ordered_on": at.date().isoformat(), "revenue": amount, "base_revenue": amount})
    give(conn, "core.orders", orders)
    return conn


def test_the_database_and_the_reference_agree(shop: psycopg.Connection, clock: Clock) -> None:
    evaluate_campaigns(shop, clock=clock)
    touches = defaultdict(list)
    sent = "SELECT s.send_id, s.customer_id, s.plan_id, s.settled_at FROM activation.sends AS s"
    clicked = f"{sent.replace('s.settled_at', 't.occurred_at')} JOIN activation.tracking_events AS t USING (send_id)"
    for basis, query in (("sent", sent), ("click", clicked)):
        for send_id, customer, plan, at in shop.execute(query):
            touches[basis, customer].append((at, send_id, WINDOWS[plan]))
    expected = {}
    for basis in ("sent", "click"):
        for order, who, at, revenue in shop.execute(
            "SELECT order_id, customer_id, ordered_at, base_revenue FROM core.orders"
        ).fetchall():
            by_age = sorted(touches[basis, who])
            path = [t for t in by_age if touches_before(at, [(t[0], t[2])])]
            for model in MODELS:
                shared = shares(model, [t[0] for t in path])
                rows = zip(path, shared, parts(revenue, shared), strict=True)
                expected |= {(basis, order, t[1], model): (share, money) for t, share, money in rows}
    found = {}
    for model in MODELS:
        query = f"SELECT basis, order_id, send_id, share_{model}, revenue_{model} FROM marts.attributed_orders"
        found |= {(b, o, s, model): (share, money) for b, o, s, share, money in shop.execute(query)}
    assert len(found) > 2_000
    assert found.keys() == expected.keys()
    far = [key for key in found if abs(found[key][0] - expected[key][0]) > Decimal("1e-12")]
    assert not far
    assert {k: money for k, (_, money) in found.items()} == {k: money for k, (_, money) in expected.items()}


def test_each_model_and_basis_adds_up_to_all_orders(shop: psycopg.Connection, clock: Clock) -> None:
    evaluate_campaigns(shop, clock=clock, half_life_days=2)
    placed = shop.execute(
        "SELECT count(*), sum(base_revenue) FROM core.orders WHERE ordered_at > (SELECT min(settled_at) FROM activation.sends)"
    ).fetchone()
    assert placed is not None
    assert placed[0] > 190
    sums = shop.execute(
        "SELECT sum(orders), sum(revenue) FROM marts.campaign_attribution GROUP BY basis, model"
    ).fetchall()
    assert sums == [placed] * 10
    lonely = shop.execute(
        "SELECT DISTINCT basis, orders > 0 FROM marts.campaign_attribution WHERE campaign = '(none)'"
    ).fetchall()
    assert sorted(lonely) == [("click", True), ("sent", True)]


def test_what_is_gone_goes_and_what_is_the_same_is_not_written_again(shop: psycopg.Connection, clock: Clock) -> None:
    evaluate_campaigns(shop, clock=clock)
    before = set(shop.execute("SELECT basis, order_id, send_id, xmin::text, ctid FROM marts.attributed_orders"))
    shop.commit()
    shop.execute("DELETE FROM core.orders WHERE order_id IN (SELECT max(order_id) FROM marts.attributed_orders)")
    evaluate_campaigns(shop, clock=clock)
    after = set(shop.execute("SELECT basis, order_id, send_id, xmin::text, ctid FROM marts.attributed_orders"))
    assert after < before
