"""An experiment in a branch: who is drawn, who is counted, what is decided, and who goes where after that."""

from __future__ import annotations

import datetime as dt

import pytest

from campaign_shop import add_customer
from journey_desk import NOW, Desk
from judged_branch import CLOSED, arms, later, look, seen, trip
from marketflow.campaigns.journeys import read_counts
from marketflow.shared import DefinitionError


def test_an_arm_may_end_the_journey(desk: Desk) -> None:
    journey = desk.journey("""
steps:
  test: {branch: {shares: {offer: 1, end: 1}}}
  offer: {exit: {reason: offered}}
""")
    desk.people(40)
    desk.enrol(journey)
    counts = desk.tick(journey).counts
    assert counts["arm: end"] + counts["arm: offer"] == 40
    states = [state for state, _ in desk.where().values()]
    assert states.count("done") == counts["arm: end"] > 0
    assert states.count("exited") == counts["exit: offered"]


def test_each_counts_once_for_what_she_did_after_her_first_draw(desk: Desk) -> None:
    journey = trip(desk)
    desk.people(150)
    later(desk, journey)
    drawn = arms(desk)
    later(desk, journey, days=1)
    assert arms(desk) == drawn  # the same way again
    voucher, plain, held = (drawn[a] for a in ("voucher", "plain", "holdout"))
    for customer in voucher[:20]:
        desk.order(customer, NOW + dt.timedelta(hours=1))
    desk.order(voucher[0], NOW + dt.timedelta(hours=2))  # twice the same person
    desk.order(voucher[20], NOW)  # in the very moment is not after it
    desk.order(plain[0], NOW + dt.timedelta(days=15))  # after the window of 14 days
    desk.order(held[0], NOW + dt.timedelta(days=1, hours=1))
    desk.clock.pass_time(days=19)
    assert look(desk).experiments == 1
    assert seen(desk, "assigned", "conversions") == {
        "voucher": (len(voucher), 20), "plain": (len(plain), 0), "holdout": (len(held), 1),
    }  # fmt: skip
    verdicts = seen(desk, "verdict", "is_control", "sent_ratio_p")
    assert verdicts["plain"] == ("control", True, 1)
    assert verdicts["voucher"] == ("better", False, 1)
    assert verdicts["holdout"] == ("holdout", False, 1)
    low, value, high = seen(desk, "uplift_low", "uplift", "uplift_high")["voucher"]
    assert value == pytest.approx(20 / len(voucher) - 1 / len(held))
    assert low < value < high


def test_clicks_in_any_mail_of_the_journey_count(desk: Desk) -> None:
    text = """
steps:
  which:
    branch:
      shares: {short: 1, long: 1}
      experiment: {metric: clicks, expected_rate: 0.1, minimal_lift: 1}
  short: {send: {}, next: end}
  long: {send: {}, next: end}
"""
    desk.people(30)
    later(desk, desk.journey(text, mails=("short", "long")))
    desk.conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s", [NOW, NOW])
    drawn = arms(desk)
    for number, customer in enumerate([*drawn["short"][:3], drawn["long"][0]]):
        desk.conn.execute(
            "INSERT INTO activation.tracking_events (event_id, send_id, campaign, channel, kind, url, occurred_at, recorded_at, verdict,"
            " verdict_reason) SELECT gen_random_uuid(), send_id, campaign, channel, 'click', 'https://shop.example.com', %s, %s, %s, %s"
            " FROM activation.sends WHERE customer_id = %s",
            [NOW + dt.timedelta(hours=1), NOW, "scanner" if number == 2 else "person", "x" if number == 2 else None, customer],
        )  # fmt: skip
    desk.clock.pass_time(days=CLOSED)
    look(desk)
    assert seen(desk, "sent", "clickers") == {"short": (len(drawn["short"]), 2), "long": (len(drawn["long"]), 1)}


