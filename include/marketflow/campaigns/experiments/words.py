"""What a person who approves is told of an experiment's arms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from marketflow.campaigns.definition import Campaign, Templates


def same_content(campaign: Campaign) -> Iterator[str]:
    """A warning for each arm whose messages are those of an arm before it: then there is nothing to compare."""
    seen: dict[str, str] = {}
    for name in campaign.experiment.arms if campaign.experiment else ():
        text = _text(campaign.arms.get(name, campaign.templates))
        if text in seen:
            yield f"experiment: {name} reads the same as {seen[text]}: nothing is compared; see `templates` of arms"
        seen.setdefault(text, name)


def content_version(campaign: Campaign) -> str:
    """16 hex digits that change with what any arm reads."""
    texts = [_text(t) for t in (campaign.templates, *(campaign.arms[name] for name in sorted(campaign.arms)))]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def subjects_differ(campaign: Campaign) -> bool:
    """Would one subject for all take away what is compared?"""
    own = _subjects(campaign.templates)
    return any(_subjects(templates) != own for templates in campaign.arms.values())


def _text(templates: Templates) -> str:
    return templates.model_dump_json(exclude={"shared"})


def _subjects(templates: Templates) -> dict[str, str]:
    return {"": templates.subject, **{tag: v.subject for tag, v in templates.variants.items()}}
