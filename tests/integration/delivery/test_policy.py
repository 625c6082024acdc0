"""The contact policy at the last look: what waits, until when, what is over, and that consent is told before it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from ledger_fixture import NOW, Connect, Filled, HandClock, fill, mail, row, run, states, suppress, withdraw
from marketflow.campaigns import ContactPolicy
from marketflow.warehouse import connect

DAYS, HOURS = dt.timedelta(days=1), dt.timedelta(hours=1)
KNOWN = """
UPDATE activation.sends AS s SET customer_id = p.customer_id
FROM core.contact_points AS p WHERE s.contact_point_id = p.contact_point_id
"""
AGAIN = """
UPDATE activation.sends AS s SET customer_id = o.customer_id, contact_point_id = o.contact_point_id
FROM activation.sends AS o WHERE o.send_id = %s AND s.send_id = %s
"""
NIGHT = ContactPolicy.model_validate({"quiet_hours": [{"from": "21:00", "to": "8:00"}]})


def cap(messages: int, days: int = 7, **more: Any) -> ContactPolicy:
    return ContactPolicy.model_validate({"frequency_caps": [{"messages": messages, "days": days, **more}]})


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


def known(conn: psycopg.Connection, count: int = 1, **said: Any) -> Filled:
    """Released messages whose customers the ledger names."""
    filled = fill(conn, count, **said)
    conn.execute(KNOWN)
    conn.commit()
    return filled


def for_the_same(conn: psycopg.Connection, first: Filled, second: Filled) -> None:
    """Let the second's messages be for the people of the first."""
    for mine, theirs in zip(first.send_ids, second.send_ids, strict=True):
        conn.execute(AGAIN, [mine, theirs])
    conn.commit()


def live_in(conn: psycopg.Connection, send_id: int, zone: str) -> None:
    conn.execute(
        "UPDATE core.customers SET time_zone = %s WHERE customer_id = (SELECT customer_id FROM activation.sends"
        " WHERE send_id = %s)",
        [zone, send_id],
    )
    conn.commit()


def test_a_message_waits_for_the_morning_where_its_reader_lives(conn: psycopg.Connection, opening: Connect) -> None:
    filled, channel, clock = known(conn, 4), mail(), HandClock()
    clock.hands[0] = NOW.replace(hour=14)  # 22:00 in Shanghai, 9:00 in New York, 15:00 for the shop
    conn.execute("UPDATE activation.sends SET expires_at = %s", [clock.now() + 3 * DAYS])
    zones = ("Asia/Shanghai", "America/New_York", "Mars/Phobos", "")
    for send_id, zone in zip(filled.send_ids, zones, strict=True):
        live_in(conn, send_id, zone)
    run(opening, channel, clock, policy=NIGHT, time_zone="Europe/Berlin")
    assert [m.address for m in channel.messages] == filled.addresses[1:]
    waiting = row(conn, filled.send_ids[0])
    assert (waiting["state"], waiting["reason"]) == ("deferred", "quiet_hours")
    assert waiting["send_after"] == dt.datetime(2026, 11, 23, 0, 0, tzinfo=dt.UTC)
    assert (waiting["claim_token"], waiting["attempts"]) == (None, 0)
    clock.hands[0] = waiting["send_after"]
    run(opening, channel, clock, policy=NIGHT, time_zone="Europe/Berlin")
    assert states(conn) == {("sent", None): 4}


def test_a_message_that_cannot_wait_for_the_morning_is_over_and_says_why(
    conn: psycopg.Connection, opening: Connect
) -> None:
    known(conn, 2, lifetime=2 * HOURS)
    clock = HandClock()
    clock.hands[0] = NOW.replace(hour=22, minute=30)
    conn.execute("UPDATE activation.sends SET expires_at = %s", [clock.now() + 2 * HOURS])
    conn.commit()
    run(opening, mail(), clock, policy=NIGHT)
    assert states(conn) == {("expired", "quiet_hours"): 2}


