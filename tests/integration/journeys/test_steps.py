"""What each step does: rows in, rows out, on a real warehouse."""

from __future__ import annotations

import datetime as dt

import pytest

from campaign_shop import add_order, fresh, suppress
from journey_desk import NOW, Desk
from marketflow.campaigns import ContactPolicy


def test_who_enters_gets_the_mail_waits_and_goes_on(desk: Desk) -> None:
    journey = desk.journey(
        """
steps:
  hello: {send: {}}
  pause: {wait: {for: 3 days}}
  later: {send: {}}
""",
        mails=("hello", "later"),
    )
    [ada, bo] = desk.people(2)
    assert desk.enrol(journey).counts == {"entered": 2}
    first = desk.tick(journey)
    assert (first.people, first.counts, first.released) == (2, {"sent": 2}, {"email": 2})
    assert desk.where() == {ada: ("waiting", "pause"), bo: ("waiting", "pause")}
    assert desk.rows("SELECT DISTINCT due_at FROM activation.journey_visits") == [(NOW + dt.timedelta(days=3),)]
    assert desk.tick(journey).people == 0
    desk.clock.pass_time(days=3)
    assert desk.tick(journey).counts == {"waited": 2, "sent": 2}
    assert desk.where() == {ada: ("done", None), bo: ("done", None)}
    assert desk.moves(ada) == [
        (None, "hello", "entered"), ("hello", "pause", "sent"), ("pause", "later", "waited"), ("later", None, "sent"),
    ]  # fmt: skip
    assert desk.rows("SELECT campaign, step, state, count(*) FROM activation.sends GROUP BY 1, 2, 3 ORDER BY step") == [
        ("trip", 1, "released", 2), ("trip", 2, "released", 2),
    ]  # fmt: skip


def test_who_may_not_be_written_to_goes_on_without_the_mail_and_the_reason_is_kept(desk: Desk) -> None:
    journey = desk.journey(
        "steps:\n  hello: {send: {}}\n  pause: {wait: {for: 1 day}}\n",
        entry='entry: {on: daily, where: "orders >= 0", consent: false}\n',
        mails=("hello",),
    )
    [ada] = desk.people(1)
    [bo] = desk.people(1, email=False)
    [cy] = desk.people(1, consent=False)
    [di] = desk.people(1)
    [point] = desk.rows("SELECT contact_point_id FROM core.contact_points WHERE customer_id = %s", di)[0]
    suppress(desk.conn, point)
    desk.enrol(journey)
    assert desk.tick(journey).counts == {
        "sent": 1, "refused: no_contact_point": 1, "refused: no_consent": 1, "refused: suppressed": 1,
    }  # fmt: skip
    assert set(desk.where().values()) == {("waiting", "pause")}
    assert desk.moves(cy)[-1] == ("hello", "pause", "refused: no_consent")
    outcomes = dict(desk.rows("SELECT customer_id, outcome FROM marts.campaign_members WHERE campaign = 'trip'"))
    assert outcomes == {ada: "planned", bo: "no_contact_point", cy: "no_consent", di: "suppressed"}
    [counts] = desk.rows(
        "SELECT entered, here_now, passed, written_to, refused FROM marts.journey_steps WHERE step = 'hello'"
    )
    assert counts == (4, 0, 4, 1, 3)


def test_caps_and_quiet_hours_hold_for_journeys_as_for_campaigns(desk: Desk) -> None:
    journey = desk.journey(
        "steps:\n  one: {send: {}}\n  pause: {wait: {for: 1 day}}\n  two: {send: {}}\n", mails=("one", "two")
    )
    desk.policy = ContactPolicy.model_validate(
        {"frequency_caps": [{"messages": 1, "days": 7}], "quiet_hours": [{"from": "08:00", "to": "12:00"}]}
    )
    desk.people(1)
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"sent": 1}
    assert desk.rows("SELECT send_after, reason FROM activation.sends") == [(NOW.replace(hour=12), "quiet_hours")]
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"waited": 1, "refused: frequency_cap": 1}


