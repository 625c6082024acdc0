"""A judgement in the words of people who do not compute intervals."""

from __future__ import annotations

from collections.abc import Iterator

from marketflow.evaluation.experiment_file.judge import Comparison, Judgement, Outcome
from marketflow.pictures import number


def told(found: Judgement) -> Iterator[str]:
    """The lines of a report."""
    people = sum(found.arms.values())
    arms = ", ".join(f"{name} {number(count)}" for name, count in found.arms.items())
    yield f"{number(people)} people: {arms}. Held against {found.control}."
    yield from _ratio(found)
    sure = f"{100 * (1 - found.alpha):g} %"
    for outcome in found.outcomes:
        yield ""
        yield from _outcome(outcome, found.control, sure, found.alpha)
    tests = sum(len(outcome.comparisons) for outcome in found.outcomes)
    if tests > 1:
        yield ""
        chance = 1 - (1 - found.alpha) ** tests
        yield (
            f"{tests} comparisons were made: were there no difference in any, one would still look proven in up to "
            f"{100 * chance:.0f} of 100 experiments. Decide before which one counts."
        )


def _ratio(found: Judgement) -> Iterator[str]:
    ratio = found.sample_ratio
    if ratio is None:
        return
    expected = ", ".join(f"{name} {number(count)}" for name, count in ratio.expected.items())
    if ratio.is_wrong:
        yield (
            f"WRONG SIZES: by the shares {expected} were expected; chance does that once in "
            f"{number(1 / max(ratio.p_value, 1e-300)) if ratio.p_value > 1e-6 else 'more than a million'} experiments. "
            "People were lost, doubled or moved: find out why, and do not trust what follows."
        )
    else:
        yield f"The arms are as large as the shares say ({expected}; p = {ratio.p_value:.2f})."


def _outcome(outcome: Outcome, control: str, sure: str, alpha: float) -> Iterator[str]:
    what = "share of people" if outcome.kind == "rate" else "mean per person"
    yield f"{outcome.name} ({what})"
    yield f"  {control:<24} {_value(outcome, outcome.control_value)}"
    if not outcome.has_enough:
        yield "  Few people have anything but nothing here: the intervals may be too narrow"
    for compared in outcome.comparisons:
        yield f"  {compared.variant:<24} {_value(outcome, compared.value)}"
        yield f"    difference  {_span(outcome, compared, sure)}"
        yield f"    relative    {_relative(compared)}"
        yield f"    {_verdict(compared, alpha)} ({_p(compared.p_value)})"


def _value(outcome: Outcome, value: float) -> str:
    return f"{100 * value:.2f} %" if outcome.kind == "rate" else f"{value:,.4g}" if abs(value) < 1 else f"{value:,.3f}"


def _span(outcome: Outcome, compared: Comparison, sure: str) -> str:
    if compared.high == float("inf"):
        return f"{_signed(compared.difference)}; no interval, since one person has no spread"
    scale, unit = (100, " points") if outcome.kind == "rate" else (1, "")
    value, low, high = (_signed(scale * v) for v in (compared.difference, compared.low, compared.high))
    return f"{value}{unit}, {sure} interval {low} to {high}"


def _signed(value: float) -> str:
    digits = 3 if abs(value) < 1 else 2
    text = f"{value:+,.{digits}f}"
    return text[1:] if not text.strip("+-0.,") else text


def _relative(compared: Comparison) -> str:
    if compared.relative is None:
        return "cannot be told: the control has nothing, or less"
    low = "-100" if compared.relative_low is None else f"{100 * compared.relative_low:+.1f}"
    high = "no upper end" if compared.relative_high is None else f"{100 * compared.relative_high:+.1f} %"
    return f"{100 * compared.relative:+.1f} %, from {low} % to {high}"


def _verdict(compared: Comparison, alpha: float) -> str:
    if compared.p_value >= alpha:
        return "Not proven: it may be better, worse or the same"
    return "More than the control, and hardly by chance" if compared.difference > 0 else (
        "Less than the control, and hardly by chance"
    )  # fmt: skip


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= 0.001 else "p less than 0.001"
