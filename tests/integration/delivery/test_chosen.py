"""Choices of the preference page at the last look: what was planned before somebody chose, and what waits until when."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import psycopg
import pytest

from fire.stage import until
from ledger_fixture import NOW, Connect, Filled, HandClock, fill, mail, row, run, states
from marketflow.campaigns import ContactPolicy
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.warehouse import connect

AGAIN = "UPDATE activation.sends SET contact_point_id = %s, customer_id = NULL WHERE send_id = %s"


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


def choose(conn: psycopg.Connection, point: int, **said: Any) -> None:
    values = {"unwanted": [], "most": None, "days": None, "language": None} | said
    conn.execute(
        "INSERT INTO privacy.preferences VALUES (%(point)s, %(unwanted)s, %(most)s, %(days)s, %(language)s, %(now)s)",
        values | {"point": point, "now": NOW},
    )
    conn.commit()


def about(conn: psycopg.Connection, filled: Filled, topic: str) -> Filled:
    conn.execute("UPDATE activation.plans SET topic = %s WHERE plan_id = %s", [topic, filled.plan_id])
    conn.commit()
    return filled


def for_one(conn: psycopg.Connection, filled: Filled) -> int:
    """All of them are for the first one's address, of different occasions."""
    for number, send_id in enumerate(filled.send_ids):
        conn.execute("UPDATE activation.sends SET occasion = occasion || %s WHERE send_id = %s", [str(number), send_id])
        conn.execute(AGAIN, [filled.contact_ids[0], send_id])
    conn.commit()
    return filled.contact_ids[0]


def test_a_topic_that_is_not_wanted_any_more(conn: psycopg.Connection, opening: Connect) -> None:
    offers = about(conn, fill(conn, 2), "offers")
    choose(conn, offers.contact_ids[0], unwanted=["news", "offers"])
    choose(conn, offers.contact_ids[1], unwanted=["news"])
    assert run(opening, mail()).sent == 1
    assert (row(conn, offers.send_ids[0])["state"], row(conn, offers.send_ids[0])["reason"]) == (
        "skipped", "topic_unwanted",
    )  # fmt: skip


def test_what_is_no_marketing_has_no_topic_and_no_maximum(conn: psycopg.Connection, opening: Connect) -> None:
    bills = about(conn, fill(conn, 3, purpose="transactional"), "offers")
    choose(conn, for_one(conn, bills), unwanted=["offers"], most=1, days=30)
    assert run(opening, mail()).sent == 3


def test_without_consent_that_is_the_reason(conn: psycopg.Connection, opening: Connect) -> None:
    offers = about(conn, fill(conn, 1, consent=False), "offers")
    choose(conn, offers.contact_ids[0], unwanted=["offers"])
    run(opening, mail())
    assert states(conn) == {("skipped", "no_consent"): 1}


@pytest.mark.parametrize("window", [1, 8])
def test_who_has_had_as_much_as_she_chose_waits(conn: psycopg.Connection, opening: Connect, window: int) -> None:
    filled, clock = fill(conn, 3, lifetime=dt.timedelta(days=9)), HandClock()
    choose(conn, for_one(conn, filled), most=1, days=7)
    assert run(opening, mail(), clock, window=window).sent == 1
    waiting = [row(conn, i) for i in filled.send_ids if row(conn, i)["state"] == "deferred"]
    assert {(w["reason"], w["send_after"] - NOW) for w in waiting} == {("frequency_choice", dt.timedelta(days=7))}
    clock.pass_time(days=7, seconds=1)
    assert run(opening, mail(), clock, window=window).sent == 1


def test_who_waits_too_long_is_skipped(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 2)
    choose(conn, for_one(conn, filled), most=1, days=30)
    run(opening, mail())
    assert states(conn) == {("sent", None): 1, ("skipped", "frequency_choice"): 1}


def test_the_later_of_two_maxima_says_until_when(conn: psycopg.Connection, opening: Connect) -> None:
    policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": 1, "days": 2}]})
    filled = fill(conn, 2, lifetime=dt.timedelta(days=9))
    choose(conn, for_one(conn, filled), most=1, days=7)
    run(opening, mail(), policy=policy)
    [waiting] = [row(conn, i) for i in filled.send_ids if row(conn, i)["state"] == "deferred"]
    assert (waiting["reason"], waiting["send_after"]) == ("frequency_cap", NOW + dt.timedelta(days=7))


