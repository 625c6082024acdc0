"""Entry and re-entry, versions that change while people are inside, pausing, cancelling, the end of a journey."""

from __future__ import annotations

import datetime as dt

import pytest

from campaign_shop import RING
from journey_desk import NOW, Desk
from marketflow.campaigns import hold
from marketflow.campaigns.journeys import cancel_visits, dry_tick, end_left_behind
from marketflow.shared import DefinitionError

WAIT = "steps:\n  pause: {wait: {for: 2 days}}\n"


def test_the_same_event_brings_nobody_twice(desk: Desk) -> None:
    journey = desk.journey(WAIT, entry='entry: {on: daily, where: "orders >= 0", again: always}\n')
    [ada] = desk.people(1)
    assert desk.enrol(journey).counts == {"entered": 1}
    assert desk.enrol(journey).counts == {}
    desk.tick(journey)
    desk.clock.pass_time(days=1)
    assert desk.enrol(journey).counts == {"inside_already": 1}
    desk.clock.pass_time(days=1)
    desk.tick(journey)
    assert desk.where() == {ada: ("done", None)}
    assert desk.enrol(journey).counts == {"entered": 1}
    assert desk.enrol(journey).counts == {}


@pytest.mark.parametrize(("again", "days"), [("never", None), ("10 days", 10)])
def test_re_entry_is_as_the_file_says(desk: Desk, again: str, days: int | None) -> None:
    journey = desk.journey(WAIT, entry=f'entry: {{on: daily, where: "orders >= 0", again: {again}}}\n')
    desk.people(1)
    desk.enrol(journey)
    entered = []
    for day in range(1, 15):
        desk.tick(journey)
        desk.clock.pass_time(days=1)
        entered += [day] * desk.enrol(journey).entered
    assert entered == ([] if days is None else [days])


def test_no_more_than_at_most_are_inside_and_who_is_refused_is_counted(desk: Desk) -> None:
    journey = desk.journey(WAIT, entry='entry: {on: daily, where: "orders >= 0", at_most: 3}\n')
    desk.people(5)
    desk.people(2, consent=False)
    assert desk.enrol(journey).counts == {"entered": 3, "journey_full": 2, "no_consent": 2}
    desk.tick(journey)
    desk.clock.pass_time(days=2)
    desk.tick(journey)
    assert desk.enrol(journey).counts == {"entered": 2, "no_consent": 2, "was_here": 3}


def test_an_event_of_campaigns_brings_those_to_whom_it_happened(desk: Desk) -> None:
    journey = desk.journey(WAIT, entry="entry: {on: entered_segment, segment: at_risk}\n")
    [ada, bo] = desk.people(2)
    day = desk.clock.business_date()
    desk.conn.execute("UPDATE marts.customer_360 SET segment_since = %s WHERE customer_id = %s", [day, ada])
    desk.conn.execute(
        "UPDATE marts.customer_360 SET segment_since = %s WHERE customer_id = %s", [day - dt.timedelta(days=9), bo]
    )
    assert desk.enrol(journey).counts == {"entered": 1}
    assert desk.rows("SELECT customer_id, occasion, occasion_on FROM activation.journey_visits") == [
        (ada, f"at_risk-{day}", day)
    ]


def test_a_list_of_what_is_due_again_brings_its_customers(desk: Desk) -> None:
    journey = desk.journey(WAIT, entry="entry: {on: due_again}\n")
    [ada, _] = desk.people(2)
    desk.conn.execute(
        "INSERT INTO marts.products (product_id, product_ref, product_name, is_recommendable) VALUES (1, 'p', 'Tea', true)"
    )
    desk.conn.execute(
        "INSERT INTO marts.product_recommendations (customer_id, list, rank, product_id, product_name, score, reason, model_run_id)"
        " VALUES (%s, 'buy_again', 1, 1, 'Tea', 1, 'x', 1)", [ada],
    )  # fmt: skip
    assert desk.enrol(journey).counts == {"entered": 1}
    assert list(desk.where()) == [ada]


def test_stale_data_bring_nobody(desk: Desk) -> None:
    journey = desk.journey(WAIT)
    desk.people(1)
    desk.enrol(journey, dry_run=True)  # writes the freshness of today
    desk.clock.pass_time(days=5)
    from marketflow.campaigns.journeys import enrol

    found = enrol(desk.conn, journey, keys=RING, clock=desk.clock)
    assert found.entered == 0
    assert "stale data: marts.customer_360" in str(found.refused)


