"""What may change of an experiment while people are in it, and how it is told what may not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

_HEEDED = ("winner", "minimum_days", "minimum_people")
_KEPT = {
    "expected_rate": "expected_rate",
    "effect": "minimal_effect",
    "power": "power",
    "window_days": "attribution_days",
}


class ExperimentChanged(Exception):
    """Its arms, shares, metric or alpha are not those that people were drawn with; the message is for marketers."""


def heeded(meant: Mapping[str, Any]) -> Jsonb:
    """When it may be decided and who decides: intervals that hold at all looks hold whatever these become."""
    return Jsonb({name: meant[name] for name in _HEEDED})


def kept(begun: Mapping[str, Any], meant: Mapping[str, Any]) -> str | None:
    """A warning of what goes on as it began, as the intervals were laid out for it; None: nothing has changed of it."""
    was = ", ".join(f"{word} {begun[name]:g}" for name, word in _KEPT.items() if begun[name] != meant[name])
    if not was:
        return None
    return f"experiment: it is judged as it began, with {was}; what the file says now counts under a new name"


def changed(name: str, begun: Mapping[str, Any], meant: Mapping[str, Any], started_at: dt.datetime) -> str:
    """Why an experiment may not be another one while people are in it; both as activation.experiments has them."""
    was, now = _allocation(begun), _allocation(meant)
    differ = [part for part in was if was[part] != now[part]]
    return (
        f"{name} runs since {started_at:%Y-%m-%d} with {'; '.join(was[d] for d in differ)} and is "
        f"{'; '.join(now[d] for d in differ)} now: arms, shares, control, metric and alpha stay while people are "
        "in it. Give the experiment a new name, which draws everybody anew, or put them back"
    )


def _allocation(definition: Mapping[str, Any]) -> dict[str, str]:
    arms = definition.get("arms") or {}
    folders = ", ".join(f"{name} {arm['templates']}" for name, arm in arms.items() if arm["templates"])
    return {
        "shares": ", ".join(f"{name} {share:g} %" for name, share in definition["shares"]),
        "control": f"control {definition['control']}",
        "metric": f"metric {definition['metric']}",
        "alpha": f"alpha {definition['alpha']:g}",
        "templates": f"templates {folders or 'of the campaign'}",
    }