def test_two_senders_at_once_do_not_pass_a_chosen_maximum(conn: psycopg.Connection, opening: Connect) -> None:
    """No cap of the shop's stands: the choice alone must make them wait for each other."""
    filled = fill(conn, 24)
    choose(conn, for_one(conn, filled), most=3, days=7)
    threads = [threading.Thread(target=run, args=(opening, mail()), kwargs={"batch": 2, "window": 2}) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert states(conn) == {("sent", None): 3, ("skipped", "frequency_choice"): 21}


@pytest.mark.parametrize("is_capped", [False, True])
def test_two_customers_of_one_address_do_not_pass_its_maximum(
    conn: psycopg.Connection, warehouse_dsn: str, is_capped: bool
) -> None:
    """A sender has begun the one's message and not yet committed: the other's sender waits for it, and then counts it."""
    filled = fill(conn, 2)
    point = filled.contact_ids[0]
    conn.execute(
        "UPDATE activation.sends AS s SET contact_point_id = %s, occasion = s.occasion || s.send_id, customer_id = p.customer_id"
        " FROM core.contact_points AS p"
        " WHERE s.contact_point_id = p.contact_point_id",
        [point],
    )
    assert conn.execute("SELECT count(DISTINCT customer_id) FROM activation.sends").fetchone() == (2,)
    choose(conn, point, most=1, days=30)
    caps = [{"messages": 5, "days": 7}] if is_capped else []
    policy, begun = ContactPolicy.model_validate({"frequency_caps": caps}), list[dict[int, str]]()
    with psycopg.connect(warehouse_dsn) as one, psycopg.connect(warehouse_dsn) as two:
        first, second = (Ledger.over(c, "email", dt.timedelta(minutes=2), policy) for c in (one, two))
        claims = [ledger.claim(1, NOW) for ledger in (first, second)]
        waiting = threading.Thread(target=lambda: begun.append(second.begin(claims[1], claims[1].send_ids, NOW)))
        with one.transaction():
            assert list(first.begin(claims[0], claims[0].send_ids, NOW).values()) == ["sending"]
            waiting.start()
            until(lambda: not waiting.is_alive() or _is_waiting(conn, two.info.backend_pid), "the second to wait")
        waiting.join(30)
    assert [list(found.values()) for found in begun] == [["skipped"]]
    assert states(conn) == {("sending", None): 1, ("skipped", "frequency_choice"): 1}


def test_senders_of_customers_who_share_addresses_do_not_wait_for_each_other_in_a_circle(
    conn: psycopg.Connection, opening: Connect
) -> None:
    """Everybody's messages go to two addresses each, in any order, under a cap and under choices."""
    filled = fill(conn, 48)
    customers = [c for (c,) in conn.execute("SELECT customer_id FROM core.contact_points ORDER BY contact_point_id")]
    for number, send_id in enumerate(filled.send_ids):
        conn.execute(
            "UPDATE activation.sends SET occasion = occasion || %s, contact_point_id = %s, customer_id = %s WHERE send_id = %s",
            [str(number), filled.contact_ids[number * 7 % 4], customers[number * 5 % 6], send_id],
        )
    for point in filled.contact_ids[:4]:
        choose(conn, point, most=3, days=30)
    policy = ContactPolicy.model_validate({"frequency_caps": [{"messages": 40, "days": 7}]})
    errors: list[BaseException] = []

    def send() -> None:
        try:
            run(opening, mail(), policy=policy, batch=5, window=5)
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert states(conn) == {("sent", None): 12, ("skipped", "frequency_choice"): 36}


def _is_waiting(conn: psycopg.Connection, pid: int) -> bool:
    found = conn.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    conn.rollback()
    return found == (True,)


@pytest.mark.parametrize(
    ("locale", "chosen", "expected"),
    [
        ("en-GB", "zh", "zh"),
        ("zh-Hant-TW", "zh", "zh-Hant-TW"),
        ("zh_CN", None, "zh_CN"),
    ],
)
def test_the_chosen_language_goes_before_the_customer_s(
    conn: psycopg.Connection, opening: Connect, locale: str | None, chosen: str | None, expected: str | None
) -> None:
    filled, seen = fill(conn, 1), []
    conn.execute("UPDATE core.customers SET locale = %s", [locale])
    choose(conn, filled.contact_ids[0], language=chosen)

    class Templates:
        def __init__(self, _definition: Any) -> None:
            pass

        def render(self, variables: Any) -> Any:
            seen.append(variables["locale"])
            raise ValueError

    from ledger_fixture import KEYS, options
    from marketflow.campaigns.delivery import deliver

    deliver(opening, mail(), keys=KEYS, clock=HandClock(), options=options(), renderer=Templates)
    assert seen == [expected or options().locale]