def test_a_dry_run_counts_and_keeps_nothing(desk: Desk) -> None:
    journey = desk.journey("steps:\n  hello: {send: {}}\n", mails=("hello",))
    desk.people(2)
    assert desk.enrol(journey, dry_run=True).counts == {"entered": 2}
    assert desk.where() == {}
    desk.enrol(journey)
    done = dry_tick(desk.conn, "trip", keys=RING, clock=desk.clock)
    assert done.counts == {"sent": 2}
    assert set(desk.where().values()) == {("due", "hello")}
    assert desk.rows("SELECT count(*) FROM activation.sends") == [(0,)]


def test_who_is_inside_goes_on_by_the_version_that_she_entered_by(desk: Desk) -> None:
    old = desk.journey("steps:\n  pause: {wait: {for: 2 days}}\n  letter: {send: {}}\n", mails=("letter",))
    [ada] = desk.people(1)
    desk.enrol(old)
    desk.tick(old)
    (desk.root / "trip/letter/subject.txt").write_text("Another subject")
    new = desk.journey("steps:\n  pause: {wait: {for: 2 days}}\n  letter: {send: {}}\n  rest: {wait: {for: 1 day}}\n")
    assert new.version != old.version
    assert desk.enrol(new).is_new_version
    desk.clock.pass_time(days=2)
    assert desk.tick(new).counts == {"waited": 1, "sent": 1}
    assert desk.where() == {ada: ("done", None)}
    [(frozen,)] = desk.rows("SELECT definition -> 'templates' ->> 'subject' FROM activation.plans")
    assert frozen == "Subject of letter"


def test_a_step_removed_while_people_stand_on_it(desk: Desk) -> None:
    def text(first: str, more: str = "") -> str:
        return f'on_change: move\n{more}steps:\n  split: {{branch: {{where: "orders = 3", then: a, otherwise: b}}}}\n{first}'  # fmt: skip

    old = desk.journey(
        text(
            "  a: {wait: {for: 2 days}, next: d}\n  b: {wait: {for: 2 days}, next: c}\n  c: {wait: {for: 5 days}}\n  d: {exit: {reason: x}}\n"
        )
    )
    [ada, bo, cy] = desk.people(3)
    desk.conn.execute("UPDATE marts.customer_360 SET orders = 2 WHERE customer_id <> %s", [ada])
    desk.enrol(old)
    desk.tick(old)
    assert desk.where() == {ada: ("waiting", "a"), bo: ("waiting", "b"), cy: ("waiting", "b")}
    # a is gone and named; b stays; then b is gone and leads to c; at last there is nothing left of what it led to
    new = desk.journey(
        text("  b: {wait: {for: 9 days}, next: c}\n  c: {wait: {for: 5 days}}\n", "moved: {a: c}\n").replace(
            "then: a", "then: c"
        )
    )
    desk.enrol(new)
    assert desk.where() == {ada: ("due", "c"), bo: ("waiting", "b"), cy: ("waiting", "b")}
    assert desk.rows("SELECT DISTINCT version FROM activation.journey_visits") == [(new.version,)]
    desk.tick(new)
    assert desk.moves(ada)[-1] == ("a", "c", "step_removed")
    assert desk.moves(bo)[-1] == ("b", "b", "moved")
    assert desk.rows("SELECT due_at FROM activation.journey_visits WHERE customer_id = %s", bo) == [
        (NOW + dt.timedelta(days=2),)
    ]
    newer = desk.journey(text("  c: {wait: {for: 5 days}}\n").replace("then: a, otherwise: b", "then: c, otherwise: c"))
    desk.enrol(newer)
    assert desk.where() == {ada: ("waiting", "c"), bo: ("due", "c"), cy: ("due", "c")}
    last = desk.journey("on_change: move\nsteps:\n  other: {exit: {reason: y}}\n")
    desk.enrol(last)
    assert set(desk.where().values()) == {("exited", "step_removed")}
    assert desk.rows("SELECT kind, sum(people) FROM activation.journey_ticks GROUP BY 1 ORDER BY 1") == [
        ("change", 9), ("enrol", 3), ("move", 4),
    ]  # fmt: skip


