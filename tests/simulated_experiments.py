"""Simulated experiments that are looked at every day, all at once: arrays of simulations by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Cumulated successes and people by arm, each of the shape (simulations, days)."""

    successes: list[Counts]
    people: list[Counts]


def simulate(
    rng: np.random.Generator,
    *,
    rates: list[float],
    shares: list[float],
    per_day: int,
    days: int = 30,
    simulations: int = 2_000,
    delay: float = 3.0,
    at_once: bool = False,
) -> Simulated:
    """People come each day (or all on the first, `at_once`) into arms by chance, and convert after `delay` days on average.

    `rates` are those after a very long time; `delay` 0: on the day on which they come.
    """
    arrivals = 1 if at_once else days
    counts = rng.multinomial(per_day * days // arrivals, np.array(shares) / sum(shares), size=(simulations, arrivals))
    known = 1 - np.exp(-np.arange(1, days + 1) / delay) if delay else np.ones(days)
    made = [_arm(rng, counts[:, :, i], rate * known) for i, rate in enumerate(rates)]
    return Simulated(successes=[s for s, _ in made], people=[p for _, p in made])


def _arm(rng: np.random.Generator, arrivals: NDArray[np.int64], known: Counts) -> tuple[Counts, Counts]:
    """`known`: chance to have converted by so many days after coming."""
    simulations, days = len(arrivals), len(known)
    people, successes = np.zeros((simulations, days)), np.zeros((simulations, days))
    for day in range(arrivals.shape[1]):
        left = arrivals[:, day].copy()
        people[:, day:] += left[:, None]
        before = 0.0
        for later, by_now in enumerate(known[: days - day]):
            new = rng.binomial(left, (by_now - before) / (1 - before))
            successes[:, day + later :] += new[:, None]
            left, before = left - new, by_now
    return successes, people