def test_a_branch_asks_the_marts(desk: Desk) -> None:
    journey = desk.journey(
        """
steps:
  bought: {branch: {where: "did('order', days => 30) and segment = 'at_risk'", then: yes_, otherwise: no_}}
  yes_: {exit: {reason: buyer}}
  no_: {exit: {reason: other}}
"""
    )
    [ada, bo] = desk.people(2)
    [cy] = desk.people(1, segment="loyal")
    for customer in (ada, cy):
        add_order(desk.conn, customer, [1], desk.clock.business_date())
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"then": 1, "otherwise": 2, "exit: buyer": 1, "exit: other": 2}
    assert desk.where() == {ada: ("exited", "buyer"), bo: ("exited", "other"), cy: ("exited", "other")}


def test_a_condition_that_cannot_be_evaluated_any_more_holds_only_those_on_its_step(desk: Desk) -> None:
    text = """
steps:
  split: {branch: {shares: {asks: 1, rest: 1}}}
  asks: {branch: {where: "got_campaign('%s')", then: end, otherwise: end}}
  rest: {exit: {reason: rest}}
"""
    (desk.root / "trip").mkdir(parents=True)
    journey = desk.journey(text % "welcome")
    desk.people(20)
    desk.enrol(journey)
    desk.conn.execute(
        "UPDATE activation.journey_versions SET definition = replace(definition::text, 'welcome', 'wilcome')::jsonb"
    )
    done = desk.tick(journey)
    assert done.counts["held"] + done.counts["exit: rest"] == 20
    assert done.counts["held"] > 0 < done.counts["exit: rest"]
    assert "did you mean 'welcome'" in done.held[0]
    assert desk.tick(journey).people == 0  # asked again in an hour
    desk.conn.execute(
        "UPDATE activation.journey_versions SET definition = replace(definition::text, 'wilcome', 'welcome')::jsonb"
    )
    desk.clock.pass_time(hours=1)
    assert desk.tick(journey).counts == {"otherwise": done.counts["held"]}


def test_an_experiment_splits_by_weight_and_always_the_same_way(desk: Desk) -> None:
    journey = desk.journey(
        """
steps:
  test: {branch: {shares: {few: 1, many: 3}}}
  few: {exit: {reason: few}}
  many: {exit: {reason: many}}
""",
        entry='entry: {on: daily, where: "orders >= 0", again: always}\n',
    )
    desk.people(200)
    desk.enrol(journey)
    counts = desk.tick(journey).counts
    assert 30 <= counts["exit: few"] <= 70  # four standard deviations around 50
    first = desk.where()
    desk.clock.pass_time(days=1)
    assert desk.enrol(journey).entered == 200
    desk.tick(journey)
    again = dict(
        desk.rows(
            "SELECT customer_id, reason FROM activation.journey_visits WHERE occasion_on > %s",
            NOW.date() - dt.timedelta(days=1),
        )
    )
    assert again == {customer: reason for customer, (_, reason) in first.items()}


@pytest.mark.parametrize(
    ("zone", "now", "wait", "expected"),
    [
        ("Europe/Berlin", "2026-11-22T09:00Z", 'until: "10:00"', "2026-11-23T09:00Z"),  # 10:00 there already: tomorrow's
        ("America/New_York", "2026-11-22T09:00Z", 'until: "10:00"', "2026-11-22T15:00Z"),
        ("Asia/Shanghai", "2026-11-22T09:00Z", 'until: "09:30", on: [tuesday]', "2026-11-24T01:30Z"),
        ("Europe/Berlin", "2027-03-27T12:00Z", 'until: "02:30"', "2027-03-28T01:30Z"),  # left out: an hour later, 03:30
        ("Europe/Berlin", "2026-10-24T12:00Z", 'until: "02:30"', "2026-10-25T01:30Z"),  # twice: the second
        ("Nowhere/Land", "2026-11-22T09:00Z", 'until: "10:00"', "2026-11-22T10:00Z"),  # the shop's own
    ],
)  # fmt: skip
def test_a_time_of_the_day_is_the_customers_own(desk: Desk, zone: str, now: str, wait: str, expected: str) -> None:
    journey = desk.journey(f"steps:\n  morning: {{wait: {{{wait}}}}}\n")
    desk.clock.hands[0] = dt.datetime.fromisoformat(now)
    desk.people(1)
    desk.conn.execute("UPDATE core.customers SET time_zone = %s", [zone])
    desk.enrol(journey)
    desk.tick(journey)
    assert desk.rows("SELECT due_at FROM activation.journey_visits") == [(dt.datetime.fromisoformat(expected),)]


