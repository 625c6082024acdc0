"""include/contact_policy.yaml: what it keeps back, and what is said when it is wrong."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from marketflow.campaigns.definition import ContactPolicy, load_contact_policy
from marketflow.shared import DefinitionError, settings
from marketflow.shared.settings import Settings

QUIET = 'quiet_hours:\n- {from: "22:00", to: "7:30"}\n'


def make(folder: Path, text: str) -> Path:
    path = folder / "contact_policy.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_caps_marketing_keeps_the_night_quiet_and_holds_nobody_out() -> None:
    policy = load_contact_policy()
    assert settings().contact_policy.name == "contact_policy.yaml"
    [cap], [quiet] = policy.frequency_caps, policy.quiet_hours
    assert (cap.messages, cap.days, cap.purposes) == (4, 7, ("marketing",))
    assert set(cap.channels) == {"email", "webhook", "mastodon"}
    assert (quiet.from_, quiet.to, quiet.purposes) == (dt.time(21), dt.time(8), ("marketing",))
    assert policy.holdout is not None
    assert policy.holdout.share == 0
    assert policy.parameters("email")["held_out"] == []


def test_the_file_may_be_in_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETFLOW_CONTACT_POLICY", str(make(tmp_path, QUIET)))
    assert load_contact_policy(Settings().contact_policy).quiet_hours[0].to == dt.time(7, 30)


def test_only_what_concerns_the_channel_and_the_purpose_is_looked_at() -> None:
    policy = ContactPolicy.model_validate(
        {
            "frequency_caps": [
                {"messages": 1, "days": 1, "channels": ["email"]},
                {"messages": 3, "days": 7, "purposes": ["marketing", "transactional"]},
                {"messages": 9, "days": 7, "channels": ["mastodon"], "purposes": ["post"]},
            ],
            "quiet_hours": [{"from": "22:00", "to": "8:00", "channels": ["email"]}],
            "holdout": {"share": 0.1, "salt": "x"},
        }
    )
    mail = policy.parameters("email", "transactional")
    assert [c["messages"] for c in json.loads(mail["caps"])] == [3]
    assert (mail["capped"], mail["quiet_from"]) == (["marketing", "transactional"], [])
    every = policy.parameters("email")
    assert [c["messages"] for c in json.loads(every["caps"])] == [1, 3]
    assert (every["quiet_purposes"], every["quiet_to"]) == (["marketing"], [dt.time(8)])
    assert (every["held_out"], every["holdout_share"]) == (["marketing"], 0.1)
    assert policy.parameters("webhook")["quiet_purposes"] == []


def test_a_policy_without_lines_keeps_nobody_from_anything(tmp_path: Path) -> None:
    policy = load_contact_policy(make(tmp_path, "frequency_caps:\n  # - messages: 4\nquiet_hours: []\n"))
    assert policy == ContactPolicy()
    parameters = policy.parameters("email")
    assert not any(parameters[k] for k in ("capped", "quiet_purposes", "held_out"))


def test_the_version_changes_with_what_is_said_not_with_how(tmp_path: Path) -> None:
    one = load_contact_policy(make(tmp_path, QUIET)).version
    assert load_contact_policy(make(tmp_path, "# hush\n" + QUIET.replace('"7:30"', "'07:30'"))).version == one
    assert load_contact_policy(make(tmp_path, QUIET.replace("7:30", "7:31"))).version != one


CAP = "frequency_caps:\n- messages: 3\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CAP + "  day: 7\n", ":3: frequency_caps.0.day: there is no such field; did you mean 'days'?"),
        (CAP, ":2: frequency_caps.0.days: is missing"),
        ("frequency_cap: []\n", ":1: frequency_cap: there is no such field; did you mean 'frequency_caps'?"),
        (
            CAP + "  days: 7\n  purposes: [marketng]\n",
            ":4: frequency_caps.0.purposes.0: 'marketng' is not one of marketing, transactional, post; did you mean 'marketing'?",
        ),
        (CAP + "  days: 7\n  channels: [email, mastodn]\n", "did you mean 'mastodon'?"),
        (CAP + "  days: 7\n  channels: email\n", ":4: frequency_caps.0.channels: 'email' is neither `all` nor a list"),
        (CAP + "  days: 7\n  purposes: []\n", ":4: frequency_caps.0.purposes: "),
        (CAP.replace("3", "0") + "  days: 7\n", ":2: frequency_caps.0.messages: "),
        ("frequency_caps: 3\n", ":1: frequency_caps: is not a list: begin each line with a hyphen"),
        ("quiet_hours:\n- {from: 21:00, to: 8:00}\n", ":2: quiet_hours.0.from: 1260 is not a time of the day: write it"),
        ('quiet_hours:\n- from: "24:00"\n  to: "8:00"\n', ":2: quiet_hours.0.from: '24:00' is not a time of the day"),
        ('quiet_hours:\n- from: "8:00"\n  to: "08:00"\n', ":2: quiet_hours.0: from and to are the same time"),
        ('quiet_hours:\n- from_: "8:00"\n  to: "9:00"\n', ":2: quiet_hours.0.from_: there is no such field; did you mean 'from'?"),
        ("holdout: {share: 5, salt: x}\n", ":1: holdout.share: "),
        ("holdout: {share: 0.1}\n", ":1: holdout.salt: is missing"),
        ("holdout: {share: 0.1, salt: x, shar: 1}\n", "holdout.shar: there is no such field; did you mean 'share'?"),
        ("quiet_hours: [\n", "is not YAML that can be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = make(tmp_path, text)
    with pytest.raises(DefinitionError) as told:
        load_contact_policy(path)
    assert str(told.value).startswith(str(path))
    assert said in str(told.value)


def test_a_lost_file_lets_nobody_be_written_to_more_often(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="missing; a policy that keeps nobody from anything says"):
        load_contact_policy(tmp_path / "contact_policy.yaml")
