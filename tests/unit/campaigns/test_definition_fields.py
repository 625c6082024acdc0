"""The fields of campaign.yaml about time, money, aims and triggers: each mistake is told by its line and field."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from marketflow.campaigns.definition import Campaign, find_campaigns, load_campaign, load_campaigns, segment_names
from marketflow.campaigns.definition.cron import check_cron
from marketflow.shared import DefinitionError

GOOD = """\
name: letter
title: A letter
owner: marketing
start: 2026-11-01
end: 2026-12-24
budget:
  amount: 500
  currency: EUR
  cost_per_message: 0.002
goal:
  metric: conversion_rate
  target: 0.05
channel: email
purpose: marketing
trigger:
  on: entered_segment
  segment: at_risk
limits:
  audience: 10000
requires:
  - marts.products
"""


def make(folder: Path, text: str = GOOD) -> Path:
    folder.mkdir(parents=True)
    for name, body in (("campaign.yaml", text), ("subject.txt", "Hi"), ("body.txt", "Hello")):
        (folder / name).write_text(body)
    return folder


def load(tmp_path: Path, *changes: tuple[str, str]) -> Campaign:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_campaign(make(tmp_path / "letter", text))


def test_what_the_fields_mean(tmp_path: Path) -> None:
    campaign = load(tmp_path)
    assert (campaign.start, campaign.end) == (dt.date(2026, 11, 1), dt.date(2026, 12, 24))
    assert campaign.budget is not None
    assert campaign.budget.messages == 250_000
    assert campaign.goal is not None
    assert (campaign.goal.target, campaign.window_days) == (Decimal("0.05"), 14)
    assert campaign.event == "entered_segment"
    assert campaign.required_tables == ("marts.customer_360", "marts.products")
    assert campaign.definition["attribution_days"] == 14


def test_the_goals_days_are_those_that_evaluation_reads(tmp_path: Path) -> None:
    campaign = load(tmp_path, ("  target: 0.05", "  target: 0.05\n  within_days: 21"))
    assert campaign.definition["attribution_days"] == 21


TRIGGER = "  on: entered_segment\n  segment: at_risk"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("end: 2026-12-24", "end: 2026-10-31", "/letter/campaign.yaml:5: end: 2026-10-31 is before start, 2026-11-01"),
        ("end: 2026-12-24", "end: soon", "/letter/campaign.yaml:5: end: Input should be a valid date"),
        ("segment: at_risk", "segment: at_rsk", "/letter/campaign.yaml:17: trigger.segment: there is no segment 'at_rsk'; did you mean 'at_risk'?"),
        ("\n  segment: at_risk", "", "/letter/campaign.yaml:15: trigger: on: entered_segment needs segment"),
        (TRIGGER, "  on: signed_up\n  segment: at_risk", "/letter/campaign.yaml:15: trigger: segment goes with on: entered_segment, not with on: signed_up"),
        (TRIGGER, "  on: cron", "/letter/campaign.yaml:15: trigger: on: cron needs cron"),
        (TRIGGER, "  on: cron\n  cron: 0 25 * * MON", "/letter/campaign.yaml:17: trigger.cron: hour: 25 is not between 0 and 23"),
        (TRIGGER, "  on: table_update\n  table: marts.sales_forcasts", "/letter/campaign.yaml:17: trigger.table: there is no table 'marts.sales_forcasts'; did you mean 'marts.sales_forecasts'?"),
        (TRIGGER, "  on: table_update\n  table: marts.campaign_performance", "/letter/campaign.yaml:17: trigger.table: marts.campaign_performance is written because messages were sent: it would start itself"),
        (TRIGGER, "  on: cart_abandoned\n  after: 4", "/letter/campaign.yaml:17: trigger.after: "),
        (TRIGGER, "  on: cart_abandoned\n  after: 30 days", "/letter/campaign.yaml:17: trigger.after: may be at most 7 days"),
        (TRIGGER, "  on: sign_up", "/letter/campaign.yaml:16: trigger.on: 'sign_up' is not one of"),
        (TRIGGER, TRIGGER + "\naudience: {event: birthday}", "/letter/campaign.yaml:18: audience.event: birthday is not what the trigger waits for, entered_segment"),
        (TRIGGER, "  on: weekly\naudience: {event: birthday}", "/letter/campaign.yaml:17: audience.event: birthday needs trigger.on: birthday"),
        (TRIGGER, "  on: weekly", "audience: is missing: give where, accounts, or a trigger that is an event"),
        ("  - marts.products", "  - marts.prodcts", "/letter/campaign.yaml:21: requires.0: there is no table 'marts.prodcts'; did you mean 'marts.products'?"),
        ("  amount: 500", "  amount: 0", "/letter/campaign.yaml:7: budget.amount: Input should be greater than 0"),
        ("  currency: EUR", "  currency: Euro", "/letter/campaign.yaml:8: budget.currency: "),
        ("  metric: conversion_rate", "  metric: conversion", "/letter/campaign.yaml:11: goal.metric: 'conversion' is not one of"),
        ("  target: 0.05", "  target: 0.05\n  within_days: 7\nattribution_days: 14", "/letter/campaign.yaml:13: goal.within_days: 7 is not 14 (attribution_days)"),
        ("  audience: 10000", "  audiense: 10000", "/letter/campaign.yaml:19: limits.audiense: there is no such field; did you mean 'audience'?"),
        ("  audience: 10000", "  audience: 0", "/letter/campaign.yaml:19: limits.audience: Input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_bad_definitions(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DefinitionError) as info:
        load(tmp_path, (old, new))
    assert said in str(info.value).replace(str(tmp_path), "")


def test_a_template_that_does_not_exist(tmp_path: Path) -> None:
    folder = make(tmp_path / "letter")
    (folder / "subject.txt").unlink()
    with pytest.raises(DefinitionError, match=r"subject\.txt: missing; the folder has body\.txt, campaign\.yaml"):
        load_campaign(folder)


def test_two_campaigns_of_one_name(tmp_path: Path) -> None:
    """A copied folder whose name was not changed; and two that people could not tell apart."""
    make(tmp_path / "letter")
    make(tmp_path / "letter_copy")
    found = find_campaigns(tmp_path)
    assert [c.name for c in found.good] == ["letter"]
    [error] = found.errors
    assert error.startswith(f"{tmp_path}/letter_copy/campaign.yaml:1: name: the folder letter has the campaign of this")
    assert error.endswith("a copy needs its folder's name, 'letter_copy'")
    make(tmp_path / "other", GOOD.replace("name: letter", "name: other").replace("A letter", "A  LETTER"))
    found = find_campaigns(tmp_path)
    assert "other/campaign.yaml:2: title: the campaign 'letter' has this title" in found.errors[1]
    assert found.names == ["letter", "letter_copy", "other"]
    with pytest.raises(DefinitionError, match=r"letter_copy(.|\n)*other"):
        load_campaigns(tmp_path)


@pytest.mark.parametrize(
    "name", ["build_core", "ingest_orders", "deliver_messages_email", "create_campaign", "airflow"]
)
def test_the_name_of_one_of_our_own_dags(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match=f"'{name}' is the name of one of the project's own DAGs"):
        load_campaign(make(tmp_path / name, GOOD.replace("name: letter", f"name: {name}")))


@pytest.mark.parametrize("name", ["Letter", "léttre", "letter-2", "l", "2nd", "a" * 51])
def test_names_that_a_file_system_or_a_reader_could_confuse(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="name: "):
        load_campaign(make(tmp_path / name, GOOD.replace("name: letter", f"name: {name}")))


def test_the_segments_are_those_of_the_room_segments() -> None:
    from marketflow.segments.rules import load_segments

    assert set(segment_names()) == {segment.name for segment in load_segments()}


RIGHT = [
    "0 9 * * MON",
    "*/15 * * * *",
    "0 0 1,15 * *",
    "30 7 * * mon-fri",
    "0 12 29 2 *",
    "5-50/5 8-18 * JAN-MAR 0",
    "0 9 * * 7",
    "1 2 3 4 5",
]
WRONG = {
    "0 9 * *": "has 4 fields", "": "has 0 fields", "@weekly": "has 1 fields", "60 * * * *": "minute: 60 is not between 0 and 59",
    "* 24 * * *": "hour: 24", "* * 0 * *": "day of the month: 0", "* * * 13 *": "month: 13", "* * * * 8": "day of the week: 8",
    "0 9 * * MOON": "'MOON' is no day of the week; did you mean 'MON'?", "0 9 * JUNE *": "did you mean 'JUN'?",
    "*/0 * * * *": "step is 0", "30-10 * * * *": "its end is before its start", "0 9 31 2 *": "it would never run",
    "0 9 31 4,6 *": "it would never run", "a b c d e": "'a' is no minute", "0 9 * * 1;2": "cannot be read", "0 0 9 * * MON": "has 6 fields",
    "-1 * * * *": "cannot be read",
}  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_schedules_that_airflow_understands(text: str) -> None:
    import croniter

    assert check_cron(text) == text
    assert croniter.croniter.is_valid(text)
    assert croniter.croniter(text, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).get_next()
    assert check_cron(f"  {text.replace(' ', '   ')} ") == text


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_schedules_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"cron|minute|hour|day|month") as info:
        check_cron(text)
    assert said in str(info.value)
