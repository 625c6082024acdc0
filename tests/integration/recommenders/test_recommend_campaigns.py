"""Campaigns for customers: better than any single signal, said why, known the day before only; refused with clear words."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import psycopg
import pytest

from marketflow.recommenders.campaigns import recommend_campaigns
from marketflow.recommenders.campaigns import run as campaigns_run
from marketflow.shared import Clock
from marketflow.warehouse import load_transforms, run_transform
from marketflow.warehouse.builds import published_runs
from table_rows import NOW, give

DAY = dt.date(2017, 12, 31)
_STARTS = [DAY - dt.timedelta(days=days) for days in (300, 260, 220, 180, 140, 100, 60, 10, -5)]
CUSTOMERS = 400


def write(
    conn: psycopg.Connection, *, starts: list[dt.date] = _STARTS, answers: bool = True, coupons: bool = True
) -> None:
    """Customers of whom a third likes coupons; campaigns of 30 days, each for one of three products."""
    rng = np.random.default_rng(3)
    give(conn, "core.customers", [{"customer_id": n} for n in range(1, CUSTOMERS + 1)])
    give(
        conn,
        "core.products",
        [{"product_id": n, "external_id": f"p{n}", "category": f"KIND {n}", "brand": "National"} for n in (1, 2, 3)],
    )
    give(conn, "core.campaigns", [
        {"campaign_id": n, "external_id": f"c{n}", "theme": f"Type {n % 2}", "starts_on": str(start),
         "ends_on": str(start + dt.timedelta(days=30))} for n, start in enumerate(starts, start=1)
    ])  # fmt: skip
    if coupons:
        give(conn, "core.coupons", [
            {"coupon_id": n, "external_id": f"k{n}", "campaign_ref": f"c{n}", "product_ref": f"p{n % 3 + 1}"}
            for n in range(1, len(starts) + 1)
        ])  # fmt: skip
    likes = rng.random(CUSTOMERS) < 1 / 3
    _write_orders(conn, rng, likes)
    _write_events(conn, rng, likes, starts, answers)


def _write_orders(conn: psycopg.Connection, rng: np.random.Generator, likes: np.ndarray) -> None:
    orders, baskets = [], []
    for customer in range(1, CUSTOMERS):  # the last one has never bought
        for back in range(int(rng.integers(12)), 330, 12):
            day = DAY - dt.timedelta(days=back)
            at = dt.datetime.combine(day, dt.time(17), dt.UTC)
            number = len(orders) + 1
            coupon = 0.5 if rng.random() < (0.3 if likes[customer - 1] else 0.03) else 0
            orders.append((number, "shop", f"o{number}", customer, at, day, 1, 2, coupon, "USD", 1, 2))
            product = f"p{customer % 3 + 1}" if rng.random() < 0.7 else f"p{int(rng.integers(3)) + 1}"
            baskets.append((number, 1, [1], [product], [1], [2], [0], [coupon]))
    _copy(conn, "core.orders (order_id, source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue,"
          " discount, currency, file_id, base_revenue)", orders)  # fmt: skip
    _copy(conn, "core.baskets (order_id, first_no, record_nos, product_refs, quantities, amounts, retail_discounts,"
          " coupon_discounts)", baskets)  # fmt: skip


def _write_events(
    conn: psycopg.Connection, rng: np.random.Generator, likes: np.ndarray, starts: list[dt.date], answers: bool
) -> None:
    rows = []
    for n, start in enumerate(starts, start=1):
        for customer in (np.flatnonzero(rng.random(CUSTOMERS) < 0.6) + 1).tolist():
            if start > DAY or customer == CUSTOMERS:
                continue
            rows.append((start, "campaign_received", customer, n))
            fits = customer % 3 == n % 3
            after = start + dt.timedelta(days=int(rng.integers(1, 25)))
            if (
                answers
                and after <= DAY
                and rng.random() < (0.35 if likes[customer - 1] else 0.03) * (1.5 if fits else 0.7)
            ):
                rows.append((after, "coupon_redeemed", customer, n))
    events = [
        (day, f"00000000-0000-0000-0000-{place:012d}", "shop", kind, customer,
         dt.datetime.combine(day, dt.time(17), dt.UTC), json.dumps({"campaign": f"c{n}"}))
        for place, (day, kind, customer, n) in enumerate(rows)
    ]  # fmt: skip
    _copy(conn, "core.events (occurred_on, event_id, source, event_type, customer_id, occurred_at, properties)", events)


def _copy(conn: psycopg.Connection, table: str, rows: list[tuple]) -> None:
    with conn.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def rows_of(conn: psycopg.Connection, run_id: int) -> list[tuple]:
    query = (
        "SELECT customer_id, campaign_id, rank, customer_rank, score, reason FROM models.campaign_recommendations"
        " WHERE run_id = %s ORDER BY 1, 3"
    )
    return conn.execute(query, [run_id]).fetchall()


def test_it_beats_every_single_signal_and_ranks_both_ways(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    run = recommend_campaigns(conn, clock=clock)
    assert run.published, run.reason
    (deciding,) = [s for s in run.metrics["scores"] if s["decides"]]
    others = [s["baseline_value"] for s in run.metrics["scores"] if s["metric"] == "auc"]
    assert len(others) == 7
    assert deciding["ours"] > deciding["baseline_value"] == max(others)
    rows = rows_of(conn, run.run_id)
    assert len(rows) == run.rows
    assert {campaign for _, campaign, *_ in rows} == {8, 9}, "one runs, one comes; the others are over"
    for campaign in (8, 9):
        ranked = sorted((r for r in rows if r[1] == campaign), key=lambda r: r[3])
        assert [r[3] for r in ranked] == list(range(1, len(ranked) + 1))
        assert [r[4] for r in ranked] == sorted((r[4] for r in ranked), reverse=True)
    answered = conn.execute(
        "SELECT customer_id FROM core.events WHERE event_type = 'coupon_redeemed' AND properties ->> 'campaign' = 'c8'"
    ).fetchall()
    assert answered
    assert {c for (c,) in answered}.isdisjoint({r[0] for r in rows if r[1] == 8}), "who answered gets it no more"
    for customer in {r[0] for r in rows}:
        own = [r for r in rows if r[0] == customer]
        assert [r[2] for r in own] == list(range(1, len(own) + 1))
        assert [r[4] for r in own] == sorted((r[4] for r in own), reverse=True)
    best = [r[5] for r in rows if r[3] <= 20]
    assert any("used coupons of" in reason for reason in best)
    assert any("buys what it offers: Kind" in r[5] for r in rows)


def test_a_customer_without_history_is_ranked_by_what_campaigns_did(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    run = recommend_campaigns(conn, clock=clock)
    own = [r for r in rows_of(conn, run.run_id) if r[0] == CUSTOMERS]
    assert len(own) == 2
    assert {r[5] for r in own} == {"nothing is known of this customer yet: ranked by how such campaigns did"}
    assert all(0 < r[4] < 0.2 for r in own)


def test_the_past_does_not_know_the_future(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    past = DAY - dt.timedelta(days=45)
    before = recommend_campaigns(conn, clock=clock, as_of=past)
    assert before.rows
    assert not before.published
    conn.execute(
        "DELETE FROM core.baskets WHERE order_id IN (SELECT order_id FROM core.orders WHERE ordered_on > %s)", [past]
    )
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [past])
    conn.execute("DELETE FROM core.events WHERE occurred_on > %s", [past])
    after = recommend_campaigns(conn, clock=clock, as_of=past)
    assert rows_of(conn, after.run_id) == rows_of(conn, before.run_id)
    assert after.metrics == before.metrics


def click(conn: psycopg.Connection, campaign: int, customer: int, day: dt.date) -> None:
    give(conn, "core.events", [
        {"event_id": "00000000-0000-0000-0001-000000000001", "event_type": "campaign_clicked", "customer_id": customer,
         "occurred_on": str(day), "occurred_at": f"{day}T17:00:00Z", "properties": {"campaign": f"c{campaign}"}}
    ])  # fmt: skip


@pytest.mark.parametrize("coupons", [True, False], ids=["by coupons", "by purchases, and of one campaign by a click"])
def test_parts_that_bound_the_memory_change_nothing(
    conn: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch, coupons: bool
) -> None:
    write(conn, coupons=coupons, answers=coupons)
    if not coupons:
        click(conn, 8, receiver(conn, "c8"), DAY - dt.timedelta(days=1))
    whole = rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)
    monkeypatch.setattr(campaigns_run, "_AT_A_TIME", 37)
    parts = rows_of(conn, recommend_campaigns(conn, clock=clock).run_id)
    assert [(*r[:4], r[5]) for r in parts] == [(*r[:4], r[5]) for r in whole]
    assert [r[4] for r in parts] == pytest.approx([r[4] for r in whole])
    if not coupons:
        assert len([r for r in whole if r[1] == 8]) == CUSTOMERS - 1, (
            "who bought has not clicked: only she has answered"
        )


def receiver(conn: psycopg.Connection, ref: str) -> int:
    """The first who got it."""
    query = "SELECT min(customer_id) FROM core.events WHERE event_type = 'campaign_received' AND properties ->> 'campaign' = %s"
    row = conn.execute(query, [ref]).fetchone()
    assert row is not None
    return int(row[0])


def test_a_few_per_customer(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    run = recommend_campaigns(conn, clock=clock, per_customer=1)
    assert {r[2] for r in rows_of(conn, run.run_id)} == {1}


def test_without_coupons_a_purchase_within_the_window_counts(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, answers=False, coupons=False)
    run = recommend_campaigns(conn, clock=clock, attribution_days=3)
    assert run.rows > 0
    assert not any("used coupons of" in r[5] for r in rows_of(conn, run.run_id))
    refused = recommend_campaigns(conn, clock=clock, attribution_days=0)
    assert "nobody answered any of the 7 campaigns" in (refused.reason or "")


def test_what_was_sent_from_here_is_learnt_from_and_not_proposed(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn, starts=_STARTS[-2:])
    give(conn, "activation.plans", [{"plan_id": 1}])
    give(conn, "core.contact_points", [{"contact_point_id": n, "address_hash": f"\\x{n:08x}"} for n in range(1, 301)])
    give(conn, "activation.sends", [
        {"send_id": n, "plan_id": 1, "contact_point_id": n, "customer_id": n, "state": "sent", "message_id": f"m{n}",
         "occasion": "2017-10-10", "settled_at": "2017-10-10T15:00:00Z"} for n in range(1, 301)
    ])  # fmt: skip
    run = recommend_campaigns(conn, clock=clock, attribution_days=3)
    assert run.rows > 0, run.reason
    assert {r[1] for r in rows_of(conn, run.run_id)} == {1, 2}


def test_the_mart_follows_the_published_run(conn: psycopg.Connection, clock: Clock) -> None:
    write(conn)
    run = recommend_campaigns(conn, clock=clock)
    transform = load_transforms()["marts.campaign_recommendations"]
    params = {"as_of": DAY, **published_runs(conn, clock)}
    run_transform(conn, transform, params, now=NOW, data_as_of=NOW)
    count = "SELECT count(*), count(DISTINCT model_run_id), min(campaign_name) FROM marts.campaign_recommendations"
    assert conn.execute(count).fetchone() == (run.rows, 1, "Type 0 c8")


@pytest.mark.parametrize(
    ("starts", "answers", "reason"),
    [
        ([], True, "no campaign is known"),
        (_STARTS[:3], True, "no campaign runs on 2017-12-31 or begins in the 28 days after"),
        (_STARTS, False, "nobody answered any of the 7 campaigns to learn from"),
        (_STARTS[-1:], True, "nobody is known to have received a campaign until 2017-12-31"),
        (_STARTS[-2:], True, "to learn from"),
    ],
    ids=["no campaigns", "all are over", "nobody answered", "nobody received", "the first one"],
)
def test_what_it_cannot_do_is_refused_with_the_reason(
    conn: psycopg.Connection, clock: Clock, starts: list[dt.date], answers: bool, reason: str
) -> None:
    write(conn, starts=starts, answers=answers)
    run = recommend_campaigns(conn, clock=clock)
    assert (run.rows, run.published) == (0, False)
    assert run.reason is not None
    assert reason in run.reason
