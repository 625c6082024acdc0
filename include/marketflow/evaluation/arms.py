"""From the sums of arms to uplift: each part of a campaign against those who were held out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from marketflow.evaluation.uplift import Arm, difference_of_means, difference_of_rates, ratio_of_means, ratio_of_rates

CONFIDENCE = 0.95
_ALPHA = 1 - CONFIDENCE
# With fewer buyers in an arm the interval of heavy-tailed revenue holds less often than 95 times of 100: measured, see
# docs/decisions/0024-evaluation.md.
ENOUGH_BUYERS = 25
_DIGITS = 60


class ArmSums(NamedTuple):
    """A row of marts.campaign_arms."""

    campaign: str
    channel: str
    breakdown: str
    part: str
    arm: str
    control: str
    people: int
    buyers: int
    revenue: Decimal
    revenue_squares: Decimal
    revenue_cubes: Decimal
    waiting: int
    cost: Decimal | None
    is_simulated: bool


def uplift_of_arms(arms: Iterable[ArmSums]) -> list[dict[str, Any]]:
    """The rows of marts.campaign_uplift, ready for JSON: what cannot be told is None.

    A part without people on one side has no row. A variant is held against all of the campaign's held out.
    """
    by_key = {(a.campaign, a.channel, a.breakdown, a.part, a.arm): a for a in arms}
    found: list[dict[str, Any]] = []
    for (campaign, channel, breakdown, part, side), arm in by_key.items():
        if side != "treated":
            continue
        where = ("all", "") if breakdown == "variant" else (breakdown, part)
        control = by_key.get((campaign, channel, *where, "control"))
        if control is not None:
            found += [{k: _told(v) for k, v in row.items()} for row in _rows(arm, control)]
    return found


def _rows(arm: ArmSums, control: ArmSums) -> Iterator[dict[str, Any]]:
    common = {
        "campaign": arm.campaign, "channel": arm.channel, "breakdown": arm.breakdown, "part": arm.part,
        "control": control.control, "people": arm.people, "control_people": control.people, "buyers": arm.buyers,
        "control_buyers": control.buyers, "cost": None if arm.cost is None else float(arm.cost),
        "confidence": CONFIDENCE, "waiting": arm.waiting + control.waiting,
        "has_enough": min(arm.buyers, control.buyers) >= ENOUGH_BUYERS,
        "is_simulated": arm.is_simulated or control.is_simulated,
    }  # fmt: skip
    yield common | _conversion(arm, control)
    if min(arm.people, control.people) > 1:  # one person's spending has no variance
        yield common | _revenue(arm, control)


def _conversion(arm: ArmSums, control: ArmSums) -> dict[str, Any]:
    counts = (arm.buyers, arm.people, control.buyers, control.people)
    estimate, ratio = difference_of_rates(*counts, alpha=_ALPHA), ratio_of_rates(*counts, alpha=_ALPHA)
    value, control_value = arm.buyers / arm.people, control.buyers / control.people
    return _measured("conversion", arm, (value, control_value), estimate, ratio)


def _revenue(arm: ArmSums, control: ArmSums) -> dict[str, Any]:
    ours, theirs = (moments(a.people, a.revenue, a.revenue_squares, a.revenue_cubes) for a in (arm, control))
    estimate, ratio = difference_of_means(ours, theirs, alpha=_ALPHA), ratio_of_means(ours, theirs, alpha=_ALPHA)
    row = _measured("revenue", arm, (float(ours.mean), float(theirs.mean)), estimate, ratio)
    if arm.cost:
        cost = float(arm.cost)
        for name, end in (("return_on_cost", ""), ("return_low", "_low"), ("return_high", "_high")):
            row[name] = (row[f"incremental{end}"] - cost) / cost
    return row


def moments(people: int, total: Decimal, squares: Decimal, cubes: Decimal) -> Arm:
    """An arm from exact sums, by way of sixty digits: large amounts that are nearly equal lose none."""
    with localcontext(prec=_DIGITS):
        n, mean = Decimal(people), total / people
        second = max(squares / n - mean * mean, Decimal(0))
        third = cubes / n - 3 * mean * squares / n + 2 * mean**3
        variance = second * n / (n - 1) if people > 1 else Decimal("nan")
    return Arm.of(people, float(mean), float(variance), float(third))


def _measured(measure: str, arm: ArmSums, values: tuple[float, float], estimate: Any, ratio: Any) -> dict[str, Any]:
    difference, low, high = float(estimate.value), float(estimate.low), float(estimate.high)
    relative, relative_low, relative_high = (float(r) - 1 for r in ratio)
    known = math.isfinite(relative)
    return {
        "measure": measure, "value": values[0], "control_value": values[1], "difference": difference,
        "difference_low": min(low, difference), "difference_high": max(high, difference),
        "p_value": float(estimate.p_value), "relative": relative,
        "relative_low": min(relative_low, relative) if known else None,
        "relative_high": max(relative_high, relative) if known else None,
        "incremental": difference * arm.people, "incremental_low": min(low, difference) * arm.people,
        "incremental_high": max(high, difference) * arm.people,
    }  # fmt: skip


def _told(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
