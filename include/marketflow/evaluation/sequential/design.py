"""What an experiment needs before it starts: how many people, or with so many people which effect.

Two proportions looked at once: Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions", 3rd ed. (2003),
eq. 4.14 with unequal groups, without continuity correction. Looked at all the time: the same with the bound of
mixture.py in the place of the normal quantile. That is the chance to be beyond the bound at the end; who looked before
may have been there sooner, so the power is at least the stated one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from marketflow.evaluation.sequential.mixture import tightest

_FEWEST = 5  # people in an arm: with fewer the normal approximation says nothing


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An arm and the control; shares may have any sum, `alpha` is what this pair may use of the experiment's."""

    rate: float  # of the control, expected, 0 to 1
    effect: float  # absolute difference to be found, not 0
    share: float
    control_share: float
    alpha: float
    power: float

    @property
    def spread(self) -> float:
        """Variance of the difference of rates times the people of both arms, if the effect is there."""
        weight, other = self.weights
        rate = self.rate + self.effect
        return rate * (1 - rate) / weight + self.rate * (1 - self.rate) / other

    @property
    def mixing(self) -> float:
        """The r of mixture.py, fixed before the first look: the bound is narrowest at the size that is needed."""
        return sequential_people(self) * self.spread / tightest(self.alpha)

    @property
    def weights(self) -> tuple[float, float]:
        """Shares of the arm and the control among the people of both."""
        return self.share / (self.share + self.control_share), self.control_share / (self.share + self.control_share)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What an experiment says before it starts. Shares are percents of an audience, the first is the control's."""

    shares: dict[str, float]
    rate: float
    effect: float
    alpha: float
    power: float
    held_out: str = "holdout"

    @property
    def control(self) -> str:
        """With whom the others are compared."""
        return next(iter(self.shares))

    @property
    def compared(self) -> dict[str, Pair]:
        """Each other arm with the control; alpha is split evenly (Bonferroni), so that all pairs together keep it."""
        others = [name for name in self.shares if name not in (self.control, self.held_out)]
        return {name: self._pair(name, self.control, self.alpha / len(others)) for name in others}

    @property
    def uplifts(self) -> dict[str, Pair]:
        """Each arm with those who are held out, each a question of its own; empty where nobody is."""
        if self.held_out not in self.shares:
            return {}
        return {name: self._pair(name, self.held_out, self.alpha) for name in self.shares if name != self.held_out}

    def _pair(self, name: str, control: str, alpha: float) -> Pair:
        return Pair(
            rate=self.rate, effect=self.effect, share=self.shares[name], control_share=self.shares[control],
            alpha=alpha, power=self.power,
        )  # fmt: skip

    def audience(self, *, looked_at_daily: bool) -> int:
        """People in all arms and the holdout together until each pair has what it needs."""
        needs = sequential_people if looked_at_daily else fixed_people
        return math.ceil(max(100 * needs(p) / (p.share + p.control_share) for p in self.compared.values()))

    def smallest_effect(self, audience: int, *, looked_at_daily: bool) -> float | None:
        """The smallest absolute effect that an audience of so many finds with the stated power in each pair."""
        found = [
            smallest_effect(p, audience * (p.share + p.control_share) / 100, looked_at_daily=looked_at_daily)
            for p in self.compared.values()
        ]
        return None if None in found else max(f for f in found if f is not None)


def fixed_people(pair: Pair) -> float:
    """People in both arms for one look at the end, not rounded."""
    weight, other = pair.weights
    pooled = weight * (pair.rate + pair.effect) + other * pair.rate
    even = pooled * (1 - pooled) * (1 / weight + 1 / other)
    quantiles = _quantile(1 - pair.alpha / 2) * math.sqrt(even) + _quantile(pair.power) * math.sqrt(pair.spread)
    return float((quantiles / pair.effect) ** 2)


def sequential_people(pair: Pair) -> float:
    """People in both arms for as many looks as one likes, not rounded."""
    times = tightest(pair.alpha)
    rate = pair.rate + pair.effect / 2
    logarithm = math.log(times / (1 - rate) ** 2 + 1) - 2 * math.log(pair.alpha)
    quantiles = math.sqrt((1 + 1 / times) * logarithm) + _quantile(pair.power)
    return float(quantiles**2 * pair.spread / pair.effect**2)


def smallest_effect(pair: Pair, people: float, *, looked_at_daily: bool) -> float | None:
    """The smallest absolute effect upwards that `people` in both arms find; None: not even the largest."""
    needs = sequential_people if looked_at_daily else fixed_people
    low, high = 0.0, 0.999 * (1 - pair.rate)
    if people * min(pair.weights) < _FEWEST or needs(replace(pair, effect=high)) > people:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if needs(replace(pair, effect=middle)) <= people else (middle, high)
    return high


def _quantile(probability: float) -> float:
    return NormalDist().inv_cdf(probability)