@pytest.mark.parametrize("purpose", ["transactional", "post"])
def test_what_is_no_marketing_goes_at_night_and_beside_the_cap(
    conn: psycopg.Connection, opening: Connect, purpose: str
) -> None:
    known(conn, 2, purpose=purpose)
    clock = HandClock()
    clock.hands[0] = NOW.replace(hour=23)
    said = {**cap(1).definition, "quiet_hours": NIGHT.definition["quiet_hours"], "holdout": {"share": 0.5, "salt": "x"}}
    conn.execute("UPDATE activation.sends SET customer_id = (SELECT max(customer_id) FROM core.customers)")
    conn.commit()
    assert run(opening, mail(), clock, policy=ContactPolicy.model_validate(said)).sent == 2


def test_who_has_had_enough_gets_it_when_there_is_room_again(conn: psycopg.Connection, opening: Connect) -> None:
    policy, clock, channel = cap(2, days=2), HandClock(), mail()
    campaigns = [known(conn, 3, campaign=f"campaign_{n}", lifetime=9 * DAYS) for n in range(3)]
    for one in campaigns[1:]:
        for_the_same(conn, campaigns[0], one)
    conn.execute("UPDATE activation.sends SET send_after = %s WHERE campaign <> 'campaign_0'", [NOW + 5 * HOURS])
    conn.execute("UPDATE activation.sends SET send_after = %s WHERE campaign = 'campaign_2'", [NOW + 6 * HOURS])
    conn.commit()
    for _ in range(3):
        run(opening, channel, clock, policy=policy)
        clock.pass_time(hours=5)
    assert states(conn) == {("sent", None): 6, ("deferred", "frequency_cap"): 3}
    waiting = row(conn, campaigns[2].send_ids[0])
    assert waiting["send_after"] == NOW + 2 * DAYS, "when the first of the two is two days old"
    clock.hands[0] = NOW + 2 * DAYS - dt.timedelta(seconds=1)
    run(opening, channel, clock, policy=policy)
    assert len(channel.messages) == 6
    clock.pass_time(seconds=1)
    run(opening, channel, clock, policy=policy)
    assert states(conn) == {("sent", None): 9}


def test_who_has_had_enough_until_it_is_too_late_is_skipped(conn: psycopg.Connection, opening: Connect) -> None:
    first, second = known(conn, 2), known(conn, 2, campaign="another", priority=200)
    for_the_same(conn, first, second)
    run(opening, mail(), policy=cap(1))
    assert states(conn) == {("sent", None): 2, ("skipped", "frequency_cap"): 2}
    assert row(conn, second.send_ids[0])["settled_at"] == NOW


def test_the_campaign_that_goes_first_gets_the_room(conn: psycopg.Connection, opening: Connect) -> None:
    low, high = known(conn, 5, campaign="low", priority=200), known(conn, 5, campaign="high", priority=50)
    for_the_same(conn, low, high)
    for _ in range(2):
        run(opening, mail(), policy=cap(1), batch=10, window=10)
    assert [row(conn, i)["state"] for i in high.send_ids] == ["sent"] * 5
    assert [row(conn, i)["state"] for i in low.send_ids] == ["skipped"] * 5


@pytest.mark.parametrize(
    ("state", "sent"), [("sent", 0), ("unknown", 0), ("sending", 0), ("failed", 1), ("released", 1), ("cancelled", 1)]
)
def test_what_may_have_arrived_counts_and_what_did_not_does_not(
    conn: psycopg.Connection, opening: Connect, state: str, sent: int
) -> None:
    before, now = known(conn, 1, campaign="before"), known(conn, 1)
    for_the_same(conn, before, now)
    conn.execute(
        "UPDATE activation.sends SET state = %s, reason = 'x', sending_at = %s, send_after = %s, claim_token = gen_random_uuid(),"
        " lease_until = %s WHERE send_id = %s",
        [state, NOW - HOURS, NOW + HOURS, NOW + HOURS, before.send_ids[0]],
    )
    conn.commit()
    assert run(opening, mail(), policy=cap(1)).sent == sent


def test_customers_who_turned_out_to_be_one_share_the_cap_and_the_draw(
    conn: psycopg.Connection, opening: Connect
) -> None:
    first = known(conn, 1)
    run(opening, mail(), policy=cap(1))
    second = known(conn, 1, campaign="another")
    one, other = (row(conn, f.send_ids[0])["customer_id"] for f in (first, second))
    conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [other, one])
    conn.commit()
    assert run(opening, mail(), policy=cap(1)).sent == 0
    assert row(conn, second.send_ids[0])["reason"] == "frequency_cap"


