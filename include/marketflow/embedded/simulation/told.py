"""What evaluation found, held against what is true: only a simulation knows that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marketflow.embedded.simulation.behaviour import Truth


def true_uplift(truth: Truth, row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> float | None:
    """The effect that `row` of marts.campaign_uplift estimates, as a difference of shares; None where it is not stated.

    Of a variant its own; of a whole campaign the mean of its variants' by their people, as `rows` have them.
    """
    arms = truth.effects.get(row["campaign"])
    if arms is None or row["breakdown"] not in ("all", "variant"):
        return None
    if row["breakdown"] == "variant":
        return arms.get(row["part"])
    variants = [r for r in rows if (r["campaign"], r["breakdown"]) == (row["campaign"], "variant")]
    if not variants:
        return arms.get("")
    if any(r["part"] not in arms for r in variants):
        return None
    people = sum(int(r["people"]) for r in variants)
    return sum(arms[r["part"]] * int(r["people"]) for r in variants) / people


def uplift_in_words(truth: Truth, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each row about conversion of a campaign whose effect is stated, in points (percent of people).

    rows: campaign, breakdown, part, measure, people, control_people, difference, difference_low, difference_high.
    """
    about = [r for r in rows if r["measure"] == "conversion"]
    told = [(row, true_uplift(truth, row, about)) for row in about]
    return [_sentence(row, effect) for row, effect in told if effect is not None]


def _sentence(row: Mapping[str, Any], effect: float) -> str:
    low, high = _points(row["difference_low"]), _points(row["difference_high"])
    return (
        f"{row['campaign']}{_which(row)}: {_points(row['difference'])} points more buyers among {row['people']} people "
        f"than among {row['control_people']} held out, {low} to {high} with 95 % confidence; "
        f"simulated with a true uplift of {_points(effect)} points"
    )


def _which(row: Mapping[str, Any]) -> str:
    return f", variant {row['part']}" if row["breakdown"] == "variant" else ""


def _points(share: float) -> str:
    return f"{100 * float(share):+.1f}"
