"""Files of journeys: what is wrong is told with file, line, field and the nearest word; those that ship are right."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path

import pytest

from conftest import ROOT
from journey_desk import HEAD
from marketflow.campaigns import find_campaigns
from marketflow.campaigns.journeys import Counts, find_journeys, lint_journey, load_journey, load_journeys, page
from marketflow.campaigns.journeys.graph import order
from marketflow.campaigns.journeys.model import schema_text
from marketflow.shared import DefinitionError, settings

JUDGED = """steps:
  x: {branch: {shares: %s, experiment: {expected_rate: 0.1, minimal_effect: 0.1, %s}}}
  a: {exit: {reason: x}}
  b: {exit: {reason: x}}
"""
HELD = "  holdout: {exit: {reason: x}}\n"
SECOND = "  y: {branch: {shares: {a: 1, b: 1}, experiment: {expected_rate: 0.1, minimal_effect: 0.1}}}\n"
ENTRY = 'entry: {on: daily, where: "orders > 0"}\n'


def write(root: Path, text: str, *, entry: str = ENTRY, name: str = "trip", mails: tuple[str, ...] = ()) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "journey.yaml").write_text(HEAD.format(name=name) + entry + text)
    for mail in mails:
        (folder / mail).mkdir()
        (folder / mail / "subject.txt").write_text("Hello")
        (folder / mail / "body.txt").write_text("Text {{ unsubscribe_url }}")
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps:\n  a: {wait: {for: 1 day}, next: bb}\n  b: {exit: {reason: x}}\n", r":7: steps.a.next: there is no step 'bb'; did you mean 'b'"),
        ("steps:\n  a: {branch: {where: x, then: b}}\n  b: {branch: {where: y, then: a, otherwise: end}}\n",
         "steps.a: a loop without a wait: a -> b -> a"),
        ("steps:\n  a: {wait: {event: x, at_most: 1 day}, next: b}\n  b: {branch: {where: y, then: a, otherwise: end}}\n",
         "a loop without a wait: a -> b -> a"),
        ("steps:\n  a: {branch: {where: x, then: a}}\n", "a loop without a wait: a -> a"),
        ("steps:\n  a: {exit: {reason: x}}\n  b: {exit: {reason: x}}\n", ":8: steps.b: no way leads here"),
        ("steps:\n  a: {wait: {for: 400 days}}\n", "steps.a.wait.for: may be at most 366 days"),
        ("steps:\n  a: {wait: {for: 0 days}}\n", "steps.a.wait.for"),
        ("steps:\n  a: {wait: {fro: 1 day}}\n", "steps.a.wait.fro: there is no such field; did you mean 'for'"),
        ("steps:\n  a: {wait: {event: x}}\n", "event needs at_most"),
        ("steps:\n  a: {wait: {until: '25:00'}}\n", "is not a time of the day"),
        ("steps:\n  a: {wait: {for: 1 day}, exit: {reason: x}}\n", "steps.a: must have exactly one of send, wait"),
        ("steps:\n  a: {}\n", "steps.a: must have exactly one of"),
        ("steps:\n  a: {wait: {for: 1 day}}\n  a: {exit: {reason: x}}\n", "a stands twice"),
        ("steps:\n  end: {exit: {reason: x}}\n", "is the word for the journey's end"),
        ("steps:\n  a: {send: {}}\n", "its templates are missing: there is no folder 'a'"),
        ("steps:\n  a: {branch: {shares: {b: 1}}}\n  b: {exit: {reason: x}}\n", "shares names two steps or more"),
        (JUDGED % ("{a: 1, b: 1}", "metric: opens"), "steps.x.branch.experiment.metric: opens alone decide nothing"),
        (JUDGED % ("{a: 1, b: 1}", "control: c"), "control: 'c' is none of the arms: a, b"),
        ((JUDGED % ("{a: 1, b: 1}", "power: 0.8")).replace("rate: 0.1", "rate: 0.95"), "100 % or more: nobody can do that"),
        (JUDGED % ("{a: 1, b: 1}", "minimal_lift: 1"), "give minimal_effect (absolute) or minimal_lift (relative)"),
        (JUDGED % ("{a: 0, b: 1}", "alpha: 0.05"), "steps.x.branch.shares.a"),
        (JUDGED % ("{a: 1, holdout: 1}", "winner: auto") + HELD, "one arm beside a holdout goes with metric: conversion"),
        (JUDGED % ("{a: 1, b: 1, holdout: 1}", "control: holdout") + HELD, "take one of the others as the control"),
        (JUDGED % ("{a: 1, b: 1, holdout: 1}", "alpha: 0.05") + HELD.replace("exit: {reason: x}", "wait: {for: 1 day}"),
         "steps.holdout: who is held out gets nothing: let the step `holdout` be an exit"),
        (JUDGED % ("{a: 1, b: 1}", "name: y") + SECOND, "steps.y.branch.experiment: people are drawn by 'y' on step x, too"),
        (JUDGED % ("{a: 1, b: 1}", "name: y") + SECOND.split(", experiment", maxsplit=1)[0] + "}}\n", "steps.x.branch.experiment: people are drawn by 'y' on step y, too"),
        (SECOND.split("experiment", maxsplit=1)[0].replace("  y", "steps:\n  y") + "experiment: }}\n  a: {exit: {reason: x}}\n  b: {exit: {reason: x}}\n",
         "steps.y.branch.experiment: is empty: it needs expected_rate"),
        (JUDGED % ("{a: 1, b: 1}", "metric: clicks"), "steps.x.branch.shares.b: this way sends nothing, and nobody can click on it"),
        (JUDGED % ("{a: 1, holdout: 1}", "control: a") + HELD, "one way beside `holdout` is compared with that"),
        ("steps:\n  x: {branch: {where: q, then: a, experiment: {expected_rate: 0.1, minimal_lift: 1}}}\n  a: {exit: {reason: x}}\n",
         "experiment goes with shares"),
        ("on_change: move\nmoved: {old: c}\nsteps:\n  b: {exit: {reason: x}}\n", "moved.old: there is no step 'c'"),
        ("topic: ofers\nsteps:\n  b: {exit: {reason: x}}\n", ":6: topic: contact_policy.yaml has no topic 'ofers'; did you mean 'offers'"),
        ("steps:\n  a: {send: {topic: nws}}\n", "steps.a.send.topic: contact_policy.yaml has no topic 'nws'; did you mean 'news'"),
        ("steps:\n  a: {send: {topic: news, purpose: transactional}}\n", "steps.a.send.topic: only marketing has topics"),
        ("tick: 7 minutes\nsteps:\n  b: {exit: {reason: x}}\n", "tick"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_place(tmp_path: Path, text: str, words: str) -> None:
    folder = write(tmp_path, text)
    with pytest.raises(DefinitionError) as told:
        load_journey(folder)
    assert str(folder / "journey.yaml") in str(told.value)
    assert words.removeprefix(":") in str(told.value)


def test_an_experiment_is_frozen_with_its_control_first_and_in_percent(tmp_path: Path) -> None:
    text = JUDGED % ("{a: 1, b: 2, holdout: 1}", "control: b") + HELD
    journey = load_journey(write(tmp_path, text.replace("minimal_effect: 0.1", "minimal_lift: 0.5")))
    [step] = [s for s in journey.frozen["steps"] if "experiment" in s]
    meant = step["experiment"]["meant"]
    assert (step["step"], step["experiment"]["name"], meant["step"], meant["window_days"]) == ("x", "x", "x", 14)
    assert (meant["control"], meant["shares"]) == ("b", [["b", 50], ["a", 25], ["holdout", 25]])
    assert meant["effect"] == pytest.approx(0.05)


def test_a_branch_without_one_is_frozen_as_before_there_were_any(tmp_path: Path) -> None:
    """Each word more would be another version of all journeys."""
    text = "steps:\n  x: {branch: {shares: {a: 1, b: 1}}}\n  a: {exit: {reason: x}}\n  b: {exit: {reason: x}}\n"
    assert "experiment" not in json.dumps(load_journey(write(tmp_path, text)).frozen)


def test_one_arm_beside_a_holdout_is_compared_with_it(tmp_path: Path) -> None:
    text = (
        "steps:\n  x: {branch: {shares: {a: 1, holdout: 1}, experiment: {expected_rate: 0.1, minimal_effect: 0.1}}}\n"
    )
    journey = load_journey(write(tmp_path, text + "  a: {exit: {reason: x}}\n" + HELD))
    assert journey.experiments["x"]["meant"]["shares"] == [["holdout", 50], ["a", 50]]


def test_the_allocation_of_a_branch_changes_with_what_counts_and_nothing_else(tmp_path: Path) -> None:
    folders = map(str, itertools.count())

    def version(more: str, shares: str = "{a: 1, b: 1}") -> str:
        journey = load_journey(write(tmp_path / next(folders), JUDGED % (shares, more)))
        return str(journey.experiments["x"]["allocation_version"])

    begun = version("alpha: 0.05")
    assert version("power: 0.9") == version("alpha: 0.05", "{a: 50, b: 50}") == begun
    for more, shares in (
        ("alpha: 0.01", "{a: 1, b: 1}"), ("control: b", "{a: 1, b: 1}"), ("alpha: 0.05", "{a: 1, b: 2}"),
    ):  # fmt: skip
        assert version(more, shares) != begun


def test_a_loop_with_a_wait_for_a_time_is_none_that_runs_for_ever(tmp_path: Path) -> None:
    steps = "steps:\n  a: {send: {}}\n  b: {wait: {event: x, at_most: 3 days, since: arrival}, next: a}\n"
    journey = load_journey(write(tmp_path, steps, mails=("a",)))
    assert order(journey.frozen["steps"]) == ["b", "a"]


def test_names_are_nobody_elses(tmp_path: Path) -> None:
    for name, words in (("welcome", "there is a campaign 'welcome'"), ("build_core", "the project's own DAGs")):
        with pytest.raises(DefinitionError, match=words):
            load_journey(write(tmp_path, "steps:\n  b: {exit: {reason: x}}\n", name=name))
    folder = write(tmp_path, "steps:\n  b: {exit: {reason: x}}\n")
    folder.rename(tmp_path / "other")
    with pytest.raises(DefinitionError, match="must be the folder's name, 'other'"):
        load_journey(tmp_path / "other")


def test_a_wrong_journey_keeps_no_other_from_its_dag(tmp_path: Path) -> None:
    write(tmp_path, "steps:\n  b: {exit: {reason: x}}\n", name="good")
    write(tmp_path, "steps: 5\n", name="odd")
    (tmp_path / "empty").mkdir()
    found = find_journeys(tmp_path)
    assert ([j.name for j in found.good], found.names) == (["good"], ["empty", "good", "odd"])
    assert len(found.errors) == 2


def test_the_version_changes_with_each_template(tmp_path: Path) -> None:
    folder = write(tmp_path, "steps:\n  a: {send: {}}\n", mails=("a",))
    before = load_journey(folder).version
    assert load_journey(folder).version == before
    (folder / "a/body.txt").write_text("Other words {{ unsubscribe_url }}")
    assert load_journey(folder).version != before


def test_those_that_ship_are_right_switched_off_and_drawn() -> None:
    journeys = load_journeys()
    assert {j.name for j in journeys} == {
        "abandoned_cart", "birthday_greeting", "replenishment", "thank_you_review", "welcome_series", "win_back_series",
    }  # fmt: skip
    assert not {j.name for j in journeys} & set(find_campaigns().names)
    clock = settings().clock()
    for journey in journeys:
        assert not journey.enabled
        assert [str(f) for f in lint_journey(journey, clock=clock)] == []
        assert all({"zh"} <= {t.locale, *t.variants} for t in journey.templates.values())
        html = page(journey, Counts(), day=clock.business_date())
        assert html.count("<rect") >= 2 * len(journey.steps)
        assert all(f"· {name}<" in html for name in journey.steps)


def test_a_mail_is_of_its_own_topic_or_of_the_journeys_and_only_marketing_is(tmp_path: Path) -> None:
    steps = (
        "topic: offers\nsteps:\n  a: {send: {}}\n  b: {send: {topic: news}}\n  c: {send: {purpose: transactional}}\n"
    )
    journey = load_journey(write(tmp_path, steps, mails=("a", "b", "c")))
    topics = {name: sent["campaign"]["topic"] for name, sent in journey.frozen["sends"].items()}
    assert topics == {"a": "offers", "b": "news", "c": None}


def test_the_schema_for_editors_is_the_models() -> None:
    text = (ROOT / "include/journeys/journey.schema.json").read_text()
    assert text == schema_text()
    assert set(json.loads(text)["$defs"]["Step"]["properties"]) >= {"send", "wait", "branch", "webhook", "exit"}


@pytest.mark.parametrize(
    ("verdicts", "winner", "words"),
    [
        ({}, None, "too early to tell"),
        ({"a": "too_early", "b": "too_early"}, None, "too early to tell"),
        ({"a": "control", "b": "undecided"}, None, "no difference proven yet"),
        ({"a": "control", "b": "better", "c": "worse"}, None, "better so far: b"),
        ({"a": "control", "b": "worse", "c": "undecided"}, None, "worse so far: b"),
        ({"a": "control", "b": "better"}, "b", "b has won"),
        ({"a": "ratio_mismatch", "b": "ratio_mismatch"}, None, "alarm: not the shares meant"),
    ],
)
def test_the_picture_says_what_an_experiment_has_found(
    tmp_path: Path, verdicts: dict[str, str], winner: str | None, words: str
) -> None:
    journey = load_journey(write(tmp_path, JUDGED % ("{a: 1, b: 1}", "name: second")))
    counts = Counts(verdicts={"second": verdicts}, winners={"second": winner} if winner else {})
    assert f">{words}</text>" in page(journey, counts, day=dt.date(2026, 11, 22))
