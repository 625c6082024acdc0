"""A campaign with an experiment: two subjects and a holdout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marketflow.campaigns import Campaign
from marketflow.campaigns.definition import load_campaign

YAML = """\
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger: {on: %(trigger)s}
audience: {where: "everybody()"}
experiment:
  name: %(name)s
  arms: {plain: {share: %(plain)s}, question: {share: %(question)s, templates: question}}
  holdout: %(holdout)s
  expected_rate: 0.1
  minimal_effect: 0.05
  metric: %(metric)s
  winner: %(winner)s
  minimum_people: %(minimum_people)s
"""
SAID = {
    "name": "subject", "plain": 40, "question": 40, "holdout": 20, "metric": "conversion", "winner": "auto",
    "minimum_people": 5, "trigger": "manual",
}  # fmt: skip
FILES = {
    "subject.txt": "Hello",
    "body.txt": "Hello {{ given_name or 'you' }}\n{{ unsubscribe_url }}\n",
    "arms/question/subject.txt": "Have you seen this?",
}


def letter(folder: Path, **said: Any) -> Campaign:
    """Write it into `folder` (once more), with what is said otherwise, and load it."""
    files = {"campaign.yaml": YAML % {**SAID, **said}, **FILES}
    for name, text in files.items():
        path = folder / "letter" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_campaign(folder / "letter")
