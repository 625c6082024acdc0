"""A round of the simulation against PostgreSQL and the edge service: only made-up customers do anything, each thing once."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from campaign_shop import RING, Desk, add_customer, fresh
from edge_service import Running, edge_dsn, win_back
from marketflow.campaigns import release
from marketflow.embedded.maildir import Inbox
from marketflow.embedded.postgres import Server
from marketflow.embedded.simulation import Reading, Simulation, Truth
from marketflow.embedded.simulation.purchases import FOLDER
from marketflow.privacy import unsubscribe_token
from marketflow.shared import Clock

PEOPLE, HELD_OUT, REAL = 60, 20, 5
READING = Reading(unsubscribed=0.5, bounced=0.2, complained=0.0)
TRUTH = Truth(base=0.3, effects={"win_back": {"": 0.3}, "never_ran": {"": 0.3}})


class Shop:
    """Mails of win_back that were sent, in the mail catcher: to PEOPLE made-up customers and REAL real ones."""

    def __init__(self, conn: psycopg.Connection, clock: Clock, home: Path, edge_url: str) -> None:
        self.conn, self.clock, self.home, self.edge_url = conn, clock, home, edge_url
        for n in range(PEOPLE + REAL):
            customer, point = add_customer(conn, "Ada")
            conn.execute("INSERT INTO core.customer_identifiers VALUES ('shop', %s, %s)", [f"c{n}", customer])
            for table, key, value in (
                ("customers", "customer_id", customer),
                ("contact_points", "contact_point_id", point),
            ):
                conn.execute(f"UPDATE core.{table} SET is_simulated = %s WHERE {key} = %s", [n < PEOPLE, value])
        fresh(conn)
        desk = Desk(conn, clock)
        self.plan_id = desk.plan(win_back(), approval=False).plan_id
        release(conn, self.plan_id, clock=clock)
        self._hold_out()
        conn.execute(
            "UPDATE activation.sends SET state = 'sent', sending_at = %(at)s, settled_at = %(at)s",
            {"at": clock.now() - dt.timedelta(hours=1)},
        )
        conn.commit()
        self.inbox = Inbox(home=home / "mail")
        self.inbox.prepare()
        for send_id, message_id in conn.execute(
            "SELECT send_id, message_id FROM activation.sends ORDER BY 1"
        ).fetchall():
            self.inbox.add(self._mail(send_id, message_id), "shop@example.com", ["x@example.com"])
        self.inbox.add(b"Message-ID: <stranger@example.com>\r\n\r\nx", "a@example.com", ["b@example.com"])

    def _hold_out(self) -> None:
        """The last HELD_OUT made-up customers get nothing."""
        last = [f"c{n}" for n in range(PEOPLE - HELD_OUT, PEOPLE)]
        who = "SELECT customer_id FROM core.customer_identifiers WHERE external_id = ANY(%s)"
        self.conn.execute(f"DELETE FROM activation.sends WHERE customer_id IN ({who})", [last])
        self.conn.execute(
            f"UPDATE activation.plan_members SET outcome = 'experiment_holdout', variant = 'holdout' WHERE customer_id IN ({who})",
            [last],
        )

    def _mail(self, send_id: int, message_id: str) -> bytes:
        mail = EmailMessage()
        mail["Message-ID"] = f"<{message_id}>"
        mail["List-Unsubscribe"] = f"<{self.edge_url}/u/{unsubscribe_token(RING, send_id)}>"
        mail.set_content("hello")
        return mail.as_bytes()

    def simulation(self) -> Simulation:
        return Simulation(
            self.conn, inbox=self.inbox, edge_url=self.edge_url, landing=self.home / "landing",
            noted=self.home / "demo" / "read.json", clock=self.clock, reading=READING, truth=TRUTH, currency="USD",
        )  # fmt: skip

    def round(self) -> tuple[Counter[str], dict[str, int]]:
        """Read what is new, then buy."""
        simulation = self.simulation()
        return simulation.read(), simulation.buy()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        self.conn.rollback()
        return self.conn.execute(text).fetchall()


@pytest.fixture
def shop(conn: psycopg.Connection, clock: Clock, tmp_path: Path, http: httpx.Client) -> Shop:
    return Shop(conn, clock, tmp_path, str(http.base_url).rstrip("/"))


@pytest.fixture
def http(pg_server: Server, warehouse_dsn: str, clock: Clock) -> Iterator[httpx.Client]:
    with Running(edge_dsn(pg_server, warehouse_dsn), clock) as client:
        yield client


def test_what_was_done_is_what_the_warehouse_says(shop: Shop) -> None:
    done, _ = shop.round()
    assert done["mails"] == PEOPLE - HELD_OUT
    assert done["refused"] == 0
    assert done["bounce_hard"] > 2
    assert done["unsubscribe"] > 5
    reports = shop.query("SELECT kind, source, count(*) FROM activation.delivery_events GROUP BY 1, 2")
    assert reports == [("bounce_hard", "simulation", done["bounce_hard"])]
    left = "FROM privacy.consent_events AS e JOIN activation.sends AS s USING (send_id) WHERE NOT e.granted"
    assert shop.query(f"SELECT count(*), bool_and(s.is_simulated) {left}") == [(done["unsubscribe"], True)]


def test_nobody_acts_for_a_real_customer(shop: Shop) -> None:
    shop.round()
    touched = """
        SELECT count(*) FROM activation.sends AS s
        WHERE NOT s.is_simulated AND (
            s.send_id IN (SELECT send_id FROM privacy.consent_events)
            OR s.send_id IN (SELECT send_id FROM activation.delivery_events))"""
    assert shop.query("SELECT count(*) FROM activation.sends WHERE NOT is_simulated") == [(REAL,)]
    assert shop.query(touched) == [(0,)]
    assert not set(bought(shop)) & {f"c{n}" for n in range(PEOPLE, PEOPLE + REAL)}


def test_purchases_are_of_those_who_got_it_and_of_those_held_out_after_the_last_mail(shop: Shop) -> None:
    last = shop.query("SELECT max(settled_at) FROM activation.sends")[0][0]
    _, purchases = shop.round()
    buyers = bought(shop)
    assert purchases == {"win_back": len(buyers)}
    got, held_out = [f"c{n}" for n in range(PEOPLE - HELD_OUT)], [f"c{n}" for n in range(PEOPLE - HELD_OUT, PEOPLE)]
    assert set(buyers) == {p for p in got if TRUTH.buys("win_back", "", p, sent=True)} | {
        p for p in held_out if TRUTH.buys("win_back", "holdout", p, sent=False)
    }
    assert len(set(buyers) & set(got)) / len(got) > len(set(buyers) & set(held_out)) / len(held_out)
    assert all(last <= at < shop.clock.now() for at in buyers.values())


def test_a_second_round_does_nothing(shop: Shop) -> None:
    shop.round()
    before = shop.query("SELECT count(*) FROM privacy.consent_events"), bought(shop)
    assert shop.round() == ({}, {})
    assert (shop.query("SELECT count(*) FROM privacy.consent_events"), bought(shop)) == before


def bought(shop: Shop) -> dict[str, dt.datetime]:
    with (shop.home / "landing" / FOLDER / "win_back.csv").open() as file:
        return {row["customer_id"]: dt.datetime.fromisoformat(row["ordered_at"]) for row in csv.DictReader(file)}