def test_a_webhook_is_a_row_of_the_ledger_that_names_nobody(desk: Desk) -> None:
    journey = desk.journey('steps:\n  crm: {webhook: {account: crm_hook, text: "reached {{ the }} end"}}\n')
    [ada] = desk.people(1)
    desk.enrol(journey)
    done = desk.tick(journey)
    assert (done.counts, done.released) == ({"told": 1}, {"webhook": 1})
    [row] = desk.rows("SELECT channel, step, state, purpose, customer_id, occasion FROM activation.sends")
    [(visit,)] = desk.rows("SELECT visit_id FROM activation.journey_visits")
    assert row == ("webhook", 1, "released", "post", ada, f"visit:{visit}:2:customer:{ada}")
    [(frozen,)] = desk.rows("SELECT definition FROM activation.plans")
    assert frozen["templates"]["text"] == "reached (( the )) end"


def test_an_event_before_the_enrolment_does_not_satisfy_a_wait(desk: Desk) -> None:
    journey = desk.journey(
        """
steps:
  buys: {wait: {event: order_placed, at_most: 7 days, then: thanks, otherwise: reminder}}
  thanks: {exit: {reason: bought}}
  reminder: {exit: {reason: reminded}}
"""
    )
    [ada, bo, cy] = desk.people(3)
    desk.order(ada, NOW.replace(hour=0) - dt.timedelta(minutes=1))  # on the day that brings her: it was known then
    desk.enrol(journey)
    assert desk.tick(journey).people == 3
    desk.clock.pass_time(days=1)
    desk.order(bo, desk.clock.now() - dt.timedelta(hours=1))
    assert desk.tick(journey).counts == {"event": 1, "exit: bought": 1}
    desk.clock.pass_time(days=6)
    desk.order(cy, desk.clock.now())  # in the very moment in which the time is over: it has happened
    assert desk.tick(journey).counts == {"event": 1, "exit: bought": 1, "timed_out": 1, "exit: reminded": 1}
    assert desk.where()[ada] == ("exited", "reminded")


def test_what_happened_since_she_entered_counts_at_a_later_step(desk: Desk) -> None:
    text = """
steps:
  pause: {wait: {for: 2 days}}
  buys: {wait: {event: order_placed, at_most: 7 days, since: %s, then: thanks, otherwise: end}}
  thanks: {exit: {reason: bought}}
"""
    both = [desk.journey(text % "entry", name="since_entry"), desk.journey(text % "arrival", name="since_arrival")]
    [ada] = desk.people(1)
    for journey in both:
        desk.enrol(journey)
        desk.tick(journey)
    desk.clock.pass_time(days=1)
    desk.order(ada, desk.clock.now())
    desk.clock.pass_time(days=1)
    for journey in both:
        desk.tick(journey)
        desk.tick(journey)
    ends = dict(desk.rows("SELECT journey, coalesce(reason, step) FROM activation.journey_visits"))
    assert ends == {"since_entry": "bought", "since_arrival": "buys"}


