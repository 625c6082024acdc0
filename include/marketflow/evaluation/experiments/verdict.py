"""One look at an experiment: from counts by arm to intervals, an alarm, and perhaps a winner. No database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from marketflow.evaluation.experiments.size import design_of
from marketflow.evaluation.sequential import Comparison, Design, Pair, compare_rates, ratio_p_value

HELD_OUT = "holdout"
ALARM = 0.005  # of each of two ratios: of a hundred sound experiments one alarms in all its life
Verdict = Literal["control", "holdout", "better", "worse", "undecided", "too_early", "ratio_mismatch"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is counted of an arm: people by their first exposure, each once."""

    assigned: int = 0
    sent: int = 0
    conversions: int = 0
    clickers: int = 0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An arm as it is seen now. Rates are shares of the assigned; None where there is nothing to compare or count."""

    verdict: Verdict
    rate: float | None = None
    difference: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    p_value: float | None = None
    uplift: float | None = None
    uplift_low: float | None = None
    uplift_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """All arms, the control first. `winner`: the arm that the evidence is for, with a `reason`; None: none yet."""

    arms: dict[str, Judged]
    ratio_p: float
    sent_ratio_p: float
    winner: str | None = None
    reason: str | None = None


def judge_counts(
    definition: Mapping[str, Any], counts: Mapping[str, Arm], *, began_at: dt.datetime | None, now: dt.datetime
) -> Look:
    """Judge what is known `now` of an experiment whose first people were exposed at `began_at`.

    `definition` is that of activation.experiments; `counts` by arm, the holdout too. May be done every day: intervals
    and p-values hold at all looks together. Each arm is compared with the control, with alpha split between them, and
    for conversions with the holdout (uplift), as a question of its own.
    """
    design = design_of(definition)
    arms = {name: counts.get(name, Arm()) for name in design.shares}
    ratio_p, sent_ratio_p = _ratios(design, arms, sends_alike="step" not in definition)
    early = _too_early(definition, arms, began_at, now)
    mismatch = min(ratio_p, sent_ratio_p) < ALARM
    judged = {name: _judged(definition, design, name, arms) for name in design.shares}
    if mismatch or early:
        state: Verdict = "ratio_mismatch" if mismatch else "too_early"
        judged = {name: _with(j, state) for name, j in judged.items()}
    winner = _winner(design, judged)
    reason = winner and _reason(definition, design, winner, judged, now)
    return Look(arms=judged, ratio_p=ratio_p, sent_ratio_p=sent_ratio_p, winner=winner, reason=reason)


def successes(definition: Mapping[str, Any], arm: Arm) -> int:
    """People of the arm who did what the experiment is about."""
    return arm.clickers if definition["metric"] == "clicks" else arm.conversions


def _ratios(design: Design, arms: Mapping[str, Arm], *, sends_alike: bool) -> tuple[float, float]:
    """P-values of the shares of people, and of the shares of those who were sent it, the holdout aside.

    `sends_alike`: each arm sends one message to each; those of a journey's branch may send several, later, or none.
    """
    everybody = list(design.shares)
    treated = [name for name in everybody if name != HELD_OUT]
    by_people = ratio_p_value([arms[n].assigned for n in everybody], [design.shares[n] for n in everybody])
    if len(treated) == 1 or not sends_alike:
        return float(by_people), 1.0
    by_sent = ratio_p_value([arms[n].sent for n in treated], [design.shares[n] for n in treated])
    return float(by_people), float(by_sent)


def _too_early(
    definition: Mapping[str, Any], arms: Mapping[str, Arm], began_at: dt.datetime | None, now: dt.datetime
) -> bool:
    days = definition.get("minimum_days") or definition["window_days"]
    if began_at is None or now < began_at + dt.timedelta(days=days):
        return True
    return any(arm.assigned < definition["minimum_people"] for arm in arms.values())


def _judged(definition: Mapping[str, Any], design: Design, name: str, arms: Mapping[str, Arm]) -> Judged:
    arm = arms[name]
    rate = successes(definition, arm) / arm.assigned if arm.assigned else None
    if name == HELD_OUT and definition["metric"] == "clicks":
        return Judged(verdict="holdout")  # they cannot click: nothing to compare
    uplift = _uplift(definition, design, name, arms)
    if name in (design.control, HELD_OUT):
        return Judged(verdict="holdout" if name == HELD_OUT else "control", rate=rate, **uplift)
    pair = design.compared[name]
    found = _compared(definition, arm, arms[design.control], pair)
    low, high = float(found.low), float(found.high)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
    return Judged(
        verdict=verdict, rate=rate, difference=float(found.difference), interval_low=low, interval_high=high,
        p_value=min(1.0, float(found.p) * len(design.compared)), **uplift,
    )  # fmt: skip


def _uplift(definition: Mapping[str, Any], design: Design, name: str, arms: Mapping[str, Arm]) -> dict[str, float]:
    """Of an arm against the holdout, where there is one."""
    pair = design.uplifts.get(name)
    if pair is None or definition["metric"] == "clicks":
        return {}
    found = _compared(definition, arms[name], arms[HELD_OUT], pair)
    return {"uplift": float(found.difference), "uplift_low": float(found.low), "uplift_high": float(found.high)}


def _compared(definition: Mapping[str, Any], arm: Arm, control: Arm, pair: Pair) -> Comparison:
    return compare_rates(
        (successes(definition, arm), arm.assigned), (successes(definition, control), control.assigned),
        mixing=pair.mixing, alpha=pair.alpha,
    )  # fmt: skip


def _winner(design: Design, judged: Mapping[str, Judged]) -> str | None:
    """The best of those that are better than the control; the control when all others are worse; else nobody yet."""
    better = [name for name, j in judged.items() if j.verdict == "better"]
    if better:
        return max(better, key=lambda name: judged[name].rate or 0.0)
    others: Sequence[str] = list(design.compared)
    return design.control if all(judged[name].verdict == "worse" for name in others) else None


def _reason(
    definition: Mapping[str, Any], design: Design, winner: str, judged: Mapping[str, Judged], now: dt.datetime
) -> str:
    told = "; ".join(
        f"{name} {j.rate:.2%}, {j.difference:+.2%} ({j.interval_low:+.2%} to {j.interval_high:+.2%})"
        for name, j in judged.items()
        if name in design.compared
    )
    control = judged[design.control].rate or 0.0
    return (
        f"{definition['metric']} by {now:%Y-%m-%d}: {design.control} {control:.2%}; {told}; intervals that hold at all "
        f"looks together, alpha {definition['alpha']:g}; {winner} is the best of what differs from {design.control}"
    )


def _with(judged: Judged, verdict: Verdict) -> Judged:
    return replace(judged, verdict=verdict)
