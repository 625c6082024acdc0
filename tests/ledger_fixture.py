"""A filled ledger for tests: customers with contact points and consent, a released plan, and senders that drain it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.delivery import (
    Channel,
    DeliveryOptions,
    DeliverySummary,
    MemoryChannel,
    Outcome,
    OutgoingMessage,
    deliver,
)
from marketflow.privacy import ACCOUNT, EMAIL, GIVEN_NAME, KeyRing, generate_key_ring
from marketflow.shared import Clock
from marketflow.shared.ids import send_key

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]
SENT = Outcome(state="sent")
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 21)
KEYS_JSON = generate_key_ring()
KEYS = KeyRing.from_json(KEYS_JSON)
DEFINITION: dict[str, Any] = {
    "campaign": {"name": "thank_you", "channel": "email"},
    "templates": {
        "subject": "Thank you{% if given_name %}, {{ given_name }}{% endif %}",
        "text": "Hello {{ given_name or 'you' }}, {% for p in products %}{{ p.name }} {% endfor %}\n{{ unsubscribe_url }}\n",
        "html": "<p>Hello {{ given_name or 'you' }}</p><a href='{{ unsubscribe_url }}'>unsubscribe</a>",
    },
    "subject_override": None,
}
POST: dict[str, Any] = {
    "campaign": {"name": "best_sellers", "channel": "webhook"},
    "templates": {"subject": None, "text": "This week: {% for p in products %}{{ p.name }} {% endfor %}", "html": None},
    "subject_override": None,
}
_batches = itertools.count()


@dataclass(frozen=True, kw_only=True)
class HandClock(Clock):
    """A clock that stands still until it is moved."""

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    hands: list[dt.datetime] = field(default_factory=lambda: [NOW])

    def now(self) -> dt.datetime:
        return self.hands[0]

    def pass_time(self, **delta: float) -> None:
        self.hands[0] += dt.timedelta(**delta)


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What `fill` made: ids in the order of the recipients, who are `r<prefix>-<n>@example.com`."""

    plan_id: int
    send_ids: list[int]
    contact_ids: list[int]
    addresses: list[str]
    message_ids: list[str]


def options(**changes: Any) -> DeliveryOptions:
    """Options of a test: windows of 8, leases that a kill test can wait for."""
    return DeliveryOptions(**{"edge_url": "https://edge.test", "brand": "Test Shop", **changes})


def fill(
    conn: psycopg.Connection,
    count: int,
    *,
    campaign: str = "thank_you",
    channel: str = "email",
    purpose: str = "marketing",
    now: dt.datetime = NOW,
    lifetime: dt.timedelta = dt.timedelta(days=3),
    definition: Mapping[str, Any] | None = None,
    names: list[str | None] | None = None,
    consent: bool = True,
    priority: int = 100,
    product_ids: list[int] | None = None,
    domain: str = "example.com",
) -> Filled:
    """`count` recipients with consent and one released message for each; commits."""
    batch = next(_batches)
    occasion = f"{DAY}-{batch}"
    addresses = [f"r{batch}-{n}@{domain}" if channel == "email" else f"account{batch}_{n}" for n in range(count)]
    contact_ids = _contacts(conn, channel, addresses, names or [f"Ada{n}" for n in range(count)], now)
    if consent:
        answers = [(c, channel, purpose, now) for c in contact_ids]
        with conn.cursor() as cursor:
            cursor.executemany("INSERT INTO privacy.consents VALUES (%s, %s, %s, true, %s)", answers)
    frozen = definition or (DEFINITION if channel == "email" else POST)
    frozen = {**frozen, "campaign": {**frozen["campaign"], "name": campaign, "channel": channel}}
    (plan_id,) = _ids(
        conn,
        "INSERT INTO activation.plans (campaign, occasion, channel, definition_version, definition, is_dry_run, state,"
        " business_date, planned_at) VALUES (%s, %s, %s, 'v1', %s, false, 'released', %s, %s) RETURNING plan_id",
        [(campaign, occasion, channel, Jsonb(frozen), DAY, now)],
    )
    message_ids = [f"{send_key(campaign, occasion, c, channel, 0)}@example.com" for c in contact_ids]
    content = Jsonb({"product_ids": product_ids or []})
    send_ids = _ids(
        conn,
        "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, purpose, state, priority,"
        " send_after, expires_at, content, definition_version, message_id, planned_at, released_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'released', %s, %s, %s, %s, 'v1', %s, %s, %s) RETURNING send_id",
        [
            (campaign, occasion, c, channel, plan_id, purpose, priority, now, now + lifetime, content, m, now, now)
            for c, m in zip(contact_ids, message_ids, strict=True)
        ],
    )
    conn.commit()
    return Filled(
        plan_id=plan_id, send_ids=send_ids, contact_ids=contact_ids, addresses=addresses, message_ids=message_ids
    )


