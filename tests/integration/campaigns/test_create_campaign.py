"""The form that writes campaigns: the same files as by hand, tried on real customers before anybody can see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException

from campaign_shop import RING, Desk, People, add_customer
from marketflow.campaigns import find_campaigns
from marketflow.campaigns.definition import load_campaign
from marketflow.orchestration import create_campaign
from marketflow.orchestration.create_form import create_form
from marketflow.shared import Clock, settings


@pytest.fixture
def folder(tmp_path: Path, shop: psycopg.Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of campaigns, and the shop behind the form."""
    root = tmp_path / "campaigns"
    monkeypatch.setenv("MARKETFLOW_CAMPAIGNS", str(root))
    settings.cache_clear()

    @contextmanager
    def warehouse(_role: str | None = None) -> Iterator[psycopg.Connection]:
        yield shop

    monkeypatch.setattr(create_campaign, "warehouse", warehouse)
    monkeypatch.setattr(create_campaign, "key_ring", lambda: RING)
    monkeypatch.setattr(type(settings()), "clock", lambda _self: clock)
    yield root
    settings.cache_clear()


def form(**fields: Any) -> dict[str, Any]:
    """What Airflow hands over: all fields, as typed or as they stand there."""
    params = create_form()
    given = {
        "name": "spring_sale", "title": "Spring sale", "subject": "Hi {{ given_name or 'you' }}", "body": "Spring is here.",
        "where": "segment = 'at_risk'",
    } | fields  # fmt: skip
    assert set(given) <= set(params)
    return {name: given.get(name, param.value) for name, param in params.items()}


def test_what_the_form_writes_is_a_campaign_like_any_other(folder: Path, desk: Desk, five: People) -> None:
    done = create_campaign.create(
        form(
            start="2017-12-01", end="2018-12-31", budget=100, cost_per_message=0.5, goal="conversion_rate",
            goal_target=0.05, limit=1000, recommend="discover", recommend_limit=3, priority=70,
        )
    )  # fmt: skip
    assert (done["audience"], done["planned"], done["replaced"]) == (5, 1, None)
    campaign = load_campaign(folder / "spring_sale")
    assert (campaign.enabled, campaign.approval, campaign.limits.audience) == (False, True, 1000)
    assert campaign.budget is not None
    assert campaign.budget.messages == 200
    assert campaign.templates.text.startswith("Spring is here.\n")
    assert "{{ unsubscribe_url }}" in campaign.templates.text
    assert desk.rows("SELECT count(*) FROM activation.plans") == [(0,)]  # the rehearsal leaves nothing
    plan = desk.plan(campaign)
    assert desk.outcomes(plan.plan_id)[five["Ada"][0]] == "planned"


def test_a_test_of_two_subjects_with_people_held_out(folder: Path, desk: Desk, five: People) -> None:
    test = {"holdout_percent": 25, "expected_rate": 0.05, "smallest_effect": 0.02, "auto_winner": True}
    create_campaign.create(form(topic="offers", second_subject="Spring is here, is it not?", **test))
    campaign = load_campaign(folder / "spring_sale")
    assert campaign.topic == "offers"
    assert campaign.experiment is not None
    assert campaign.experiment.shares == {"first": 37.5, "second": 37.5, "holdout": 25}
    assert campaign.experiment.winner == "auto"
    assert campaign.arms["second"].subject.strip() == "Spring is here, is it not?"
    assert campaign.arms["second"].text == campaign.templates.text
    plan = desk.plan(campaign)
    assert desk.outcomes(plan.plan_id)[five["Ada"][0]] in ("planned", "experiment_holdout")


@pytest.mark.usefixtures("five")
def test_people_held_out_need_no_second_subject(folder: Path) -> None:
    create_campaign.create(form(holdout_percent=10, expected_rate=0.05, smallest_effect=0.02))
    campaign = load_campaign(folder / "spring_sale")
    assert campaign.experiment is not None
    assert campaign.experiment.shares == {"holdout": 10, "message": 90}
    assert campaign.arms == {}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"topic": "offers", "purpose": "transactional"}, "topic: only marketing has topics"),
        ({"second_subject": "Another"}, "experiment.expected_rate"),
        ({"holdout_percent": 10, "expected_rate": 0.05}, "minimal_effect"),
        ({"second_subject": "{{ nme }}", "expected_rate": 0.05, "smallest_effect": 0.02}, "there is no variable 'nme'"),
        ({"where": "sgment = 'at_risk'"}, "did you mean 'segment'?"),
        ({"where": "1 = 1; drop table x"}, "audience.where: "),
        ({"body": "{{ nme }}"}, "body.txt:1: there is no variable 'nme'"),
        ({"body": "{% for x in y %}"}, "body.txt"),
        ({"where": None}, "audience: is missing"),
        ({"trigger": "cron"}, "on: cron needs cron"),
        ({"trigger": "cron", "cron": "99 * * * *"}, "minute: 99 is not between 0 and 59"),
        ({"trigger": "manual", "after": "4 hours"}, "after goes with on: cart_abandoned"),
        ({"start": "2018-02-01", "end": "2018-01-01"}, "end: 2018-01-01 is before start"),
        ({"name": "deliver_messages_email"}, "one of the project's own DAGs"),
        ({"channel": "webhook"}, "a post has purpose: post, audience.accounts"),
        ({"subject": None}, "subject.txt: missing"),
        ({"copy_from": "../../etc"}, "there is no campaign"),
    ],
)
@pytest.mark.usefixtures("five")
def test_what_is_wrong_fails_the_run_and_writes_nothing(folder: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowFailException) as info:
        create_campaign.create(form(**fields))
    assert said in str(info.value)
    assert find_campaigns(folder).names == []