def test_who_became_one_with_a_person_who_is_held_out_is_not_written_to(
    conn: psycopg.Connection, opening: Connect
) -> None:
    filled = known(conn, 30)
    conn.execute("UPDATE activation.sends SET state = 'cancelled' WHERE send_id <> %s", [filled.send_ids[0]])
    policy = ContactPolicy.model_validate({"holdout": {"share": 0.4, "salt": "here"}})
    drawn = conn.execute(
        "SELECT customer_id, activation.draw('here', customer_id) < 0.4 FROM activation.sends ORDER BY send_id"
    ).fetchall()
    mine, [held, *_] = drawn[0][0], [customer for customer, is_out in drawn if is_out and customer != drawn[0][0]]
    conn.execute("UPDATE core.customers SET merged_into = %s WHERE customer_id = %s", [held, mine])
    conn.commit()
    assert run(opening, mail(), policy=policy).skipped == 1
    assert row(conn, filled.send_ids[0])["reason"] == "holdout"


def test_consent_suppression_and_the_plan_are_told_before_the_policy(
    conn: psycopg.Connection, opening: Connect
) -> None:
    before, now = known(conn, 3, campaign="before"), known(conn, 3)
    for_the_same(conn, before, now)
    run(opening, mail(), policy=cap(1), max_messages=3)
    withdraw(conn, before.contact_ids[0])
    suppress(conn, before.contact_ids[1])
    run(opening, mail(), policy=cap(1))
    reasons = [row(conn, i)["reason"] for i in now.send_ids]
    assert reasons == ["no_consent", "suppressed", "frequency_cap"]


def test_two_messages_for_one_person_in_one_window_are_counted_together(
    conn: psycopg.Connection, opening: Connect
) -> None:
    first, second, third = (known(conn, 4, campaign=f"c{n}", lifetime=30 * DAYS) for n in range(3))
    for other in (second, third):
        for_the_same(conn, first, other)
    assert run(opening, mail(), policy=cap(2), batch=12, window=12).sent == 8
    assert states(conn) == {("sent", None): 8, ("deferred", "frequency_cap"): 4}
    [(at,)] = conn.execute("SELECT DISTINCT send_after FROM activation.sends WHERE state = 'deferred'").fetchall()
    assert at == NOW + 7 * DAYS


def caps(*said: tuple[int, int, str]) -> ContactPolicy:
    """So many in so many days of these purposes, for each."""
    return ContactPolicy.model_validate(
        {"frequency_caps": [{"messages": m, "days": d, "purposes": p.split()} for m, d, p in said]}
    )


@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        # the newsletter is the first marketing mail, though an order's mail for the same person goes before it
        (caps((1, 1, "marketing"), (3, 1, "transactional")), 2),
        (caps((1, 1, "marketing"), (2, 1, "marketing transactional")), 2),
        (caps((9, 1, "marketing"), (1, 1, "marketing transactional")), 1),
        (caps((9, 1, "marketing"), (1, 1, "transactional")), 2),
    ],
)
def test_each_cap_counts_its_own_purposes_in_a_window(
    conn: psycopg.Connection, opening: Connect, policy: ContactPolicy, sent: int
) -> None:
    order = known(conn, 2, campaign="order", purpose="transactional", priority=10)
    for_the_same(conn, order, known(conn, 2, campaign="newsletter"))
    conn.execute("INSERT INTO privacy.consents SELECT contact_point_id, 'email', 'marketing', true, %s FROM core.contact_points"
                 " ON CONFLICT DO NOTHING", [NOW])  # fmt: skip
    conn.commit()
    run(opening, mail(), policy=policy, batch=4, window=4)
    counts = conn.execute("SELECT campaign, count(*) FROM activation.sends WHERE state = 'sent' GROUP BY 1 ORDER BY 1")
    assert counts.fetchall() == [("newsletter", 2), ("order", 2)][2 - sent :]


def test_without_a_cap_nobody_is_locked(conn: psycopg.Connection, opening: Connect) -> None:
    known(conn, 3)
    run(opening, mail(), policy=NIGHT)
    assert conn.execute("SELECT count(*) FROM activation.contact_locks").fetchone() == (0,)
    known(conn, 3)
    run(opening, mail(), policy=cap(1))
    assert conn.execute("SELECT count(*) FROM activation.contact_locks").fetchone() == (3,)
