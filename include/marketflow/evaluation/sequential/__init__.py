"""Sequential: statistics of an experiment that is looked at every day, as pure functions over counts.

Reads:  nothing; counts and a design come as arguments.
Writes: nothing.
Never:  decides anything (evaluation.experiments does), opens the database, looks at opens.
"""

from marketflow.evaluation.sequential.design import Design, Pair, fixed_people, sequential_people, smallest_effect
from marketflow.evaluation.sequential.rates import Comparison, compare_rates
from marketflow.evaluation.sequential.ratio import ratio_p_value

__all__ = [
    "Comparison",
    "Design",
    "Pair",
    "compare_rates",
    "fixed_people",
    "ratio_p_value",
    "sequential_people",
    "smallest_effect",
]
