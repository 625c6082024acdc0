"""Who waits for an event is woken when it has happened, however it becomes known, and not taken for timed out before her time."""

from __future__ import annotations

import datetime as dt

import psycopg

from journey_desk import NOW, Desk
from marketflow.campaigns.journeys import Journey
from marketflow.campaigns.journeys.news import read_news, wake

BUYS = """
steps:
  buys: {wait: {event: order_placed, at_most: 7 days, then: thanks, otherwise: reminder}}
  thanks: {exit: {reason: bought}}
  reminder: {exit: {reason: reminded}}
"""
CLICKS = """
steps:
  hello: {send: {}}
  clicks: {wait: {event: mail_clicked, at_most: 3 days, then: clicked, otherwise: not_}}
  clicked: {exit: {reason: clicked}}
  not_: {exit: {reason: not_clicked}}
"""
DUE = "SELECT due_at, times_out_at FROM activation.journey_visits"


def click(desk: Desk, customer: int, at: dt.datetime, verdict: str = "person") -> None:
    desk.conn.execute(
        "INSERT INTO activation.tracking_events SELECT gen_random_uuid(), send_id, campaign, channel, 'click', 'https://shop.test/',"
        " %s, %s, %s, CASE %s WHEN 'scanner' THEN 'too_fast' END FROM activation.sends WHERE customer_id = %s",
        [at, at, verdict, verdict, customer],
    )


def begin(desk: Desk, text: str, **more: tuple[str, ...]) -> tuple[Journey, int]:
    journey = desk.journey(text, **more)
    [ada] = desk.people(1)
    desk.build()
    desk.enrol(journey)
    desk.tick(journey)
    return journey, ada


def test_a_build_that_is_done_after_the_tick_that_it_began_before_is_not_missed(desk: Desk) -> None:
    """The build of core begins, a tick looks at the mails, and then the build is committed: with the time of its start."""
    journey, ada = begin(desk, BUYS)
    mail = desk.journey(CLICKS, name="clicks", mails=("hello",))
    both = desk.journey(
        BUYS.replace("reminder: {exit: {reason: reminded}}", "reminder: {send: {}}") + CLICKS.replace("steps:\n", ""),
        name="both", mails=("reminder", "hello"),
    )  # fmt: skip
    for other in (mail, both):
        desk.enrol(other)
        desk.tick(other)
    desk.clock.pass_time(minutes=2)
    began = desk.clock.now()
    desk.clock.pass_time(minutes=3)
    for one in (journey, both):
        assert desk.tick(one).people == 0
    desk.order(ada, began - dt.timedelta(minutes=1))
    desk.build(began)
    desk.clock.pass_time(minutes=5)
    for one in (journey, both):
        assert desk.tick(one).counts["event"] == 1


def test_two_tables_that_are_built_apart_are_both_news(desk: Desk) -> None:
    journey, ada = begin(desk, BUYS)
    desk.clock.pass_time(minutes=5)
    newer = desk.clock.now()
    desk.conn.execute("UPDATE ops.table_freshness SET refreshed_at = %s WHERE table_name = 'core.events'", [newer])
    assert desk.tick(journey).people == 0
    desk.order(ada, newer - dt.timedelta(minutes=2))
    older = newer - dt.timedelta(minutes=1)  # it began before the other, and took longer
    desk.conn.execute("UPDATE ops.table_freshness SET refreshed_at = %s WHERE table_name = 'core.orders'", [older])
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts["event"] == 1


def test_where_nothing_was_built_nobody_is_looked_for(desk: Desk) -> None:
    journey, ada = begin(desk, BUYS)
    desk.order(ada, NOW + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).people == 0
    desk.build()
    assert desk.tick(journey).counts["event"] == 1


