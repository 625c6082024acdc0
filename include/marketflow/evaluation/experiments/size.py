"""What an experiment can find, said before it starts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from marketflow.evaluation.sequential import Design

HELD_OUT = "holdout"


def design_of(definition: Mapping[str, Any]) -> Design:
    """The design of an experiment as activation.experiments has it, which is Experiment.meant of campaign.yaml."""
    return Design(
        shares={str(name): float(share) for name, share in definition["shares"]},
        rate=definition["expected_rate"], effect=definition["effect"], alpha=definition["alpha"],
        power=definition["power"],
    )  # fmt: skip


def size_lines(definition: Mapping[str, Any], audience: int | None = None) -> Iterator[str]:
    """In words: who is in it, what it needs, and what the people of one occasion (`audience`) alone find."""
    design = design_of(definition)
    rate, effect = design.rate, design.effect
    shares = ", ".join(f"{name} {share:g} %" for name, share in definition["shares"])
    yield f"Experiment {definition['name']}: {shares}; {definition['metric']} decides."
    once, daily = design.audience(looked_at_daily=False), design.audience(looked_at_daily=True)
    yield (
        f"To find {rate + effect:.2%} instead of {rate:.2%} in {design.power:.0%} of the cases, with alpha "
        f"{design.alpha:g}: {daily:,} people in all, since it is looked at every day ({daily / once:.1f} times the "
        f"{once:,} of a single look at the end)."
    )
    if audience is None:
        return
    least = design.smallest_effect(audience, looked_at_daily=True)
    found = f"finds a difference of {100 * least:.2f} points or more" if least else "finds no difference at all"
    yield f"These {audience:,} people alone: it {found}."
    if audience < daily:
        times = math.ceil(daily / max(1, audience))
        yield (
            f"WARNING: too few people for an effect of {100 * effect:.2f} points: it takes about {times} times as many "
            "new people, in later occasions, or a larger minimal effect. Nothing found will not mean there is nothing."
        )
