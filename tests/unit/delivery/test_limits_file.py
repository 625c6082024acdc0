"""`include/delivery.yaml`: what it may say, and how clearly it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT
from marketflow.campaigns.delivery import DeliveryOptions, load_delivery_rules
from marketflow.campaigns.delivery.limits_file import DeliveryRules
from marketflow.campaigns.delivery.pace import window_of
from marketflow.shared import DefinitionError


def load(folder: Path, text: str) -> DeliveryRules:
    path = folder / "delivery.yaml"
    path.write_text(text, encoding="utf-8")
    return load_delivery_rules(path)


def test_the_file_that_is_shipped_stops_mails_and_limits_none() -> None:
    rules = load_delivery_rules(ROOT / "include/delivery.yaml")
    assert not rules.of("email").is_limited
    stop = rules.of("email").stop
    assert stop is not None
    assert (stop.bounces_percent, stop.complaints_percent, stop.at_least, stop.window_hours) == (5, 0.3, 100, 24)
    assert rules.of("webhook").stop is None
    assert rules.of("no_such_channel").is_limited is False


def test_all_that_may_be_said(tmp_path: Path) -> None:
    text = """
channels:
  email:
    per_second: 14
    per_day: 50000
    domains:
      GMail.com: {per_second: 20, per_hour: 10000}
      bücher.example: {per_day: 1}
      "*": {per_hour: 5000}
      free.test: {}
    stop: {bounces_percent: 2.5, at_least: 50}
  webhook:
soft_bounces: {in_a_row: 3}
"""
    rules = load(tmp_path, text)
    email = rules.of("email")
    assert email.for_domain("gmail.com").per_second == 20  # type: ignore[union-attr]
    assert email.for_domain("xn--bcher-kva.example").per_day == 1  # type: ignore[union-attr]
    assert email.for_domain("other.test").per_hour == 5000  # type: ignore[union-attr]
    assert email.for_domain("free.test") is None
    assert email.stop is not None
    assert (email.stop.bounces_percent, email.stop.complaints_percent) == (2.5, 0.3)
    assert rules.soft_bounces.in_a_row == 3
    options = DeliveryOptions(edge_url="https://e.test", brand="T", window=32, rules=email)
    assert window_of(options) == 2  # a fifth of a second's worth


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("channels: {emial: {}}", ":1: channels.emial: there is no such field; did you mean 'email'?"),
        ("channels:\n  email:\n    per_secnd: 3", ":3: channels.email.per_secnd: there is no such field; did you mean 'per_second'?"),
        ("channels:\n  email:\n    per_hour: many", ":3: channels.email.per_hour: Input should be a valid integer"),
        ("channels:\n  email:\n    per_hour: 0", ":3: channels.email.per_hour: Input should be greater than or equal to 1"),
        ("channels:\n  email:\n    per_hour: true", ":3: channels.email.per_hour: Input should be a valid integer"),
        ("channels:\n  email: 14", ":2: channels.email: has no fields in it"),
        ("channels:\n  email:\n    domains: {gmail: {per_hour: 1}}", ":3: channels.email.domains: 'gmail' is not a domain"),
        (
            "channels:\n  email:\n    domains:\n      a.test: {per_hour: 1}\n      A.TEST: {per_hour: 2}",
            ":3: channels.email.domains: a domain stands twice",
        ),
        ("channels:\n  email:\n    domains:\n      a.test: {per_hur: 1}", ":4: channels.email.domains.a.test.per_hur: there is no such field"),
        ("channels:\n  email:\n    stop: {bounces: 5}", ":3: channels.email.stop.bounces: there is no such field; did you mean 'bounces_percent'?"),
        ("channels:\n  email:\n    stop: {bounces_percent: 500}", ":3: channels.email.stop.bounces_percent: Input should be less than"),
        ("", ": channels: is missing"),
        ("channels: [", "is not YAML that can be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_the_nearest_word(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DefinitionError) as error:
        load(tmp_path, text)
    assert told in str(error.value)


def test_limits_that_were_lost_are_not_no_limits(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"missing; a file that limits nothing says `channels: \{\}`"):
        load_delivery_rules(tmp_path / "delivery.yaml")
