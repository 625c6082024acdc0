"""Which templates a person of an experiment's arm reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_arm(definition: Mapping[str, Any], variant: str | None) -> Mapping[str, Any]:
    """What a plan has frozen, as it is for an arm: with its templates, where it has some of its own.

    `definition` is that of activation.plans. An arm that it does not know, and None, read the campaign's own.
    """
    own = (definition.get("arms") or {}).get(variant)
    if own is None:
        return definition
    override = own.get("subject_override", definition["subject_override"])
    templates = {k: v for k, v in own.items() if k != "subject_override"}
    shared = definition["templates"].get("shared") or {}
    return {**definition, "templates": {**templates, "shared": shared}, "subject_override": override}


def arms_of(definition: Mapping[str, Any]) -> list[str | None]:
    """The names of the experiment's arms, the control first; of a campaign without one just None."""
    experiment = definition["campaign"].get("experiment")
    return list(experiment["arms"]) if experiment else [None]
