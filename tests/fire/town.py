"""A town of customers in the warehouse, planned by the real planner: whom the mail server treats how is in the address."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import psycopg

from campaign_shop import write_campaign
from fire.rules import MAX_AGE_DAYS
from ledger_fixture import KEYS
from marketflow.campaigns import Campaign, PlanSummary, plan_campaign, release
from marketflow.campaigns.definition.contact_policy import ContactPolicy
from marketflow.privacy import EMAIL, GIVEN_NAME
from marketflow.shared import Clock

# of 1,000 customers; all others are `ok`, and live in one of ZONES
SHARES = {"gone": 10, "spam": 5, "never": 3, "grey": 20, "full": 8, "storm": 1, "drop": 3, "forget": 3}
ZONES = ("Europe/London", "America/New_York", "Asia/Shanghai", "Nowhere/Nowhere")
DOMAINS = ("example.com", "example.org", "example.net")
TABLES = ("customer_360",)
CAMPAIGN = """\
name: {name}
title: A mail to all of the town
owner: marketing
channel: email
purpose: marketing
trigger: {{"on": manual}}
audience: {{where: "{where}"}}
max_age_days: {max_age_days}
approval: false
priority: {priority}
"""


def settle_town(conn: psycopg.Connection, count: int, *, chance: random.Random, now: dt.datetime) -> dict[int, str]:
    """`count` customers with an address and consent, in the marts too; address by contact point. Commits."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(share * count // 1000)]
    kinds += ["ok"] * (count - len(kinds))
    chance.shuffle(kinds)
    people = {n: f"{kind}-{n}@{DOMAINS[n % len(DOMAINS)]}" for n, kind in enumerate(kinds, start=1)}
    with conn.cursor() as cursor:
        with cursor.copy(
            "COPY core.customers (customer_id, given_name, time_zone, first_seen_at, updated_at) FROM STDIN"
        ) as copy:
            for number in people:
                copy.write_row((number, KEYS.encrypt(f"Ada{number}", GIVEN_NAME), chance.choice(ZONES), now, now))
        with cursor.copy(
            "COPY core.contact_points"
            " (contact_point_id, channel, address_hash, address, customer_id, first_seen_at) FROM STDIN"
        ) as copy:
            for number, address in people.items():
                hashed, sealed = KEYS.keyed_hash(address), KEYS.encrypt(address, EMAIL)
                copy.write_row((number, "email", hashed, sealed, number, now))
    conn.execute(
        "INSERT INTO privacy.consents SELECT contact_point_id, 'email', 'marketing', true, %s FROM core.contact_points",
        [now],
    )
    conn.execute(
        "INSERT INTO marts.customer_360 (customer_id, segment, recency_days, orders, revenue, campaigns_received,"
        " coupons_redeemed, email_contact_point_id, email_consent, locale, time_zone, country, is_simulated, is_test)"
        " SELECT customer_id, 'town', customer_id % 40, 3, 99.5, 0, 0, contact_point_id, true, 'en-US', 'UTC', 'US', true, false"
        " FROM core.contact_points"
    )
    conn.execute("ANALYZE core.contact_points, core.customers, privacy.consents, marts.customer_360")
    conn.commit()
    return people


def mail_to(folder: Path, name: str, where: str = "everybody()", priority: int = 100) -> Campaign:
    """A campaign to the whole town, or to some of it."""
    return write_campaign(
        folder / name,
        yaml=CAMPAIGN.format(name=name, where=where, priority=priority, max_age_days=MAX_AGE_DAYS),
        subject="News for {{ given_name or 'you' }}\n",
        text="Hello {{ given_name or 'you' }}\n{{ unsubscribe_url }}\n",
        html="<p>Hello {{ given_name or 'you' }}</p><a href='{{ unsubscribe_url }}'>unsubscribe</a>\n",
    )


def let_go(conn: psycopg.Connection, campaign: Campaign, clock: Clock, policy: ContactPolicy) -> PlanSummary:
    """Plan and release, as the campaign's DAG does."""
    day = clock.business_date()
    conn.execute(
        "INSERT INTO ops.table_freshness SELECT 'marts.' || t, %s, %s, 1 FROM unnest(%s::text []) AS t"
        " ON CONFLICT (table_name) DO UPDATE SET data_as_of = excluded.data_as_of",
        [day, clock.now(), list(TABLES)],
    )
    plan = plan_campaign(conn, campaign, business_date=day, dry_run=False, policy=policy, keys=KEYS, clock=clock)
    conn.commit()
    assert plan.state == "planned", plan.reason
    assert release(conn, plan.plan_id, clock=clock) == plan.planned
    conn.commit()
    return plan
