"""Test addresses: what customers would get goes to the shop's own people, to nobody else, and is counted nowhere."""

from __future__ import annotations

import re

import psycopg
import pytest

from campaign_shop import DAY, RING, Desk, add_customer, suppress
from ledger_fixture import options
from marketflow.campaigns import Campaign, release, to_test
from marketflow.campaigns.delivery import MemoryChannel, Outcome, OutgoingMessage, deliver
from marketflow.shared import Clock, DefinitionError
from marketflow.warehouse import connect

BOSS = "Boss@Example.com"


@pytest.fixture
def crowd(shop: psycopg.Connection) -> list[tuple[int, int | None]]:
    people = [add_customer(shop, name) for name in ("Ada", "Bo", "Cy", "Di")]
    shop.commit()
    return people


def send(dsn: str, clock: Clock) -> list[OutgoingMessage]:
    sent: list[OutgoingMessage] = []

    def answer(message: OutgoingMessage) -> Outcome:
        sent.append(message)
        return Outcome(state="sent")

    deliver(lambda: connect(dsn), MemoryChannel("email", answer), keys=RING, clock=clock, options=options())
    return sent


@pytest.mark.usefixtures("crowd")
def test_samples_go_to_the_test_addresses_and_to_nobody_else(
    desk: Desk, campaigns: dict[str, Campaign], warehouse_dsn: str, clock: Clock
) -> None:
    plan = desk.plan(campaigns["win_back"], trial=to_test([BOSS, "", "two@example.com"], "ada"))
    assert (plan.dry_run, plan.planned, plan.state) == (True, 4, "planned")
    assert plan.test_plan_id is not None
    assert release(desk.conn, plan.test_plan_id, clock=clock) == 6
    desk.conn.commit()
    sent = send(warehouse_dsn, clock)
    assert sorted(m.address for m in sent) == ["boss@example.com"] * 3 + ["two@example.com"] * 3
    assert all(m.subject.startswith("[Test] ") and m.name is None for m in sent)
    words = " ".join(
        re.sub(r"https?://\S+", "", m.text) for m in sent
    )  # a link's token may happen to have a name in it
    assert not any(name in words for name in ("Ada", "Bo", "Cy"))
    rows = desk.rows("SELECT DISTINCT is_test, customer_id, occasion, purpose FROM activation.sends")
    assert rows == [(True, None, f"test:{plan.plan_id}", "transactional")]
    assert desk.rows("SELECT actor, action, object, records FROM privacy.audit_log") == [
        ("ada", "test_send", "win_back", 6)
    ]


@pytest.mark.usefixtures("crowd")
def test_a_test_takes_nobodys_place(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    """Customers get the message afterwards, though they may have the address that the test went to."""
    desk.plan(campaigns["win_back"], trial=to_test(["person1@example.com"], "ada"))
    desk.conn.execute("UPDATE activation.sends SET state = 'sent'")
    after = desk.plan(campaigns["win_back"])
    assert (after.planned, after.refusals) == (4, {})
    assert desk.rows("SELECT bool_or(is_test) FROM core.contact_points WHERE customer_id IS NOT NULL") == [(False,)]


def test_who_may_not_be_written_to_gets_no_test_either(
    desk: Desk, crowd: list[tuple[int, int | None]], campaigns: dict[str, Campaign], warehouse_dsn: str, clock: Clock
) -> None:
    suppress(desk.conn, crowd[0][1] or 0)
    plan = desk.plan(campaigns["win_back"], trial=to_test([f"person{crowd[0][0]}@example.com"], "ada"))
    release(desk.conn, plan.test_plan_id or 0, clock=clock)
    desk.conn.commit()
    assert send(warehouse_dsn, clock) == []
    assert desk.rows("SELECT DISTINCT state, reason FROM activation.sends") == [("skipped", "suppressed")]


def test_a_colleague_who_is_a_customer_is_not_named(
    desk: Desk, crowd: list[tuple[int, int | None]], campaigns: dict[str, Campaign], warehouse_dsn: str, clock: Clock
) -> None:
    plan = desk.plan(campaigns["win_back"], trial=to_test([f"person{crowd[0][0]}@example.com"], "ada"))
    release(desk.conn, plan.test_plan_id or 0, clock=clock)
    desk.conn.commit()
    sent = send(warehouse_dsn, clock)
    assert len(sent) == 3
    assert all(m.name is None and "Ada" not in m.subject + m.text for m in sent)


def test_who_has_unsubscribed_gets_no_test(
    desk: Desk, crowd: list[tuple[int, int | None]], campaigns: dict[str, Campaign], warehouse_dsn: str, clock: Clock
) -> None:
    """An order's mail would go to that address; a test is one of a campaign."""
    suppress(desk.conn, crowd[0][1] or 0)
    desk.conn.execute("UPDATE privacy.suppressions SET reason = 'unsubscribed'")
    plan = desk.plan(campaigns["win_back"], trial=to_test([f"person{crowd[0][0]}@example.com"], "ada"))
    release(desk.conn, plan.test_plan_id or 0, clock=clock)
    desk.conn.commit()
    assert send(warehouse_dsn, clock) == []
    assert desk.rows("SELECT DISTINCT state, reason FROM activation.sends") == [("skipped", "suppressed")]


def test_without_an_audience_there_is_still_something_to_look_at(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"], trial=to_test([BOSS], "ada"))
    assert desk.rows("SELECT content FROM activation.sends WHERE plan_id = %s", plan.test_plan_id) == [
        ({"product_ids": []},)
    ]


def test_a_refused_plan_tests_nothing(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(campaigns["win_back"], trial=to_test([BOSS], "ada"), business_date=DAY.replace(day=1))
    assert (plan.state, plan.test_plan_id) == ("refused", None)
    assert desk.ledger() == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ok@example.com", "secret-name"], "address 2 cannot be used"),
        (["a@example.com\nBcc: b@example.com"], "address 1 cannot be used"),
        ([f"p{n}@example.com" for n in range(6)], "6 are given; at most 5"),
    ],
)
def test_a_wrong_address_is_told_by_its_place_only(given: list[str], said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as info:
        to_test(given, "ada")
    assert "secret" not in str(info.value)
    assert "example.com" not in str(info.value)
    assert "boss" not in repr(to_test([BOSS], "ada")).lower()
    assert to_test(["", " "], "ada") is None
