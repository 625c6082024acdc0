"""The threads in which other systems' planning doubled or lost mails, each as a test that it cannot happen here.

The sending side of them is in tests/integration/delivery/test_peers.py.
"""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from campaign_shop import DAY, RING, Desk, add_customer, fresh
from marketflow.campaigns import Campaign, plan_campaign, release


@pytest.fixture
def ten(desk: Desk) -> list[int]:
    customers = [add_customer(desk.conn, f"Ada{n}")[0] for n in range(10)]
    desk.conn.commit()
    return customers


@pytest.fixture
def win_back(campaigns: dict[str, Campaign]) -> Campaign:
    return campaigns["win_back"].model_copy(update={"approval": False})


def rows_per_customer(desk: Desk) -> dict[int, int]:
    return dict(desk.rows("SELECT customer_id, count(*) FROM activation.sends GROUP BY 1"))


def test_a_crash_between_writing_the_queue_and_saying_so_doubles_nobody(
    desk: Desk, ten: list[int], win_back: Campaign
) -> None:
    """Notifuse: messages get random ids, and the place up to which a broadcast has come is saved after they are queued.

    A crash between the two queues the same people again. Here the rows and the plan are one transaction, the key is made
    of campaign, occasion and contact point, and the task may be repeated after any of its steps.
    """
    first = desk.plan(win_back)  # committed, and the task dies before Airflow hears of it
    again = desk.plan(win_back)
    assert (first.planned, again.planned) == (10, 10)
    assert release(desk.conn, again.plan_id, clock=desk.clock) == 10
    desk.conn.commit()  # and dies again
    assert release(desk.conn, first.plan_id, clock=desk.clock) == 0
    assert release(desk.conn, again.plan_id, clock=desk.clock) == 10
    third = desk.plan(win_back)
    assert (third.planned, third.refusals) == (0, {"already_planned": 10})
    assert rows_per_customer(desk) == dict.fromkeys(ten, 1)
    assert {s for _, _, s in desk.ledger()} == {"released"}


def test_who_is_in_the_queue_is_the_database_s_answer_not_a_look_before(
    desk: Desk, ten: list[int], win_back: Campaign, warehouse_dsn: str
) -> None:
    """SendPortal: whether a message exists is looked up, then it is inserted; ids already seen are kept in memory.

    Two workers look at the same time, and both insert. Here a unique key refuses the second row, whoever writes it, and
    four planners who start together plan each person once.
    """
    start, planned, errors = threading.Barrier(4), [0] * 4, list[BaseException]()

    def one(place: int) -> None:
        try:
            with psycopg.connect(warehouse_dsn) as conn:
                start.wait()
                plan = plan_campaign(conn, win_back, business_date=DAY, dry_run=False, keys=RING, clock=desk.clock)
                conn.commit()
                planned[place] = release(conn, plan.plan_id, clock=desk.clock)
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=one, args=[place]) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sum(planned) == 10
    assert rows_per_customer(desk) == dict.fromkeys(ten, 1)
    with pytest.raises(psycopg.errors.UniqueViolation):
        desk.conn.execute(
            "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, purpose, send_after,"
            " expires_at, definition_version, message_id, planned_at) SELECT campaign, occasion, contact_point_id,"
            " channel, plan_id, purpose, send_after, expires_at, 'another', 'another@example.com', planned_at"
            " FROM activation.sends LIMIT 1"
        )


@pytest.mark.parametrize("days", [1, 2, 6])
def test_an_occasion_is_settled_for_ever(desk: Desk, ten: list[int], win_back: Campaign, days: int) -> None:
    """Dittofeed: who got a broadcast is asked of the deliveries of the last 24 hours only.

    Here the same occasion, planned again a day or a week later and by a newer version of the campaign, finds all of
    them, sent, failed or unknown.
    """
    plan = desk.plan(win_back)
    release(desk.conn, plan.plan_id, clock=desk.clock)
    desk.conn.execute(
        "UPDATE activation.sends SET state = (ARRAY['sent', 'failed', 'unknown'])[1 + send_id % 3], reason = 'a_reason'"
    )
    fresh(desk.conn, DAY + dt.timedelta(days=days))
    desk.conn.commit()
    later = Desk(desk.conn, replace(desk.clock, pinned_day=DAY + dt.timedelta(days=days)))
    newer = win_back.model_copy(update={"priority": 50})
    assert newer.definition_version != win_back.definition_version
    assert later.plan(newer).refusals == {"already_planned": 10}
    assert rows_per_customer(desk) == dict.fromkeys(ten, 1)


@pytest.mark.usefixtures("ten")
def test_a_schedule_that_was_missed_does_not_fire(desk: Desk, win_back: Campaign) -> None:
    """listmonk #1801: a campaign whose hour passed while the server was down goes out when it is up again.

    Here a plan about a day older than `max_age_days` is refused as a whole, and the refusal is counted.
    """
    late = win_back.max_age_days + 1
    fresh(desk.conn, DAY + dt.timedelta(days=late))
    after_downtime = Desk(desk.conn, replace(desk.clock, pinned_day=DAY + dt.timedelta(days=late)))
    plan = after_downtime.plan(win_back)
    assert (plan.state, plan.refusals) == ("refused", {"occasion_too_old": 10})
    assert release(desk.conn, plan.plan_id, clock=desk.clock) == 0
    assert desk.ledger() == []


def test_people_who_share_an_address_neither_vanish_nor_get_it_twice(desk: Desk, win_back: Campaign) -> None:
    """Mautic #14381, and the issue's own: a hundred customers share one address.

    There the batch was keyed by the address, and the last one's mail took the place of the others' without a word. Here
    one of them gets it, and the ninety-nine are counted with the reason, the same ones each time.
    """
    people = [add_customer(desk.conn, f"Ada{n}", email=n == 0) for n in range(100)]
    for name in ("Bo", "Cy"):  # a rule that is true of everybody would be refused
        add_customer(desk.conn, name, segment="loyal")
    shared = people[0][1]
    desk.conn.execute("UPDATE marts.customer_360 SET email_contact_point_id = %s, email_consent = true", [shared])
    desk.conn.commit()
    plan = desk.plan(win_back)
    assert (plan.audience, plan.planned, plan.refusals) == (100, 1, {"shared_contact_point": 99})
    assert sorted(desk.outcomes(plan.plan_id)) == [customer for customer, _ in people]
    chosen: list[tuple[Any, ...]] = desk.ledger()
    release(desk.conn, plan.plan_id, clock=desk.clock)
    again = desk.plan(win_back)
    assert (again.planned, sum(again.refusals.values())) == (0, 100)
    assert [c for c, _, _ in desk.ledger()] == [c for c, _, _ in chosen]
