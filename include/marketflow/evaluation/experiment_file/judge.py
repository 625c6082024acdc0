"""From sums to differences with intervals: each variant against the control, outcome by outcome."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketflow.evaluation.arms import ENOUGH_BUYERS
from marketflow.evaluation.experiment_file.read import ExperimentSums, OutcomeSums, read_sums
from marketflow.evaluation.uplift import Arm, difference_of_means, difference_of_rates, ratio_of_means, ratio_of_rates
from marketflow.shared import SourceError
from marketflow.shared.explain import nearest

_CONTROLS = ("control", "holdout", "none", "no e-mail", "no email", "0", "false", "a")
SRM_ALPHA = 0.001  # strict, since every experiment is looked at: Fabijan et al., KDD 2019


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One variant against the control; None is what cannot be told: a ratio to nothing, the open end of an interval."""

    variant: str
    people: int
    value: float
    difference: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome: `kind` is rate (0 and 1) or mean; the control's value; each variant against it.

    `has_enough`: of a mean, that 25 people in each arm have more than nothing; else its interval may be too narrow.
    """

    name: str
    kind: str
    control_people: int
    control_value: float
    comparisons: tuple[Comparison, ...]
    has_enough: bool


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """Whether the arms are as large as they were meant to be; a small p-value says that people got lost or doubled."""

    expected: dict[str, float]
    p_value: float
    is_wrong: bool


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All of it. `alpha`: one interval of 1/alpha misses the truth."""

    control: str
    arms: dict[str, int]
    outcomes: tuple[Outcome, ...]
    sample_ratio: SampleRatio | None
    alpha: float


def judge_file(
    path: Path,
    *,
    variant: str | None = None,
    outcomes: Sequence[str] = (),
    control: str | None = None,
    person: str | None = None,
    shares: Mapping[str, float] | None = None,
    alpha: float = 0.05,
) -> Judgement:
    """Judge an experiment of a file with one row per person. Raises SourceError with place and remedy.

    `variant`, `outcomes`, `person`: columns; `control`: the arm that the others are held against; both are found by
    themselves where their names say it. `shares`: what part of all people each arm was meant to get.
    """
    if not 0 < alpha < 1:
        raise SourceError(f"--alpha {alpha}: must lie between 0 and 1, such as 0.05")
    with tempfile.TemporaryDirectory() as scratch:
        sums = read_sums(path, variant=variant, outcomes=outcomes, person=person, scratch=Path(scratch))
    ratio = sample_ratio(sums.arms, shares) if shares else None
    chosen = _control(path, sums, control)
    found = tuple(_outcome(name, by_arm, chosen, alpha) for name, by_arm in sums.outcomes.items())
    return Judgement(control=chosen, arms=sums.arms, outcomes=found, sample_ratio=ratio, alpha=alpha)


def sample_ratio(arms: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Pearson's chi-square of the arms' sizes; refuses an arm that was meant to have people and has none."""
    from scipy import stats

    if unknown := [name for name in shares if name not in arms]:
        raise SourceError(f"--shares: nobody is in {', '.join(map(repr, unknown))}; the file has {', '.join(arms)}")
    if missing := [name for name in arms if name not in shares]:
        raise SourceError(f"--shares: says nothing of {', '.join(map(repr, missing))}")
    whole = sum(shares.values())
    if not all(math.isfinite(s) and s > 0 for s in shares.values()):
        raise SourceError("--shares: each share is a number above 0")
    people = sum(arms.values())
    expected = {name: people * shares[name] / whole for name in arms}
    p_value = float(stats.chisquare(list(arms.values()), list(expected.values())).pvalue)
    return SampleRatio(expected=expected, p_value=p_value, is_wrong=p_value < SRM_ALPHA)


def _control(path: Path, sums: ExperimentSums, asked: str | None) -> str:
    if asked is not None:
        if asked in sums.arms:
            return asked
        said = f"{path}, column {sums.variant}: nobody is in {asked!r} (--control){nearest(asked, list(sums.arms))}"
        raise SourceError(f"{said}; there are {', '.join(sums.arms)}")
    found = [name for name in sums.arms if name.casefold() in _CONTROLS]
    if len(found) != 1:
        raise SourceError(f"{path}: say which variant is the control: --control NAME, one of {', '.join(sums.arms)}")
    return found[0]


def _outcome(name: str, by_arm: Mapping[str, OutcomeSums], control: str, alpha: float) -> Outcome:
    is_rate, base = all(sums.is_binary for sums in by_arm.values()), by_arm[control]
    fewest = min(sums.somethings for sums in by_arm.values())
    compare = _rates if is_rate else _means
    others = tuple(compare(arm, by_arm[arm], base, alpha) for arm in by_arm if arm != control)
    return Outcome(
        name=name, kind="rate" if is_rate else "mean", control_people=base.people, control_value=base.mean,
        comparisons=tuple(sorted(others, key=lambda c: c.variant)), has_enough=is_rate or fewest >= ENOUGH_BUYERS,
    )  # fmt: skip


def _rates(variant: str, arm: OutcomeSums, control: OutcomeSums, alpha: float) -> Comparison:
    counts = (round(arm.total), arm.people, round(control.total), control.people)
    estimate, ratio = difference_of_rates(*counts, alpha=alpha), ratio_of_rates(*counts, alpha=alpha)
    return _compared(variant, arm, (estimate.value, estimate.low, estimate.high, estimate.p_value), ratio)


def _means(variant: str, arm: OutcomeSums, control: OutcomeSums, alpha: float) -> Comparison:
    if min(arm.people, control.people) < 2:
        nan = math.nan
        return _compared(variant, arm, (arm.mean - control.mean, -math.inf, math.inf, 1.0), (nan, nan, nan))
    ours, theirs = _moments(arm), _moments(control)
    estimate, ratio = difference_of_means(ours, theirs, alpha=alpha), ratio_of_means(ours, theirs, alpha=alpha)
    return _compared(variant, arm, (estimate.value, estimate.low, estimate.high, estimate.p_value), ratio)


def _moments(sums: OutcomeSums) -> Arm:
    return Arm.of(sums.people, sums.mean, sums.second / (sums.people - 1), sums.third / sums.people)


def _compared(variant: str, arm: OutcomeSums, estimate: Sequence[object], ratio: Sequence[object]) -> Comparison:
    difference, low, high, p_value = (float(e) for e in estimate)  # type: ignore[arg-type]
    relative, relative_low, relative_high = (_told(float(r) - 1) for r in ratio)  # type: ignore[arg-type]
    known = relative is not None
    return Comparison(
        variant=variant, people=arm.people, value=arm.mean, difference=difference, low=low, high=high,
        relative=relative, relative_low=relative_low if known else None, relative_high=relative_high if known else None,
        p_value=p_value,
    )  # fmt: skip


def _told(value: float) -> float | None:
    return value if math.isfinite(value) else None