def test_orders_of_some_days_ago_are_found_though_mails_were_looked_at_all_the_time(desk: Desk) -> None:
    journey, ada = begin(
        desk,
        BUYS.replace("reminder: {exit: {reason: reminded}}", "reminder: {send: {}}") + CLICKS.replace("steps:\n", ""),
        mails=("reminder", "hello"),
    )
    for _ in range(5):
        desk.clock.pass_time(days=1)
        desk.tick(journey)
    desk.order(ada, NOW + dt.timedelta(hours=1))  # its file came late
    desk.build()
    assert desk.tick(journey).counts["event"] == 1


def test_a_click_that_comes_while_the_tick_waits_wakes_nobody_yet(desk: Desk) -> None:
    journey, ada = begin(desk, CLICKS, mails=("hello",))
    desk.clock.pass_time(hours=1)
    click(desk, ada, desk.clock.now() + dt.timedelta(seconds=20))  # after the tick has asked for the time
    assert desk.tick(journey).people == 0
    assert desk.where() == {ada: ("waiting", "clicks")}
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts["event"] == 1


def test_who_was_woken_by_an_order_that_is_taken_back_waits_until_her_time_is_over(desk: Desk) -> None:
    """The tick is killed between waking and moving."""
    journey, ada = begin(desk, BUYS)
    over = NOW + dt.timedelta(days=7)
    assert desk.rows(DUE) == [(over, None)]
    desk.clock.pass_time(days=1)
    desk.order(ada, desk.clock.now() - dt.timedelta(minutes=1))
    _wake_only(desk.conn, desk)
    assert desk.rows(DUE) == [(desk.clock.now(), over)]
    desk.conn.execute("UPDATE core.orders SET kind = 'return'")
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts == {}
    assert (desk.where(), desk.rows(DUE)) == ({ada: ("waiting", "buys")}, [(over, None)])
    assert desk.tick(journey).people == 0
    desk.clock.hands[0] = over
    assert desk.tick(journey).counts == {"timed_out": 1, "exit: reminded": 1}


def test_who_was_woken_by_a_click_that_turns_out_to_be_a_machines_is_woken_by_her_own(desk: Desk) -> None:
    text = CLICKS.replace("clicks: {wait", "pause: {wait: {for: 1 hour}}\n  clicks: {wait")
    journey, ada = begin(desk, text, mails=("hello",))
    click(desk, ada, NOW + dt.timedelta(seconds=40))
    desk.clock.pass_time(hours=1)
    assert desk.tick(journey).counts == {"waited": 1}
    over = desk.clock.now() + dt.timedelta(days=3)
    assert desk.rows(DUE) == [(desk.clock.now(), over)]  # it has happened already: the next tick lets her go on
    desk.conn.execute("UPDATE activation.tracking_events SET verdict = 'scanner', verdict_reason = 'many_links'")
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts == {}
    assert desk.rows(DUE) == [(over, None)]
    click(desk, ada, desk.clock.now() + dt.timedelta(minutes=1))
    desk.clock.pass_time(minutes=5)
    assert desk.tick(journey).counts == {"event": 1, "exit: clicked": 1}


def test_who_is_woken_in_time_and_moved_after_it_has_timed_out_if_it_did_not_happen(desk: Desk) -> None:
    journey, ada = begin(desk, BUYS)
    desk.clock.pass_time(days=6)
    desk.order(ada, desk.clock.now())
    _wake_only(desk.conn, desk)
    desk.conn.execute("DELETE FROM core.orders")
    desk.clock.pass_time(days=2)
    assert desk.tick(journey).counts == {"timed_out": 1, "exit: reminded": 1}


def _wake_only(conn: psycopg.Connection, desk: Desk) -> None:
    """What a tick has committed when it is killed before it moves anybody."""
    desk.build()
    values = {"journey": "trip", "now": desk.clock.now()}
    inside = [(str(v), d) for v, d in desk.rows("SELECT version, definition FROM activation.journey_versions")]
    with conn.transaction():
        wake(conn, values, inside, read_news(conn, values))