def test_who_comes_after_the_decision_goes_to_the_winner_and_does_not_count(desk: Desk) -> None:
    journey = trip(desk, winner="auto")
    desk.people(240)
    later(desk, journey)
    first = arms(desk)
    for customer in first["voucher"]:
        desk.order(customer, NOW + dt.timedelta(hours=1))
    desk.clock.pass_time(days=CLOSED - 1)
    assert look(desk).decided == []
    assert set(seen(desk, "assigned").values()) == {0}  # no window is over
    desk.clock.pass_time(days=1)
    assert look(desk).decided == ["trip/which"]
    newcomers = [add_customer(desk.conn, f"New{n}")[0] for n in range(60)]
    later(desk, journey, days=1)
    new = dict(
        desk.rows("SELECT customer_id, arm FROM marts.journey_draws WHERE drawn_at > %s", NOW + dt.timedelta(days=2))
    )
    assert {new[c] for c in first["plain"] + first["voucher"]} == {"voucher"}
    assert {new[c] for c in first["holdout"]} == {"holdout"}
    assert {new[c] for c in newcomers} == {"voucher", "holdout"}
    counted = {arm: len(people) for arm, people in first.items()}
    assert seen(desk, "assigned") == counted
    assert look(desk).experiments == 1  # the last window may have closed since the last look
    assert seen(desk, "assigned") == counted
    assert look(desk).experiments == 0
    assert seen(desk, "is_winner")["voucher"] is True
    counts = read_counts(desk.conn, "trip")
    assert counts.winners == {"which": "voucher"}
    assert counts.verdicts["which"]["voucher"] == "better"


def test_who_turns_out_to_be_another_one_counts_once_in_her_first_arm(desk: Desk) -> None:
    journey = trip(desk, shares="{plain: 1, voucher: 1}")
    desk.people(40)
    later(desk, journey)
    drawn = arms(desk)
    desk.conn.execute(
        "UPDATE core.customers SET merged_into = %s, is_deleted = true WHERE customer_id = %s",
        [drawn["plain"][0], drawn["voucher"][0]],
    )
    desk.clock.pass_time(days=CLOSED)
    look(desk)
    assert sum(seen(desk, "assigned").values()) == 39
    assert all(seen(desk, "is_simulated").values())


def test_shares_stay_while_people_are_inside(desk: Desk) -> None:
    trip(desk)
    journey = trip(desk, shares="{plain: 3, voucher: 1}")  # nobody has entered yet
    desk.enrol(journey)
    desk.enrol(trip(desk, shares="{plain: 1, voucher: 1}"))
    desk.people(10)
    desk.enrol(trip(desk, shares="{plain: 1, voucher: 1}"))
    other = trip(desk, shares="{plain: 1, voucher: 2}")
    with pytest.raises(
        DefinitionError, match=r"which runs since 2026-11-22 with plain 50 %, voucher 50 % and is plain 33"
    ):
        desk.enrol(other)
    assert desk.tick("trip").people == 10  # by the version that is in force
    desk.rows("UPDATE activation.journey_visits SET version = 'gone' RETURNING 1")
    with pytest.raises(DefinitionError, match="Give the experiment a new name"):
        desk.enrol(other)  # they were drawn
    desk.enrol(trip(desk, shares="{plain: 1, voucher: 2}", name="another"))
    [(names,)] = desk.rows("SELECT array_agg(experiment ORDER BY experiment) FROM activation.experiments")
    assert names == ["another", "which"]


def test_another_name_draws_anew_and_each_has_its_own_figures(desk: Desk) -> None:
    desk.people(80)
    later(desk, trip(desk))
    first = arms(desk)
    later(desk, trip(desk, name="second"), days=1)
    rows = desk.rows("SELECT arm, customer_id FROM marts.journey_draws WHERE experiment = 'second'")
    second = {arm: sorted(c for a, c in rows if a == arm) for arm in first}
    assert second != first
    assert len(rows) == 80
    desk.clock.pass_time(days=CLOSED)
    assert look(desk).experiments == 2
    counts = desk.rows(
        "SELECT experiment, arm, assigned FROM marts.experiment_results WHERE is_newest ORDER BY experiment, arm"
    )
    assert counts == [
        *(("second", arm, len(second[arm])) for arm in sorted(second)),
        *(("which", arm, len(first[arm])) for arm in sorted(first)),
    ]


def test_a_leak_is_an_alarm_and_nothing_is_decided(desk: Desk) -> None:
    desk.people(240)
    later(desk, trip(desk, winner="auto"))
    drawn = arms(desk)
    for customer in drawn["voucher"]:
        desk.order(customer, NOW + dt.timedelta(hours=1))
    desk.conn.execute(  # somebody took moves away
        "DELETE FROM activation.journey_moves WHERE why = 'arm: plain' AND mod(visit_id, 10) > 2"
    )
    desk.clock.pass_time(days=CLOSED)
    assert look(desk).alarms == ["trip/which"]
    assert set(seen(desk, "verdict").values()) == {"ratio_mismatch"}
    assert desk.rows("SELECT winner FROM activation.experiments") == [(None,)]
