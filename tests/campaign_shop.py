"""Builders for tests of campaigns: customers, orders, freshness, and campaigns of a test's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg

from marketflow.campaigns import Campaign, PlanSummary, plan_campaign
from marketflow.campaigns.definition import load_campaign
from marketflow.privacy import EMAIL, GIVEN_NAME, KeyRing, generate_key_ring
from marketflow.shared import Clock

DAY = dt.date(2017, 12, 31)
THEN = dt.datetime(2017, 12, 1, tzinfo=dt.UTC)
KEYS_JSON = generate_key_ring()
RING = KeyRing.from_json(KEYS_JSON)
TABLES = ("customer_360", "customer_days", "products", "related_products", "product_recommendations", "top_products")
People = dict[str, tuple[int, int | None]]


class Desk:
    """Plans one campaign of the small shop, as its DAG would."""

    def __init__(self, conn: psycopg.Connection, clock: Clock) -> None:
        self.conn, self.clock = conn, clock

    def plan(self, campaign: Campaign, **options: Any) -> PlanSummary:
        options = {"business_date": DAY, "dry_run": False, "keys": RING, "clock": self.clock} | options
        summary = plan_campaign(self.conn, campaign, **options)
        self.conn.commit()
        return summary

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, list(values)).fetchall()

    def outcomes(self, plan_id: int) -> dict[int, str]:
        return dict(self.rows("SELECT customer_id, outcome FROM activation.plan_members WHERE plan_id = %s", plan_id))

    def ledger(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT customer_id, plan_id, state FROM activation.sends ORDER BY customer_id")


def add_customer(
    conn: psycopg.Connection,
    name: str | None,
    *,
    email: bool = True,
    consent: bool | None = True,
    segment: str = "at_risk",
) -> tuple[int, int | None]:
    """One customer of the shop, with an address and a consent where wanted: (customer_id, contact_point_id)."""
    sealed = RING.encrypt(name, GIVEN_NAME) if name is not None else None
    [customer] = conn.execute(
        "INSERT INTO core.customers (given_name, is_simulated, first_seen_at, updated_at) VALUES (%s, true, %s, %s) RETURNING customer_id",
        [sealed, THEN, THEN],
    ).fetchone()
    point = None
    if email:
        address = f"person{customer}@example.com"
        [point] = conn.execute(
            "INSERT INTO core.contact_points (channel, address_hash, address, customer_id, is_simulated, first_seen_at)"
            " VALUES ('email', %s, %s, %s, true, %s) RETURNING contact_point_id",
            [RING.keyed_hash(address), RING.encrypt(address, EMAIL), customer, THEN],
        ).fetchone()
        if consent is not None:
            conn.execute(
                "INSERT INTO privacy.consents VALUES (%s, 'email', 'marketing', %s, %s)", [point, consent, THEN]
            )
    conn.execute(
        "INSERT INTO marts.customer_360 (customer_id, segment, recency_days, orders, revenue, campaigns_received, coupons_redeemed,"
        " email_contact_point_id, email_consent, locale, time_zone, country, is_simulated, is_test)"
        " VALUES (%s, %s, 40, 3, 99.5, 0, 0, %s, %s, 'en-US', 'UTC', 'US', true, false)",
        [customer, segment, point, bool(consent)],
    )
    return customer, point


def add_order(conn: psycopg.Connection, customer: int, products: list[int], day: dt.date = DAY) -> None:
    conn.execute("INSERT INTO marts.customer_days VALUES (%s, %s, 1, 10, %s)", [day, customer, products])


def suppress(conn: psycopg.Connection, point: int, reason: str = "hard_bounce") -> None:
    conn.execute(
        "INSERT INTO privacy.suppressions SELECT channel, address_hash, %s, %s FROM core.contact_points WHERE contact_point_id = %s",
        [reason, THEN, point],
    )


def fresh(conn: psycopg.Connection, day: dt.date = DAY) -> None:
    conn.execute(
        "INSERT INTO ops.table_freshness SELECT 'marts.' || t, %s, %s, 1 FROM unnest(%s::text []) AS t"
        " ON CONFLICT (table_name) DO UPDATE SET data_as_of = excluded.data_as_of",
        [day, THEN, list(TABLES)],
    )


def write_campaign(folder: Path, **files: str) -> Campaign:
    """A campaign of a test's own; `yaml` is its campaign.yaml, the others are templates without their suffix."""
    folder.mkdir(parents=True)
    names = {"yaml": "campaign.yaml", "subject": "subject.txt", "text": "body.txt", "html": "body.html"}
    for part, text in files.items():
        (folder / names[part]).write_text(text)
    return load_campaign(folder)
