"""What must not blur an experiment in a branch: slow ways, other draws, ticks under way, files that change, old names."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from campaign_shop import add_customer
from journey_desk import NOW, Desk
from judged_branch import AGAIN, CLOSED, TEXT, arms, later, look, seen, trip
from marketflow.shared import DefinitionError

ticking = importlib.import_module("marketflow.campaigns.journeys.tick")  # the package's `tick` is the function
MEANT = "SELECT definition ->> 'winner', definition ->> 'minimum_people' FROM activation.experiments"


def test_the_slower_way_does_not_lose_for_being_slow(desk: Desk) -> None:
    desk.people(240)
    later(desk, trip(desk, shares="{plain: 1, voucher: 1}", winner="auto"))
    drawn = arms(desk)
    most = min(map(len, drawn.values())) // 2
    for arm, day in (("plain", 1), ("voucher", 10)):
        for customer in drawn[arm][:most]:
            desk.order(customer, NOW + dt.timedelta(days=day))
    for _ in range(CLOSED + 2):
        desk.clock.pass_time(days=1)
        assert look(desk).decided == []
    assert seen(desk, "conversions") == {"plain": most, "voucher": most}
    assert set(seen(desk, "verdict").values()) == {"control", "undecided"}


def test_a_decision_while_a_tick_is_under_way_is_for_those_who_come_after_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = trip(desk, shares="{plain: 1, voucher: 1}", winner="auto")
    desk.people(200)
    later(desk, journey)
    for customer in arms(desk)["voucher"]:
        desk.order(customer, NOW + dt.timedelta(hours=1))
    desk.clock.pass_time(days=CLOSED)
    newcomers = [add_customer(desk.conn, f"New{n}")[0] for n in range(120)]
    desk.enrol(journey)
    decided: list[str] = []
    move = ticking._move

    def decide_between(batch: Any, most: int) -> int:
        if not decided:
            desk.clock.pass_time(minutes=1)
            decided.extend(look(desk).decided)
        return int(move(batch, most))

    monkeypatch.setattr(ticking, "_move", decide_between)
    desk.tick(journey, most=50)
    assert decided == ["trip/which"]
    here = [len(set(people) & set(newcomers)) for people in arms(desk).values()]
    assert min(here) > 30  # by the shares: the tick had begun before
    desk.clock.pass_time(days=CLOSED)
    assert look(desk).alarms == []
    assert sum(seen(desk, "assigned").values()) == 320


def test_who_decides_and_when_may_change_and_nothing_that_the_intervals_were_laid_out_for(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.people(20)
    later(desk, trip(desk, winner="auto"))
    with caplog.at_level(logging.WARNING, "marketflow"):
        later(desk, trip(desk, winner="none", metric="conversion"))
    assert desk.rows(MEANT) == [("none", "20")]
    assert caplog.messages == []
    with caplog.at_level(logging.WARNING, "marketflow"):
        later(desk, trip(desk, winner="auto", power="0.9"))
    assert desk.rows(MEANT) == [("auto", "20")]
    assert "it is judged as it began, with power 0.8" in caplog.text


def test_the_order_of_the_ways_is_nothing_and_what_differs_is_named(desk: Desk) -> None:
    def three(shares: str, more: str = "") -> Any:
        text = TEXT + "  third: {exit: {reason: third}}\n"
        return desk.journey(text % {"shares": shares, "more": more}, entry=AGAIN)

    desk.people(30)
    later(desk, three("{plain: 1, voucher: 1, third: 1}"))
    drawn = arms(desk)
    later(desk, three("{plain: 1, third: 1, voucher: 1}"), days=1)
    assert arms(desk) == drawn
    with pytest.raises(DefinitionError, match=r"with alpha 0\.05 and is alpha 0\.01 now"):
        desk.enrol(three("{plain: 1, voucher: 1, third: 1}", ", alpha: 0.01"))
    with pytest.raises(DefinitionError, match=r"control plain and is .*control third now"):
        desk.enrol(three("{plain: 1, voucher: 1, third: 1}", ", control: third"))


def test_mails_from_before_the_draw_are_not_of_the_experiment(desk: Desk) -> None:
    text = """
steps:
  hello: {send: {}}
  pause: {wait: {for: 1 day}}
  which:
    branch:
      shares: {short: 1, holdout: 1}
      experiment: {expected_rate: 0.1, minimal_lift: 1}
  short: {send: {}, next: end}
  holdout: {exit: {reason: nothing}}
"""
    journey = desk.journey(text, mails=("hello", "short"))
    for _ in range(2):  # those who come later are greeted after the first were drawn
        desk.people(30)
        later(desk, journey, hours=1)
        later(desk, journey, days=1, hours=1)
    desk.conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s", [NOW, NOW])
    desk.clock.pass_time(days=CLOSED)
    look(desk)
    drawn = {arm: len(people) for arm, people in arms(desk).items()}
    assert sum(drawn.values()) == 60
    assert seen(desk, "assigned") == drawn
    assert seen(desk, "sent") == {"short": drawn["short"], "holdout": 0}


def test_what_a_campaign_of_that_name_decided_once_is_past(desk: Desk) -> None:
    old = {"shares": [["plain", 50], ["voucher", 50]], "window_days": 14}
    desk.conn.execute(
        "INSERT INTO activation.experiments (campaign, experiment, allocation_version, definition, started_at, decided_at, winner, reason)"
        " VALUES ('trip', 'which', 'x', %s, %s, %s, 'voucher', 'old')",
        [Jsonb(old), NOW - dt.timedelta(days=300), NOW - dt.timedelta(days=200)],
    )
    desk.people(40)
    later(desk, trip(desk, shares="{plain: 1, voucher: 1}"))
    assert set(arms(desk)) == {"plain", "voucher"}
    assert look(desk).experiments == 1