def mail(answer: Callable[[OutgoingMessage], Outcome] = lambda _: SENT) -> MemoryChannel:
    """The channel `email`, in memory."""
    return MemoryChannel("email", answer)


def run(opening: Connect, channel: Channel, clock: Clock | None = None, **changes: Any) -> DeliverySummary:
    """One run of the delivery."""
    return deliver(opening, channel, keys=KEYS, clock=clock or HandClock(), options=options(**changes))


def withdraw(conn: psycopg.Connection, contact_id: int) -> None:
    """This person takes the consent back."""
    conn.execute("UPDATE privacy.consents SET granted = false WHERE contact_point_id = %s", [contact_id])
    conn.commit()


def suppress(conn: psycopg.Connection, contact_id: int) -> None:
    """Nobody may write to this address any more."""
    conn.execute(
        "INSERT INTO privacy.suppressions SELECT channel, address_hash, 'complaint', first_seen_at"
        " FROM core.contact_points WHERE contact_point_id = %s",
        [contact_id],
    )
    conn.commit()


def pause(conn: psycopg.Connection, campaign: str, *, is_paused: bool) -> None:
    """Turn a campaign's switch."""
    conn.execute(
        "INSERT INTO activation.campaign_states VALUES (%s, %s, %s, 'ada')"
        " ON CONFLICT (campaign) DO UPDATE SET is_paused = excluded.is_paused",
        [campaign, is_paused, NOW],
    )
    conn.commit()


def states(conn: psycopg.Connection) -> Counter[tuple[str, str | None]]:
    """How many messages are in which state, for which reason."""
    rows = conn.execute("SELECT state, reason, count(*) FROM activation.sends GROUP BY 1, 2").fetchall()
    conn.rollback()
    return Counter({(state, reason): count for state, reason, count in rows})


def by_state(conn: psycopg.Connection) -> Counter[str]:
    """How many messages are in which state."""
    total: Counter[str] = Counter()
    for (state, _), count in states(conn).items():
        total[state] += count
    return total


def row(conn: psycopg.Connection, send_id: int) -> dict[str, Any]:
    """One message's row."""
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        found = cursor.execute("SELECT * FROM activation.sends WHERE send_id = %s", [send_id]).fetchone()
    conn.rollback()
    assert found is not None
    return found


def _contacts(
    conn: psycopg.Connection, channel: str, addresses: list[str], names: list[str | None], now: dt.datetime
) -> list[int]:
    customers: list[int | None] = [None] * len(addresses)
    if channel == "email":
        customers[:] = _ids(
            conn,
            "INSERT INTO core.customers (given_name, first_seen_at, updated_at) VALUES (%s, %s, %s)"
            " RETURNING customer_id",
            [(name and KEYS.encrypt(name, GIVEN_NAME), now, now) for name in names],
        )
    context = EMAIL if channel == "email" else ACCOUNT
    return _ids(
        conn,
        "INSERT INTO core.contact_points (channel, address_hash, address, customer_id, first_seen_at)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING contact_point_id",
        [
            (channel, KEYS.keyed_hash(a), KEYS.encrypt(a, context), c, now)
            for a, c in zip(addresses, customers, strict=True)
        ],
    )


def _ids(conn: psycopg.Connection, query: str, rows: list[tuple[Any, ...]]) -> list[int]:
    """The ids of inserted rows, in their order."""
    found: list[int] = []
    with conn.cursor() as cursor:
        cursor.executemany(query, rows, returning=True)
        for result in cursor.results():
            found += [int(line[0]) for line in result]
    return found
