"""Choices of the preference page at planning: topics that are not wanted, how often at most, in which language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaign_shop import Desk, add_customer, write_campaign
from marketflow.campaigns import Campaign, ContactPolicy
from marketflow.campaigns.definition import load_campaign
from marketflow.campaigns.policy.judge import OUTCOMES
from marketflow.shared import Clock, DefinitionError

NOBODY = ContactPolicy()
EARLIER = """
INSERT INTO activation.sends (
    campaign, occasion, contact_point_id, channel, plan_id, customer_id, purpose, state, reason, priority, send_after,
    expires_at, definition_version, message_id, planned_at, sending_at, claim_token, lease_until, is_test
)
SELECT
    'another', gen_random_uuid()::text, p.contact_point_id, 'email', %(plan)s, p.customer_id, %(purpose)s, %(state)s, 'x',
    %(priority)s, %(now)s, %(now)s::timestamptz + interval '1 day', 'v', gen_random_uuid()::text, %(now)s,
    CASE WHEN %(state)s = 'sent' THEN %(now)s::timestamptz - %(ago)s::interval END, gen_random_uuid(), %(now)s, %(test)s
FROM core.contact_points AS p WHERE p.contact_point_id = %(point)s
"""


@pytest.fixture
def desk(shop: psycopg.Connection, clock: Clock) -> Desk:
    return Desk(shop, clock)


@pytest.fixture
def ada(shop: psycopg.Connection) -> tuple[int, int]:
    customer, point = add_customer(shop, "Ada")
    shop.commit()
    assert point is not None
    return customer, point


def choose(desk: Desk, point: int, **said: Any) -> None:
    values = {"unwanted": [], "most": None, "days": None, "language": None} | said
    desk.conn.execute(
        "INSERT INTO privacy.preferences VALUES (%(point)s, %(unwanted)s, %(most)s, %(days)s, %(language)s, %(now)s)",
        values | {"point": point, "now": desk.clock.now()},
    )
    desk.conn.commit()


def earlier(desk: Desk, point: int, **said: Any) -> None:
    """A message of another campaign."""
    plan = desk.conn.execute(
        "INSERT INTO activation.plans (campaign, occasion, channel, definition_version, definition, is_dry_run, state,"
        " business_date, planned_at) VALUES ('another', 'x', 'email', 'v', '{}', false, 'released', '2017-12-31', %s)"
        " RETURNING plan_id",
        [desk.clock.now()],
    ).fetchone()
    values = {"state": "sent", "priority": 100, "purpose": "marketing", "ago": "1 day", "test": False} | said
    desk.conn.execute(EARLIER, values | {"plan": plan[0], "point": point, "now": desk.clock.now()})
    desk.conn.commit()


def about(campaigns: dict[str, Campaign], topic: str | None, **changes: Any) -> Campaign:
    return campaigns["win_back"].model_copy(update={"topic": topic, **changes})


def refusals(desk: Desk, campaign: Campaign, **options: Any) -> dict[str, int]:
    return desk.plan(campaign, policy=NOBODY, dry_run=True, **options).refusals


@pytest.mark.parametrize(
    ("topic", "unwanted", "is_refused"),
    [
        ("offers", ["offers"], True),
        ("offers", ["news", "offers"], True),
        ("offers", ["news"], False),
        ("offers", [], False),
        (None, ["offers"], False),
    ],
)
@pytest.mark.usefixtures("ada")
def test_a_topic_that_is_not_wanted(
    desk: Desk, campaigns: dict[str, Campaign], topic: str | None, unwanted: list[str], is_refused: bool
) -> None:
    [(point,)] = desk.rows("SELECT contact_point_id FROM core.contact_points")
    choose(desk, point, unwanted=unwanted)
    assert refusals(desk, about(campaigns, topic)) == ({"topic_unwanted": 1} if is_refused else {})


def test_messages_about_an_order_have_no_topic(
    desk: Desk, campaigns: dict[str, Campaign], ada: tuple[int, int]
) -> None:
    choose(desk, ada[1], unwanted=["offers"], most=1, days=30)
    earlier(desk, ada[1])
    assert refusals(desk, about(campaigns, "offers", purpose="transactional")) == {}


def test_without_consent_the_topic_is_not_the_reason(
    desk: Desk, campaigns: dict[str, Campaign], ada: tuple[int, int]
) -> None:
    choose(desk, ada[1], unwanted=["offers"])
    desk.conn.execute("UPDATE privacy.consents SET granted = false")
    assert refusals(desk, about(campaigns, "offers")) == {"no_consent": 1}


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({}, True),
        ({"ago": "6 days 23:59"}, True),
        ({"ago": "7 days 00:01"}, False),
        ({"state": "released"}, True),
        ({"state": "released", "priority": 1000}, False),
        ({"state": "failed"}, False),
        ({"purpose": "transactional"}, False),
        ({"test": True}, False),
    ],
)
def test_how_often_at_most(
    desk: Desk, campaigns: dict[str, Campaign], ada: tuple[int, int], said: dict[str, Any], refused: bool
) -> None:
    choose(desk, ada[1], most=1, days=7)
    earlier(desk, ada[1], **said)
    campaign = about(campaigns, None, priority=100)
    assert refusals(desk, campaign) == ({"frequency_choice": 1} if refused else {})


def test_only_who_chose_is_kept_back_and_a_plan_does_not_count_its_own(
    desk: Desk, campaigns: dict[str, Campaign], ada: tuple[int, int]
) -> None:
    bo, point = add_customer(desk.conn, "Bo")
    choose(desk, ada[1], most=1, days=7)
    earlier(desk, point or 0)
    first = desk.plan(about(campaigns, None), policy=NOBODY)
    assert (first.planned, first.refusals) == (2, {})
    assert desk.plan(about(campaigns, None), policy=NOBODY).planned == 2, (
        "its own of before, not released, do not count"
    )
    another = desk.plan(about(campaigns, None), policy=NOBODY, occasion="another")
    assert desk.outcomes(another.plan_id) == {ada[0]: "frequency_choice", bo: "planned"}


@pytest.mark.usefixtures("ada")
def test_the_plan_knows_its_topic_and_the_outcomes_have_words(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    plan = desk.plan(about(campaigns, "offers"), policy=NOBODY)
    assert desk.rows("SELECT topic FROM activation.plans WHERE plan_id = %s", plan.plan_id) == [("offers",)]
    assert {"topic_unwanted", "frequency_choice"} <= OUTCOMES.keys()


def test_samples_are_in_the_chosen_language(desk: Desk, campaigns: dict[str, Campaign], ada: tuple[int, int]) -> None:
    choose(desk, ada[1], language="zh")
    desk.conn.execute("UPDATE core.customers SET locale = 'en-US'")
    [sample] = desk.plan(about(campaigns, None), policy=NOBODY, dry_run=True).samples
    assert sample["locale"] == "zh"
    assert "退订" in sample["text"]


YAML = """\
name: {name}
title: A letter
owner: marketing
channel: email
purpose: {purpose}
topic: {topic}
trigger: {{on: manual}}
audience: {{where: orders > 0}}
"""


def letter(folder: Path, topic: str, purpose: str = "marketing") -> Campaign:
    yaml = YAML.format(name=folder.name, topic=topic, purpose=purpose)
    return write_campaign(folder, yaml=yaml, subject="Hi", text="x {{ unsubscribe_url }}")


def test_a_campaign_names_a_topic_of_the_policy(tmp_path: Path) -> None:
    assert letter(tmp_path / "letter", "offers").topic == "offers"


@pytest.mark.parametrize(
    ("topic", "purpose", "said"),
    [
        (
            "ofers",
            "marketing",
            "campaign.yaml:6: topic: contact_policy.yaml has no topic 'ofers'; did you mean 'offers'?",
        ),
        ("politics", "marketing", "known are offers, recommendations, reminders, news"),
        ("offers", "transactional", "only marketing has topics that people may not want; this is transactional"),
        ("'Special Offers!'", "marketing", "topic: String should match pattern"),
    ],
)
def test_a_topic_that_is_wrong_is_told_by_line(tmp_path: Path, topic: str, purpose: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=r"campaign\.yaml:6") as error:
        letter(tmp_path / "letter", topic, purpose)
    assert said in str(error.value)


def test_a_topic_that_was_taken_out_of_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketflow.campaigns.definition import checks

    letter(tmp_path / "letter", "offers")
    path = tmp_path / "contact_policy.yaml"
    monkeypatch.setattr(checks, "settings", lambda: type("Of", (), {"contact_policy": path, "root": checks.settings}))
    monkeypatch.setattr(checks, "taken_names", tuple)
    for text, said in (("topics: {}\n", "it has none"), ("topics: [x]\n", "the topics cannot be read")):
        path.write_text(text)
        with pytest.raises(DefinitionError, match=said):
            load_campaign(tmp_path / "letter")
