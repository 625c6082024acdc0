"""Fill the temporary table `plan_audience`, inside the server: a million ids never pass through Python."""

from __future__ import annotations

import datetime as dt

import psycopg
from psycopg import sql

from marketflow.campaigns.audience.events import Events
from marketflow.campaigns.audience.predicate import AudienceRefused, compile_predicate
from marketflow.campaigns.definition import Campaign
from marketflow.privacy import ACCOUNT, KeyRing
from marketflow.warehouse import queries

_TIMEOUT_MS = 30_000


def select_audience(
    conn: psycopg.Connection,
    campaign: Campaign,
    *,
    occasion_on: dt.date,
    dry_run: bool,
    keys: KeyRing,
    now: dt.datetime,
    timeout_ms: int = _TIMEOUT_MS,
    events: Events | None = None,
) -> int:
    """Make and fill pg_temp.plan_audience in the caller's transaction; returns its size. Raises AudienceRefused.

    `events`: those to whom it happened, and of them those that fit the condition, if there is one.
    """
    q = queries("campaigns")
    conn.execute(q["drop_audience"])
    conn.execute(q["make_audience"])
    if campaign.audience.where is not None:
        _by_condition(conn, campaign.audience.where, timeout_ms)
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


def _by_condition(conn: psycopg.Connection, text: str, timeout_ms: int) -> None:
    q = queries("campaigns")
    columns = [str(name) for (name,) in conn.execute(q["audience_columns"])]
    predicate = compile_predicate(text, columns)
    insert = sql.SQL(
        "INSERT INTO pg_temp.plan_audience (customer_id) SELECT customer_id FROM marts.customer_360 WHERE {}"
    ).format(predicate)
    conn.execute(q["lend_audience"])
    before = conn.execute(q["current_settings"]).fetchone()
    assert before is not None  # settings always have values
    try:
        with conn.transaction():  # a savepoint: read-only ends with it, and an error undoes the rest
            conn.execute(q["become_audience"], {"timeout_ms": timeout_ms})
            conn.execute(insert)
    except psycopg.errors.QueryCanceled:
        raise AudienceRefused(f"the condition took longer than {timeout_ms / 1000:g} s") from None
    except (psycopg.errors.DataError, psycopg.errors.ProgrammingError) as error:
        raise AudienceRefused(f"the condition cannot be evaluated: {error.diag.message_primary}") from None
    conn.execute(q["restore_settings"], {"role": before[0], "statement_timeout": before[1]})


def _by_accounts(
    conn: psycopg.Connection, campaign: Campaign, *, keys: KeyRing, now: dt.datetime, dry_run: bool
) -> None:
    q, accounts = queries("campaigns"), campaign.audience.accounts or ()
    hashes = {keys.keyed_hash(name): name for name in accounts}
    for address_hash, name in hashes.items() if not dry_run else ():
        values = {"channel": campaign.channel, "address_hash": address_hash, "now": now}
        conn.execute(q["account_upsert"], {**values, "address": keys.encrypt(name, ACCOUNT)})
    conn.execute(q["audience_of_accounts"], {"channel": campaign.channel, "keyed": list(hashes)})
