"""campaign.yaml: what is right loads fast, what is wrong says where, and which word was meant."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from marketflow.campaigns import load_campaigns
from marketflow.campaigns.definition import campaign_schema, find_campaigns, load_campaign
from marketflow.campaigns.definition.model import schema_text
from marketflow.shared import DefinitionError

GOOD = """\
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger:
  on: manual
audience:
  where: "orders > 1"
content:
  recommend:
    list: discover
    limit: 3
"""


def make(folder: Path, text: str = GOOD, **templates: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "campaign.yaml").write_text(text)
    for name, body in ({"subject": "Hi", "body": "Hello"} | templates).items():
        (folder / f"{name}.txt").write_text(body)
    return folder


def wrong(folder: Path, old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(DefinitionError) as info:
        load_campaign(make(folder / "letter", GOOD.replace(old, new)))
    return str(info.value).replace(str(folder), "")


def test_a_campaign_with_its_defaults(tmp_path: Path) -> None:
    campaign = load_campaign(make(tmp_path / "letter"))
    assert campaign.trigger.on == "manual"  # a word, though YAML 1.1 reads `on` as true
    assert (campaign.approval, campaign.enabled, campaign.max_age_days) == (True, True, 2)
    assert campaign.required_tables == ("marts.customer_360",)
    assert (campaign.templates.subject, campaign.templates.html) == ("Hi", None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("owner:", "ownr:", "/letter/campaign.yaml:3: ownr: there is no such field; did you mean 'owner'?"),
        ("    limit: 3", "    lmit: 3", "/letter/campaign.yaml:13: content.recommend.lmit: there is no such field; did you mean 'limit'?"),
        ("channel: email", "channel: e-mail", "/letter/campaign.yaml:4: channel: 'e-mail' is not one of email, webhook, mastodon; did you mean 'email'?"),
        ("on: manual", "on: order_plced", "/letter/campaign.yaml:7: trigger.on: 'order_plced' is not one of order_placed, cart_abandoned, signed_up, birthday, entered_segment, cron, table_update, weekly, manual; did you mean 'order_placed'?"),
        ("    limit: 3", "    limit: 300", "/letter/campaign.yaml:13: content.recommend.limit: Input should be less than or equal to 12"),
        ("title: A letter\n", "", "/letter/campaign.yaml:1: title: is missing"),
        ("name: letter", "name: other", "/letter/campaign.yaml:1: name: must be the folder's name, 'letter'"),
        ("purpose: marketing", "purpose: post", "a post has purpose: post, audience.accounts and channel webhook or mastodon"),
        ('  where: "orders > 1"', '  where: "a"\n  accounts: [shop]', "/letter/campaign.yaml:8: audience: accounts stands alone: a post is for nobody in particular"),
        ('audience:\n  where: "orders > 1"\n', "", "/letter/campaign.yaml:1: audience: is missing: give where, accounts, or a trigger that is an event"),
        ("owner: marketing", "owner: marketing\nowner: sales", "/letter/campaign.yaml:3: is not YAML that can be read: owner stands twice"),
        ("owner: marketing", "owner: [marketing", "/letter/campaign.yaml:4: is not YAML that can be read"),
        ("owner: marketing", "owner: !!python/object/apply:os.system [ls]", "/letter/campaign.yaml:3: is not YAML that can be read"),
    ],
)  # fmt: skip
def test_errors_name_file_line_field_and_the_nearest_word(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in wrong(tmp_path, old, new)


@pytest.mark.parametrize("text", ["", "[]", "just words", "\x00", "&a [*a]", "[" * 5000])
def test_what_is_no_definition_is_an_error_of_ours(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError, match="letter"):
        load_campaign(make(tmp_path / "letter", text))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(wrong(tmp_path, "title: A letter\nowner: marketing", "titel: A letter").splitlines()) == 3


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "letter")
    (folder / "body.txt").unlink()
    with pytest.raises(DefinitionError, match=r"body\.txt: missing; the folder has campaign\.yaml, subject\.txt"):
        load_campaign(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DefinitionError, match=r"empty/campaign\.yaml: missing"):
        load_campaigns(tmp_path)


def test_binary_and_endless_templates_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "letter")
    (folder / "body.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="is not UTF-8"):
        load_campaign(folder)
    (folder / "body.txt").write_text("x" * 300_000)
    with pytest.raises(DefinitionError, match="is longer than"):
        load_campaign(folder)


def test_the_version_changes_with_file_and_templates_only(tmp_path: Path) -> None:
    versions = [
        load_campaign(make(tmp_path / a / "letter", text, **templates)).definition_version
        for a, text, templates in (
            ("a", GOOD, {}),
            ("b", "# a comment\n" + GOOD, {}),
            ("c", GOOD.replace("A letter", "Another letter"), {}),
            ("d", GOOD, {"body": "Hello!"}),
        )
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_folders_with_an_underscore_are_shared_templates(tmp_path: Path) -> None:
    make(tmp_path / "letter")
    (tmp_path / "_shared").mkdir()
    (tmp_path / "_shared/layout.html").write_text("<p>{% block content %}{% endblock %}</p>")
    [campaign] = load_campaigns(tmp_path)
    assert list(campaign.templates.shared) == ["layout.html"]


def test_the_shipped_campaigns() -> None:
    shipped = {c.name: c for c in load_campaigns()}
    assert set(shipped) == {
        "picked_for_you", "thank_you", "win_back", "weekly_bestsellers", "weekly_bestsellers_mastodon", "welcome"
    }  # fmt: skip
    assert [n for n, c in shipped.items() if not c.enabled] == ["weekly_bestsellers_mastodon", "welcome"]
    assert shipped["win_back"].approval


def test_the_schema_file_is_the_model_s() -> None:
    """After a change: python -m marketflow.campaigns.definition > include/campaigns/campaign.schema.json."""
    assert (ROOT / "include/campaigns/campaign.schema.json").read_text() == schema_text()
    assert "description" in campaign_schema()["properties"]["priority"]
    done = subprocess.run(
        [sys.executable, "-m", "marketflow.campaigns.definition"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == campaign_schema()


def test_loading_needs_no_heavy_library() -> None:
    """A DAG file loads all campaigns each time that it is parsed."""
    code = (
        "import sys; from marketflow.campaigns import load_campaigns; load_campaigns();"
        "print(sorted({'pandas', 'sqlglot', 'sklearn', 'great_expectations', 'httpx', 'mastodon'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("odd", ["folder", "pipe", "loop", "locked"])
@pytest.mark.parametrize("file", ["body.html", "subject.txt", "campaign.yaml"])
def test_one_odd_entry_is_an_error_and_the_other_campaigns_stay(
    tmp_path: Path, odd: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "good", GOOD.replace("name: letter", "name: good"))
    path = make(tmp_path / "letter") / file
    path.unlink(missing_ok=True)
    if odd == "folder":
        path.mkdir()
    elif odd == "pipe":
        os.mkfifo(path)
    elif odd == "loop":
        path.symlink_to(path.name)
    else:
        path.write_text(GOOD)
        _lock(path, monkeypatch)
    found = find_campaigns(tmp_path)
    assert [c.name for c in found.good] == ["good"]
    [error] = found.errors
    assert error.startswith(f"{tmp_path}/letter")


def _lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file without read permission is for others than root, who may run the tests."""
    real = Path.open

    def opened(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", opened)


@pytest.mark.parametrize("old", ["channel: email", "  on: manual"])
def test_aliases_do_not_make_an_error_longer_than_a_line(tmp_path: Path, old: str) -> None:
    names = "abcdefg"
    bombs = ["a: &a [" + ", ".join(["xxxxxxxxxx"] * 10) + "]"]
    bombs += [f"{b}: &{b} [" + ", ".join([f"*{a}"] * 10) + "]" for a, b in itertools.pairwise(names)]
    field = old.partition(":")[0]
    began = time.process_time()
    with pytest.raises(DefinitionError) as info:
        load_campaign(make(tmp_path / "letter", "\n".join(bombs) + "\n" + GOOD.replace(old, f"{field}: *g")))
    assert time.process_time() - began < 2
    [said] = [line for line in str(info.value).splitlines() if "is not one of" in line]
    assert f"{field.strip()}: [[" in said
    assert max(map(len, str(info.value).splitlines())) < 1_000