def test_a_version_that_cannot_be_used_is_told_and_the_one_before_goes_on(desk: Desk) -> None:
    good = desk.journey(WAIT)
    [ada] = desk.people(1)
    desk.enrol(good)
    desk.tick(good)
    bad = desk.journey(
        WAIT
        + "  ask: {branch: {where: \"segmnt = 'x'\", then: end}}\n  buy: {wait: {event: ordr_plced, at_most: 1 day}}\n"
    )
    with pytest.raises(DefinitionError, match=r"(?s)step ask: .*did you mean 'segment'"):
        desk.enrol(bad)
    desk.clock.pass_time(days=2)
    assert desk.tick(bad).counts == {"waited": 1}
    assert desk.where() == {ada: ("done", None)}


def test_a_step_keeps_its_number_in_the_ledger_whatever_becomes_of_the_file(desk: Desk) -> None:
    first = desk.journey("steps:\n  a: {send: {}}\n  b: {send: {}}\n", mails=("a", "b"))
    desk.enrol(first)
    (desk.root / "trip/a").rename(desk.root / "trip/z")
    desk.enrol(desk.journey("steps:\n  z: {send: {}}\n  b: {send: {}}\n"))
    assert desk.rows("SELECT step, number FROM activation.journey_steps ORDER BY number") == [
        ("a", 1),
        ("b", 2),
        ("z", 3),
    ]


def test_a_paused_journey_moves_nobody_and_goes_on_where_it_stopped(desk: Desk) -> None:
    journey = desk.journey("steps:\n  hello: {send: {}}\n", mails=("hello",))
    desk.people(1)
    desk.enrol(journey)
    hold(desk.conn, "trip", held=True, by="ada", note=None, clock=desk.clock)
    assert desk.tick(journey).is_paused
    assert desk.enrol(journey).refused == "the journey is paused"
    hold(desk.conn, "trip", held=False, by="ada", note=None, clock=desk.clock)
    assert desk.tick(journey).counts == {"sent": 1}


def test_all_leave_a_journey_that_is_cancelled_over_or_gone(desk: Desk) -> None:
    journey = desk.journey(WAIT + "end: 2026-11-22\n")
    [ada, bo] = desk.people(2)
    desk.enrol(journey)
    assert cancel_visits(desk.conn, "trip", clock=desk.clock) == 2
    assert desk.where() == {ada: ("exited", "cancelled"), bo: ("exited", "cancelled")}
    [cy] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(days=1)
    assert desk.enrol(journey).ended == 1
    assert desk.where()[cy] == ("exited", "journey_ended")
    gone = desk.journey(WAIT, name="gone")
    desk.enrol(gone)
    desk.tick(gone)
    assert end_left_behind(desk.conn, ["trip"], clock=desk.clock) == {}  # files may be on their way
    desk.clock.pass_time(days=3)
    assert end_left_behind(desk.conn, ["trip", "gone"], clock=desk.clock) == {}
    assert end_left_behind(desk.conn, ["trip"], clock=desk.clock) == {}
    desk.clock.pass_time(days=2)
    assert end_left_behind(desk.conn, ["trip"], clock=desk.clock) == {"gone": 3}
    assert desk.moves(cy)[-1] == ("pause", None, "ended")


def test_a_folder_that_was_missing_for_a_moment_ends_nothing_however_long_nobody_was_moved(desk: Desk) -> None:
    """Paused for a week, and files are being copied while end_journeys looks: once, and another night again."""
    journey = desk.journey(WAIT)
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.tick(journey)
    hold(desk.conn, "trip", held=True, by="ada", note=None, clock=desk.clock)
    desk.clock.pass_time(days=7)
    assert end_left_behind(desk.conn, [], clock=desk.clock) == {}
    desk.clock.pass_time(days=1)
    assert end_left_behind(desk.conn, ["trip"], clock=desk.clock) == {}
    desk.clock.pass_time(days=1)
    assert end_left_behind(desk.conn, [], clock=desk.clock) == {}
    hold(desk.conn, "trip", held=False, by="ada", note=None, clock=desk.clock)
    desk.tick(journey)  # it is there: it moves people
    desk.clock.pass_time(days=2)
    assert end_left_behind(desk.conn, [], clock=desk.clock) == {}
    assert desk.where() == {ada: ("done", None)}
