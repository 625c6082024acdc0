"""Loads of several systems one after the other, and what the warehouse makes of addresses and answers."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import psycopg

from checksums import table_checksums
from marketflow.campaigns.delivery.ledger import Claim, Ledger
from marketflow.shared import Clock, Shop
from marketflow.warehouse import build_core, rebuild_warehouse
from table_rows import give
from two_systems import deliver, email

SHOP = Shop(time_zone="America/New_York", country="US", locale="en-US", currency="USD")
LOYALTY = {"loyalty_hash": "\\xaa"}
YES = {"email_consent": True, "consent_at": "2016-01-01T00:00:00Z"}
GONE = {"customer_ref": "1", "is_deleted": True}
TOKEN = "00000000-0000-0000-0000-000000000001"


class Shelf:
    """Loads of several systems; a load is of the day of its number."""

    def __init__(self, conn: psycopg.Connection, clock: Clock) -> None:
        self.conn, self.clock, self.at_once = conn, clock, False

    def bring(self, number: int, *customers: dict[str, Any], system: str = "web", **rows: list[dict[str, Any]]) -> None:
        tables = {f"raw.{name}": given for name, given in rows.items()}
        deliver(self.conn, number, {"system": system, "rows": {"raw.customers": list(customers), **tables}})
        if self.at_once:
            return
        self.build()

    def build(self) -> None:
        build_core(self.conn, clock=self.clock, shop=SHOP)

    def rebuild(self) -> None:
        rebuild_warehouse(self.conn, clock=self.clock, shop=SHOP)

    def addresses(self) -> dict[int, bool]:
        """By number of the address, whether it is still there."""
        query = "SELECT encode(address_hash, 'hex'), octet_length(address) > 0 FROM core.contact_points"
        return {int(number, 16): there for number, there in self.conn.execute(query)}

    def answers(self) -> dict[int, bool]:
        """By number of the address, what counts for marketing."""
        query = "SELECT encode(p.address_hash, 'hex'), c.granted FROM privacy.consents AS c JOIN core.contact_points AS p USING (contact_point_id) WHERE c.purpose = 'marketing'"
        return {int(number, 16): granted for number, granted in self.conn.execute(query)}

    def current(self) -> list[int | None]:
        """The numbers of the customers' addresses."""
        query = "SELECT encode(p.address_hash, 'hex') FROM core.current_addresses LEFT JOIN core.contact_points AS p USING (contact_point_id) ORDER BY current_addresses.customer_id"
        return [int(number, 16) if number else None for (number,) in self.conn.execute(query)]

    def count(self, what: str) -> int:
        return len(self.conn.execute(psycopg.sql.SQL("SELECT FROM {}").format(psycopg.sql.SQL(what))).fetchall())

    def claim(self, number: int = 1, purpose: str = "marketing") -> None:
        """A message to this address is about to be sent."""
        query = "SELECT contact_point_id FROM core.contact_points WHERE address_hash = decode(%s, 'hex')"
        (point,) = self.conn.execute(query, [f"{number:064x}"]).fetchone() or (0,)
        claimed = {
            "message_id": "m", "contact_point_id": point, "customer_id": 1, "state": "claimed", "claim_token": TOKEN,
            "lease_until": "2030-01-01T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z", "purpose": purpose,
        }  # fmt: skip
        give(self.conn, "activation.plans", [{"plan_id": 1}])
        give(self.conn, "activation.sends", [{**claimed, "send_id": 1}])

    def begin(self) -> str:
        """What became of that message."""
        ledger = Ledger(conn=self.conn, channel="email", lease=dt.timedelta(hours=1))
        claim = Claim(token=uuid.UUID(TOKEN), send_ids=[1])
        return ledger.begin(claim, claim.send_ids, dt.datetime(2018, 1, 3, tzinfo=dt.UTC))[1]

    def unchanged_by_a_rebuild(self) -> bool:
        before = table_checksums(self.conn, ["core", "privacy"])
        self.rebuild()
        return table_checksums(self.conn, ["core", "privacy"]) == before


def person(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"customer_ref": "1", **email(number), **more}


def contact(**more: Any) -> dict[str, Any]:
    return {"customer_ref": "1", **email(1), **more}


def unsubscribe(conn: psycopg.Connection, at: str, number: int = 1) -> None:
    """As the edge does it."""
    conn.execute(
        """INSERT INTO privacy.consent_events (consent_event_id, contact_point_id, channel, purpose, granted, occurred_at, recorded_at, how, send_id)
        SELECT gen_random_uuid(), contact_point_id, 'email', 'marketing', false, %(at)s, %(at)s, 'unsubscribe link', 1
        FROM core.contact_points WHERE address_hash = decode(%(hash)s, 'hex')""",
        {"at": at, "hash": f"{number:064x}"},
    )
    conn.execute(
        """UPDATE privacy.consents SET granted = false, changed_at = %s
        WHERE contact_point_id IN (SELECT contact_point_id FROM privacy.consent_events WHERE how = 'unsubscribe link')""",
        [at],
    )
