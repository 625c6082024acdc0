"""`experiment` in campaign.yaml: what is right loads with its arms' templates, what is wrong says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketflow.campaigns import Campaign, Renderer
from marketflow.campaigns.content.arms import arms_of, of_arm
from marketflow.campaigns.definition import load_campaign
from marketflow.campaigns.experiments import same_content, subjects_differ
from marketflow.shared import DefinitionError
from template_folder import VARIABLES, mjml

GOOD = """\
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger: {on: manual}
audience: {where: "orders > 1"}
experiment:
  name: subject
  arms:
    plain: {share: 45}
    question: {share: 45, templates: question}
  holdout: 10
  metric: conversion
  expected_rate: 0.03
  minimal_lift: 0.2
"""
BODY = "{{ unsubscribe_url }}"


def make(folder: Path, text: str = GOOD, **files: str) -> Path:
    """`arms__question__subject__zh_txt` is arms/question/subject.zh.txt."""
    templates = {"subject_txt": "Hi", "body_txt": BODY, "arms__question__subject_txt": "Have you seen?"} | files
    for name, body in {"campaign.yaml": text, **templates}.items():
        path = folder / "letter" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return folder / "letter"


def wrong(folder: Path, old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(DefinitionError) as info:
        load_campaign(make(folder, GOOD.replace(old, new)))
    return str(info.value).replace(str(folder), "")


def subject(campaign: Campaign, arm: str | None, locale: str = "en-US") -> str:
    return Renderer(of_arm(campaign.frozen, arm)).render({**VARIABLES, "locale": locale}).subject


def test_an_experiment_with_its_defaults(tmp_path: Path) -> None:
    campaign = load_campaign(make(tmp_path))
    experiment = campaign.experiment
    assert experiment is not None
    assert experiment.shares == {"plain": 45, "question": 45, "holdout": 10}
    assert (experiment.alpha, experiment.power, experiment.winner, experiment.metric) == (
        0.05,
        0.8,
        "none",
        "conversion",
    )
    assert experiment.effect == pytest.approx(0.006)
    assert arms_of(campaign.frozen) == ["plain", "question"]
    assert [subject(campaign, arm) for arm in ("plain", "question", None, "gone")] == [
        "Hi",
        "Have you seen?",
        "Hi",
        "Hi",
    ]
    assert list(same_content(campaign)) == []
    assert subjects_differ(campaign)


ARMS = "    plain: {share: 45}\n    question: {share: 45, templates: question}\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("plain: {share: 45}", "plain: {share: 0}", ":11: experiment.arms.plain.share: an arm of share 0 is empty, and tells nothing: leave it out, or give it people"),
        ("plain: {share: 45}", "plain: {share: -1}", ":11: experiment.arms.plain.share: an arm of share 0 is empty"),
        ("plain: {share: 45}", "plain: {share: .nan}", ":11: experiment.arms.plain.share: "),
        ("plain: {share: 45}", "plain: {share: 80}", ": experiment: the shares add up to 135 % with the holdout; they must make 100"),
        ("plain: {share: 45}", "plain: {share: 40}", ": experiment: the shares add up to 95 % with the holdout; they must make 100"),
        ("plain: {share: 45}", "plain: {share: 45.001}", ":11: experiment.arms.plain.share: 45.001 has more than two decimals"),
        ("plain: {share: 45}", "question: {share: 45}", ":11: is not YAML that can be read: question stands twice"),
        ("plain: {share: 45}", "holdout: {share: 45}", "holdout is no arm: write `holdout: 10` beside `arms`"),
        ("plain: {share: 45}", "Plain Text: {share: 45}", "'Plain Text' is no name of an arm"),
        ("plain: {share: 45}", "plain: {shre: 45}", ":11: experiment.arms.plain.shre: there is no such field; did you mean 'share'?"),
        ("holdout: 10", "holdout: 95", ":13: experiment.holdout: "),
        ("metric: conversion", "metric: opens", ":14: experiment.metric: opens alone decide nothing: mail programs open mails that nobody reads; take conversion or clicks"),
        ("metric: conversion", "metric: open_rate", "opens alone decide nothing"),
        ("metric: conversion", "metric: conversions", ":14: experiment.metric: 'conversions' is not one of conversion, clicks; did you mean 'conversion'?"),
        ("  minimal_lift: 0.2\n", "", "experiment: give minimal_effect (absolute) or minimal_lift (relative), one of them"),
        ("minimal_lift: 0.2", "minimal_lift: 0.2\n  minimal_effect: 0.1", "give minimal_effect (absolute) or minimal_lift (relative), one of them"),
        ("expected_rate: 0.03", "expected_rate: 3", ":15: experiment.expected_rate: "),
        ("expected_rate: 0.03", "expected_rate: 0.9", "expected_rate and the effect together are 100 % or more"),
        ("  expected_rate: 0.03\n", "", "experiment.expected_rate: is missing"),
        ("metric: conversion", "metric: conversion\n  winer: auto", "experiment.winer: there is no such field; did you mean 'winner'?"),
        ("purpose: marketing", "purpose: transactional", ":13: experiment.holdout: nobody is held out of what is about an order"),
        ("templates: question", "templates: qestion", "/letter/arms/question: no arm of the experiment has these templates; did you mean 'qestion'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_where(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in wrong(tmp_path, old, new)


def test_one_arm_needs_a_holdout_and_is_compared_with_it(tmp_path: Path) -> None:
    alone = GOOD.replace(ARMS, "    all: {share: 90}\n")
    path = make(tmp_path, alone)
    experiment = load_campaign(path).experiment
    assert experiment is not None
    assert experiment.shares == {"holdout": 10, "all": 90}
    (path / "campaign.yaml").write_text(alone.replace("  holdout: 10\n", "").replace("90", "100"))
    with pytest.raises(DefinitionError, match="one arm has nothing to be compared with: add another, or a holdout"):
        load_campaign(path)
    (path / "campaign.yaml").write_text(alone.replace("metric: conversion", "winner: auto"))
    with pytest.raises(DefinitionError, match="one arm beside a holdout goes with metric: conversion and winner: none"):
        load_campaign(path)


def test_posts_have_no_experiment(tmp_path: Path) -> None:
    post = GOOD.replace("channel: email\npurpose: marketing", "channel: webhook\npurpose: post").replace(
        'audience: {where: "orders > 1"}', "audience: {accounts: [shop]}"
    )
    with pytest.raises(DefinitionError, match="an experiment compares people; a post is for nobody in particular"):
        load_campaign(make(tmp_path, post))


def test_templates_of_an_arm_that_are_not_there(tmp_path: Path) -> None:
    path = make(tmp_path)
    (path / "arms/question/subject.txt").unlink()
    with pytest.raises(DefinitionError, match="arms/question: is empty; give it the file that differs"):
        load_campaign(path)
    (path / "arms/question").rmdir()
    with pytest.raises(DefinitionError, match="arms/question: missing; an arm's templates are files in this folder"):
        load_campaign(path)


def test_a_template_of_an_arm_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"arms/question/subjct.txt: is no template that is known; did you mean 'subject.txt'"
    ):
        load_campaign(make(tmp_path, arms__question__subjct_txt="x"))


def test_an_arms_file_stands_in_for_one_language_and_others_stay(tmp_path: Path) -> None:
    campaign = load_campaign(
        make(tmp_path, subject_zh_txt="你好", body_zh_txt=BODY, arms__question__subject_zh_txt="看看")
    )
    assert (subject(campaign, "question", "zh-CN"), subject(campaign, "question")) == ("看看", "Have you seen?")
    assert (subject(campaign, "plain", "zh-CN"), subject(campaign, "plain")) == ("你好", "Hi")


def test_an_arms_html_stands_in_for_mjml_and_the_other_way_round(tmp_path: Path) -> None:
    page = mjml("<mj-text>MJML {{ unsubscribe_url }}</mj-text>")
    html = f"<p>HTML</p>{BODY}"
    one = load_campaign(make(tmp_path / "one", body_html=html, arms__question__body_mjml=page))
    other = load_campaign(make(tmp_path / "other", body_mjml=page, arms__question__body_html=html))
    assert "MJML" in str(Renderer(of_arm(one.frozen, "question")).render(VARIABLES).html)
    assert "<p>HTML</p>" in str(Renderer(of_arm(other.frozen, "question")).render(VARIABLES).html)
    assert "<p>HTML</p>" in str(Renderer(of_arm(one.frozen, "plain")).render(VARIABLES).html)


def test_the_version_changes_with_an_arms_template_and_not_for_campaigns_without_an_experiment(tmp_path: Path) -> None:
    one, other = (
        load_campaign(make(tmp_path / n, arms__question__subject_txt=n)).definition_version for n in ("one", "other")
    )
    assert one != other
    plain = GOOD[: GOOD.index("experiment:")]
    without = load_campaign(make(tmp_path / "plain", plain))
    assert "experiment" not in without.definition
    assert without.arms == {}
    assert "arms" not in without.frozen


def test_the_allocation_is_the_same_however_the_file_says_it_and_changes_with_what_counts(tmp_path: Path) -> None:
    def version(name: str, old: str = "", new: str = "") -> str:
        experiment = load_campaign(make(tmp_path / name, GOOD.replace(old, new) if old else GOOD)).experiment
        assert experiment is not None
        return experiment.allocation_version

    meant = version("same")
    assert version("float", "45", "45.0") == meant
    assert version("power", "minimal_lift: 0.2", "minimal_lift: 0.3\n  power: 0.9") == meant
    changed = [("a", "holdout: 10", "holdout: 10\n  alpha: 0.1"), ("b", "metric: conversion", "metric: clicks")]
    assert all(version(*c) != meant for c in changed)


def test_arms_that_read_the_same_are_told(tmp_path: Path) -> None:
    campaign = load_campaign(make(tmp_path, arms__question__subject_txt="Hi"))
    assert list(same_content(campaign)) == [
        "experiment: question reads the same as plain: nothing is compared; see `templates` of arms"
    ]
    assert not subjects_differ(campaign)