def test_a_click_counts_only_when_a_person_made_it(desk: Desk) -> None:
    journey = desk.journey(
        """
steps:
  hello: {send: {}}
  clicks: {wait: {event: mail_clicked, at_most: 3 days, then: clicked, otherwise: end}}
  clicked: {exit: {reason: clicked}}
""",
        mails=("hello",),
    )
    [ada, bo] = desk.people(2)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(hours=1)
    for customer, verdict in ((ada, "person"), (bo, "scanner")):
        desk.conn.execute(
            "INSERT INTO activation.tracking_events SELECT gen_random_uuid(), send_id, campaign, channel, 'click', 'https://shop.test/',"
            " %s, %s, %s, CASE %s WHEN 'scanner' THEN 'too_fast' END FROM activation.sends WHERE customer_id = %s",
            [desk.clock.now(), desk.clock.now(), verdict, verdict, customer],
        )
    assert desk.tick(journey).counts == {"event": 1, "exit: clicked": 1}
    assert desk.where() == {ada: ("exited", "clicked"), bo: ("waiting", "clicks")}


@pytest.mark.parametrize("goal", ["{event: order_placed}", '{where: "orders > 3"}'])  # fmt: skip
def test_who_has_done_what_the_journey_is_for_leaves_before_the_next_step(desk: Desk, goal: str) -> None:
    journey = desk.journey(
        f"goal: {goal}\nsteps:\n  pause: {{wait: {{for: 1 day}}}}\n  reminder: {{send: {{}}}}\n", mails=("reminder",)
    )
    [ada, bo] = desk.people(2)
    desk.enrol(journey)
    desk.tick(journey)
    desk.clock.pass_time(hours=1)
    desk.order(ada, desk.clock.now())
    desk.conn.execute("UPDATE marts.customer_360 SET orders = 4 WHERE customer_id = %s", [ada])
    desk.clock.pass_time(days=1)
    assert desk.tick(journey).counts == {"goal": 1, "waited": 1, "sent": 1}
    assert desk.where() == {ada: ("exited", "goal"), bo: ("done", None)}
    assert desk.rows("SELECT customer_id FROM activation.sends") == [(bo,)]


def test_a_loop_writes_each_round_and_each_round_once(desk: Desk) -> None:
    journey = desk.journey(
        "steps:\n  letter: {send: {}}\n  month: {wait: {for: 30 days}, next: letter}\n", mails=("letter",)
    )
    desk.people(1)
    desk.enrol(journey)
    for _ in range(3):
        assert desk.tick(journey).counts["sent"] == 1
        desk.clock.pass_time(days=30)
    [(visit,)] = desk.rows("SELECT visit_id FROM activation.journey_visits")
    assert [o for (o,) in desk.rows("SELECT occasion FROM activation.sends ORDER BY send_id")] == [
        f"visit:{visit}", f"visit:{visit}:2", f"visit:{visit}:3",
    ]  # fmt: skip


def test_who_was_erased_leaves_whatever_she_waits_for(desk: Desk) -> None:
    journey = desk.journey("steps:\n  hello: {send: {}}\n", mails=("hello",))
    [ada] = desk.people(1)
    desk.enrol(journey)
    desk.conn.execute("UPDATE core.customers SET is_deleted = true")
    assert desk.tick(journey).counts == {"ended": 1}
    assert desk.where() == {ada: ("exited", "customer_gone")}
    fresh(desk.conn)


def test_what_people_went_through_adds_up(desk: Desk) -> None:
    journey = desk.journey(
        "goal: {event: order_placed}\nsteps:\n  a: {wait: {for: 1 hour}}\n  b: {send: {}}\n  c: {wait: {for: 1 hour}}\n",
        mails=("b",),
    )
    people = desk.people(9)
    desk.enrol(journey)
    for _ in range(2):
        desk.tick(journey)
        desk.clock.pass_time(minutes=30)
        desk.order(people.pop(), desk.clock.now())
        desk.clock.pass_time(minutes=30)
    desk.tick(journey, most=3)  # in pieces
    [(wrong,)] = desk.rows(
        "SELECT count(*) FROM marts.journey_steps WHERE entered <> here_now + passed + reached_goal + dropped"
    )
    assert wrong == 0
    assert sum(n for (n,) in desk.rows("SELECT reached_goal FROM marts.journey_steps")) == 2
