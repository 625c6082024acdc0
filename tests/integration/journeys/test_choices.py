"""What people have chosen on the preference page holds for journeys, when a step plans and right before its mail goes."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_shop import RING
from journey_desk import NOW, Desk
from ledger_fixture import mail, options
from marketflow.campaigns.delivery import deliver
from marketflow.campaigns.journeys import load_journeys
from marketflow.warehouse import connect

STEPS = """
topic: reminders
steps:
  basket: {send: {}}
  letter: {send: {topic: news}}
  bill: {send: {purpose: transactional}}
"""
MAILS = ("basket", "letter", "bill")


def unwanted(desk: Desk, customer: int, *topics: str) -> None:
    desk.conn.execute(
        "INSERT INTO privacy.preferences SELECT contact_point_id, %s, NULL, NULL, NULL, %s FROM core.contact_points"
        " WHERE customer_id = %s",
        [list(topics), NOW, customer],
    )


def outcomes(desk: Desk, column: str) -> dict[tuple[int, str], Any]:
    found = desk.rows(
        "SELECT m.customer_id, k.step, " + column + " FROM activation.plan_members AS m JOIN activation.plans AS p USING (plan_id)"
        " JOIN activation.journey_steps AS k ON k.number = p.step"
        " LEFT JOIN activation.sends AS s ON s.plan_id = p.plan_id AND s.customer_id = m.customer_id"
    )  # fmt: skip
    return {(c, step): value for c, step, value in found}


def test_a_topic_that_is_not_wanted_is_not_planned(desk: Desk) -> None:
    journey = desk.journey(STEPS, mails=MAILS)
    [ada, bo] = desk.people(2)
    unwanted(desk, ada, "reminders")
    unwanted(desk, bo, "news")
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"sent": 4, "refused: topic_unwanted": 2}
    refused = {who for who, outcome in outcomes(desk, "m.outcome").items() if outcome == "topic_unwanted"}
    assert refused == {(ada, "basket"), (bo, "letter")}


def test_a_topic_that_is_not_wanted_any_more_is_not_sent(desk: Desk, warehouse_dsn: str) -> None:
    """She chose after the step had planned and before the mail went."""
    journey = desk.journey(STEPS, mails=MAILS)
    [ada, bo] = desk.people(2)
    desk.enrol(journey)
    assert desk.tick(journey).counts == {"sent": 6}
    unwanted(desk, ada, "reminders")
    unwanted(desk, bo, "news", "offers")
    channel = mail()
    deliver(lambda: connect(warehouse_dsn), channel, keys=RING, clock=desk.clock, options=options())
    skipped = {who for who, reason in outcomes(desk, "s.reason").items() if reason == "topic_unwanted"}
    assert skipped == {(ada, "basket"), (bo, "letter")}
    assert len(channel.messages) == 4


@pytest.mark.parametrize("name", [
    "abandoned_cart", "birthday_greeting", "replenishment", "thank_you_review", "welcome_series", "win_back_series",
])  # fmt: skip
def test_each_mail_of_those_that_ship_is_of_a_topic(name: str) -> None:
    [journey] = [j for j in load_journeys() if j.name == name]
    topics = {step: frozen["campaign"]["topic"] for step, frozen in journey.frozen["sends"].items()}
    assert topics
    assert all(topics.values()), topics
