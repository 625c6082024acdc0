"""What customers are worth within a horizon: how often they will buy, times what they spend, discounted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.predictions.value.bgnbd import BgNbd, fit_bgnbd
from marketflow.predictions.value.gamma_gamma import GammaGamma, fit_gamma_gamma
from marketflow.predictions.value.history import MEMORIES, History
from marketflow.predictions.value.likelihoods import group_rows
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.predictions.value.history import Rhythm

    Floats = NDArray[np.float64]

# Of fewer than so many who bought on two days or more, no spread of rhythms can be told.
_FEWEST = 10
# To learn weights from what came true: as many customers and purchases, and twice the longest memory of days before.
_FEWEST_TO_WEIGH, _DAYS_TO_WEIGH = 100, 182
# Where everybody bought less than half of what was expected, or over twice, it says nothing about the next horizon.
_FEWEST_TIMES, _MOST_TIMES = 0.5, 2.0
_PERIODS = 13
ALL = tuple(MEMORIES)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a history makes us expect of the horizon, (customers,) each, by memory: (customers, memories).

    discounted: the share of the money that is left when it is counted at today's worth.
    """

    orders: Floats
    alive: Floats
    discounted: Floats
    models: dict[str, BgNbd]


def expect_orders(
    history: History, horizon_days: int, discount_rate: float = 0.0, *, memories: tuple[str, ...] = ALL
) -> Expected:
    """Fit BG/NBD to each memory and ask it for the horizon; one with few repeats, or not asked for, expects nothing.

    Raises NotEnoughData where the whole history has too few.
    """
    import numpy as np

    orders = np.zeros((len(history.frame), len(MEMORIES)))
    models: dict[str, BgNbd] = {}
    alive = discounted = np.empty(0)
    for place, memory in enumerate(MEMORIES):
        rhythm = history.rhythm(memory)
        repeaters = int((rhythm.frequency > 0).sum())
        if repeaters < _FEWEST and memory == "all":
            raise NotEnoughData(
                f"customer values need at least {_FEWEST} customers who bought on two days or more until "
                f"{history.cut}; there are {repeaters}"
            )
        if repeaters < _FEWEST or memory not in memories:
            continue
        model = models[memory] = fit_bgnbd(rhythm.frequency, rhythm.recency, rhythm.age)
        chance = model.probability_alive(rhythm.frequency, rhythm.recency, rhythm.age)
        bought, left = _horizon(model, rhythm, horizon_days, discount_rate, _PERIODS if memory == "all" else 1)
        orders[rhythm.places, place] = bought * chance
        if memory == "all":
            alive, discounted = chance, left
    return Expected(orders=orders, alive=alive, discounted=discounted, models=models)


def _horizon(
    model: BgNbd, rhythm: Rhythm, horizon_days: int, discount_rate: float, periods: int
) -> tuple[Floats, Floats]:
    """(purchases of those alive, share left after discounting); what is bought in a period is paid in its middle."""
    import numpy as np

    periods = min(periods, horizon_days)
    ends = np.linspace(0, horizon_days, periods + 1)
    middles = (ends[1:] + ends[:-1]) / 2
    rows = group_rows(rhythm.frequency, rhythm.age)
    by_end = model.purchases_if_alive(ends[1:] / 7, *rows.columns)
    shares = np.diff(by_end, axis=1, prepend=0) / np.maximum(by_end[:, -1:], 1e-300)
    left = (shares * (1 + discount_rate) ** (-middles / 365.25)).sum(axis=1)
    return by_end[rows.row_of, -1], left[rows.row_of]


def can_weigh(history: History) -> bool:
    """Whether the memories of this history differ enough, and of enough customers, to tell which one came true."""
    return len(history.frame) >= _FEWEST_TO_WEIGH and history.length_days >= _DAYS_TO_WEIGH


def weigh_memories(expected: Expected, bought: Floats) -> Floats | None:
    """How much of each memory's expectation came true, (memories,): least squares, none below zero.

    None, for the whole history as it is, where too little was bought to tell.
    """
    import numpy as np
    from scipy.optimize import nnls

    if bought.sum() < _FEWEST_TO_WEIGH:
        return None
    weights = np.asarray(nnls(expected.orders, bought)[0])
    total = float(weights.sum())
    if not total > 0:
        return None
    return np.asarray(weights * np.clip(total, _FEWEST_TIMES, _MOST_TIMES) / total)


def present(weights: Floats | None, expected: Expected) -> Floats | None:
    """The weights, that of a memory with too few purchases shared out among the others; None if all weight was its."""
    import numpy as np

    if weights is None:
        return None
    held = np.array(
        [weight if name in expected.models else 0.0 for name, weight in zip(MEMORIES, weights, strict=True)]
    )
    total = float(held.sum())
    return np.asarray(held * (float(np.sum(weights)) / total)) if total > 0 else None


def weighed(expected: Expected, weights: Floats | None) -> Floats:
    """Purchase days expected in the horizon, (customers,)."""
    import numpy as np

    if weights is None:
        return np.asarray(expected.orders[:, 0])
    return np.asarray(np.einsum("ij,j->i", expected.orders, weights))


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What customers spend on a purchase day, (customers,), and what is known of how it was learnt."""

    value: Floats
    model: GammaGamma
    facts: dict[str, Any]


def expect_spending(history: History) -> Spending:
    """Fit Gamma-Gamma to the money of purchase days after the first.

    Who has none, or a sum that is not above zero, gets the mean of the others' expectations. (The model's own mean of a
    stranger, p gamma / (q - 1), has no bound where q is near one.) Raises NotEnoughData where there are no others.
    """
    import numpy as np

    days, mean = history.mean_value()
    model = fit_gamma_gamma(days, mean)
    known = (days > 0) & (mean > 0)
    value = model.expected_order_value(days, mean)
    average = float(value[known].mean())
    facts = {
        "p": model.p,
        "q": model.q,
        "gamma": model.gamma,
        "log_likelihood": model.log_likelihood,
        "customers": int(known.sum()),
        "not_above_zero": int(((days > 0) & ~known).sum()),
        "mean_value": average,
        # the model takes the two to be independent
        "correlation_with_frequency": _correlation(days[known], mean[known]),
    }
    return Spending(value=np.where(known, value, average), model=model, facts=facts)


def _correlation(one: Floats, other: Floats) -> float | None:
    import numpy as np

    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def model_facts(models: dict[str, BgNbd]) -> dict[str, dict[str, float]]:
    """The parameters found, by memory; alpha in weeks."""
    return {name: dict(vars(model)) for name, model in models.items()}
