"""Uplift: how much more a treated arm brought than the one that was left out, with intervals. Pure functions."""

from marketflow.evaluation.uplift.estimate import Estimate
from marketflow.evaluation.uplift.means import Arm, difference_of_means, ratio_of_means, welch
from marketflow.evaluation.uplift.rates import difference_of_rates, newcombe, ratio_of_rates, wilson

__all__ = [
    "Arm",
    "Estimate",
    "difference_of_means",
    "difference_of_rates",
    "newcombe",
    "ratio_of_means",
    "ratio_of_rates",
    "welch",
    "wilson",
]
