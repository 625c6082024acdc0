"""Fill the temporary table `plan_audience`, inside the server: a million ids never pass through Python."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import psycopg

from marketflow.campaigns.audience.condition import TIMEOUT_MS, fill_by_condition, insert_by_condition
from marketflow.campaigns.audience.events import Events
from marketflow.campaigns.audience.predicate import About
from marketflow.campaigns.audience.words import ShopWords
from marketflow.campaigns.definition import Campaign
from marketflow.privacy import ACCOUNT, KeyRing
from marketflow.warehouse import queries


def select_audience(
    conn: psycopg.Connection,
    campaign: Campaign,
    *,
    occasion_on: dt.date,
    dry_run: bool,
    keys: KeyRing,
    now: dt.datetime,
    time_zone: ZoneInfo | None = None,
    timeout_ms: int = TIMEOUT_MS,
    events: Events | None = None,
) -> int:
    """Make and fill pg_temp.plan_audience in the caller's transaction; returns its size. Raises AudienceRefused.

    `events`: those to whom it happened, and of them those that fit the condition, if there is one.
    Days of a condition are counted back from `occasion_on`, in the shop's `time_zone`.
    """
    q = queries("campaigns")
    conn.execute(q["drop_audience"])
    conn.execute(q["make_audience"])
    if campaign.audience.where is not None:
        about = About(day=occasion_on, time_zone=time_zone or ZoneInfo("UTC"), unknown=ShopWords(conn))
        # where events choose, the condition only leaves some of them out: it may well be true of everybody else
        choose = insert_by_condition if events is None else fill_by_condition
        choose(conn, campaign.audience.where, about, timeout_ms)
    elif campaign.audience.accounts is not None:
        _by_accounts(conn, campaign, keys=keys, now=now, dry_run=dry_run)
    elif events is None:
        conn.execute(q["audience_of_orders"], {"occasion_on": occasion_on})
    if events is not None:
        events.fill(conn, chosen=campaign.audience.where is not None)
    conn.execute(q["analyze_audience"])
    row = conn.execute(q["audience_size"]).fetchone()
    assert row is not None  # an aggregate always has a row
    return int(row[0])


def _by_accounts(
    conn: psycopg.Connection, campaign: Campaign, *, keys: KeyRing, now: dt.datetime, dry_run: bool
) -> None:
    q, accounts = queries("campaigns"), campaign.audience.accounts or ()
    hashes = {keys.keyed_hash(name): name for name in accounts}
    for address_hash, name in hashes.items() if not dry_run else ():
        values = {"channel": campaign.channel, "address_hash": address_hash, "now": now}
        conn.execute(q["account_upsert"], {**values, "address": keys.encrypt(name, ACCOUNT)})
    conn.execute(q["audience_of_accounts"], {"channel": campaign.channel, "keyed": list(hashes)})