@pytest.mark.parametrize("trigger", ["order_placed", "cart_abandoned", "signed_up", "birthday", "weekly"])
def test_every_trigger_can_be_chosen(folder: Path, trigger: str, shop: psycopg.Connection) -> None:
    add_customer(shop, "Ada")
    create_campaign.create(form(trigger=trigger))
    assert load_campaign(folder / "spring_sale").trigger.on == trigger


@pytest.mark.parametrize(
    "more",
    [
        {"trigger": "entered_segment", "segment": "at_risk", "where": None},
        {"trigger": "table_update", "table": "marts.sales_forecasts"},
        {"trigger": "cron", "cron": "0 9 * * mon-fri"},
        {"channel": "webhook", "accounts": ["social"], "where": None, "trigger": "weekly", "recommend": "bestsellers"},
    ],
)
def test_and_what_belongs_to_it(folder: Path, more: dict[str, Any]) -> None:
    create_campaign.create(form(**more))
    assert [c.name for c in find_campaigns(folder).good] == ["spring_sale"]


def test_templates_can_be_copied_and_a_campaign_replaced(folder: Path) -> None:
    first = create_campaign.create(form(html="<p>Hello</p><a href='{{ unsubscribe_url }}'>no more</a>"))
    create_campaign.create(form(name="copy", title="A copy", copy_from="spring_sale", subject="Other", body=None))
    one, two = (load_campaign(folder / name).templates for name in ("spring_sale", "copy"))
    assert (two.text, two.html, two.subject.strip()) == (one.text, one.html, "Other")
    with pytest.raises(AirflowFailException, match="exists already; to replace it, give its version"):
        create_campaign.create(form(title="Spring sale 2"))
    again = create_campaign.create(form(title="Spring sale 2", version=first["version"]))
    assert again["replaced"] == first["version"]
    assert load_campaign(folder / "spring_sale").title == "Spring sale 2"


def _write(folder: Path, name: str, **files: str) -> None:
    create_campaign.create(form(name=name, title=f"The {name}", subject="Old", body="Old words"))
    for old in (folder / name).glob("*.txt"):
        old.unlink()
    for file, text in files.items():
        (folder / name / file.replace("__", ".")).write_text(text)


@pytest.fixture
def two_languages(folder: Path, five: People) -> Path:
    """`old`: a campaign in English and Chinese, with preheaders, HTML in one and MJML in the other."""
    assert five
    mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>Old<a href='{{ unsubscribe_url }}'>x</a></mj-text>"
    mjml += "</mj-column></mj-section></mj-body></mjml>"
    _write(
        folder, "old", subject__en__txt="Old", preheader__en__txt="Old", body__en__mjml=mjml, subject__zh__txt="Old",
        preheader__zh__txt="Old", body__zh__txt="Old {{ unsubscribe_url }}", body__zh__html="<a href='{{ unsubscribe_url }}'>Old</a>",
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("own", [{"body": "New words"}, {"html": "<a href='{{ unsubscribe_url }}'>New</a>"}])
def test_words_of_the_form_replace_the_copied_ones_in_all_languages(two_languages: Path, own: dict[str, str]) -> None:
    create_campaign.create(form(copy_from="old", subject="New", **{"body": None, **own}))
    templates = load_campaign(two_languages / "spring_sale").templates
    assert (templates.variants, templates.preheader, templates.subject) == ({}, None, "New\n")
    assert "Old" not in "".join(p.read_text() for p in (two_languages / "spring_sale").iterdir())


@pytest.mark.parametrize("own", [{"subject": "New"}, {"body": "New"}, {"html": "<p>New</p>"}])
def test_half_of_a_mail_in_one_language_does_not_stand_beside_two(two_languages: Path, own: dict[str, str]) -> None:
    with pytest.raises(AirflowFailException, match="old is written in en, zh, and the form in one language"):
        create_campaign.create(form(copy_from="old", **{"subject": None, "body": None, **own}))
    create_campaign.create(form(copy_from="old", subject=None, body=None))
    assert list(load_campaign(two_languages / "spring_sale").templates.variants) == ["zh"]


@pytest.mark.parametrize(
    ("own", "subject", "text"),
    [({"subject": "New"}, "New\n", "Old {{ unsubscribe_url }}\n"), ({"body": "New {{ unsubscribe_url }}"}, "Old\n", "New {{ unsubscribe_url }}\n")],
)  # fmt: skip
@pytest.mark.usefixtures("five")
def test_half_of_a_mail_takes_the_language_of_the_other_half(
    folder: Path, own: dict[str, str], subject: str, text: str
) -> None:
    _write(folder, "old", subject__de__txt="Old", body__de__txt="Old {{ unsubscribe_url }}")
    create_campaign.create(form(copy_from="old", **{"subject": None, "body": None, **own}))
    assert {p.name for p in (folder / "spring_sale").iterdir()} == {"campaign.yaml", "subject.de.txt", "body.de.txt"}
    templates = load_campaign(folder / "spring_sale").templates
    assert (templates.subject, templates.text) == (subject, text)


def test_a_second_subject_stands_beside_one_language_only(two_languages: Path) -> None:
    test = {"second_subject": "Another", "expected_rate": 0.05, "smallest_effect": 0.02}
    with pytest.raises(AirflowFailException, match="second_subject: the first is written in 2 languages"):
        create_campaign.create(form(copy_from="old", subject=None, body=None, **test))
    create_campaign.create(form(copy_from="old", **test))
    assert load_campaign(two_languages / "spring_sale").arms["second"].subject.strip() == "Another"
