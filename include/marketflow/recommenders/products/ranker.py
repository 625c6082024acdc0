"""Learns from what customers bought in four weeks how likely they are to buy each candidate in the next four."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.products.candidates import Candidates

_REFUSED_EACH = 12  # candidates that were not bought, learnt from for each that was
_MOST = 400_000  # entries learnt from
_LEAST = 20  # purchases of candidates


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """Boosted trees over the signs of candidates, and the share of the not bought that they have learnt from."""

    trees: Any
    kept: float

    def score(self, candidates: Candidates) -> NDArray[np.float64]:
        """The chance that each candidate is bought within four weeks."""
        import numpy as np

        if not len(candidates):
            return np.zeros(0)
        chance = self.trees.predict_proba(candidates.matrix())[:, 1]
        # of those not bought only a share was learnt from, which makes buying look more common than it is
        return np.asarray(chance * self.kept / (1 - chance + chance * self.kept))


def learn(past: Sequence[tuple[Candidates, NDArray[np.bool_]]], *, seed: int) -> Ranker:
    """From candidates of earlier days and whether each was bought afterwards.

    Boosted trees (Friedman 2001; by histograms: Ke et al. 2017) with log loss. Raises NotEnoughData where hardly any
    candidate was bought, or all were.
    """
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    bought = np.concatenate([wanted for _, wanted in past]) if past else np.zeros(0, dtype=bool)
    if bought.sum() < _LEAST or bought.all():
        raise NotEnoughData(
            f"{int(bought.sum())} of {len(bought)} candidates of earlier weeks were bought; {_LEAST} are needed"
        )
    matrix = np.concatenate([candidates.matrix() for candidates, _ in past])
    rng = np.random.default_rng(seed)
    yes, no = np.flatnonzero(bought), np.flatnonzero(~bought)
    yes = rng.permutation(yes)[: _MOST // (1 + _REFUSED_EACH)]
    kept = min(1.0, _REFUSED_EACH * len(yes) / len(no))
    rows = np.sort(np.concatenate([yes, rng.permutation(no)[: round(kept * len(no))]]))
    trees = HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=150, max_leaf_nodes=31, min_samples_leaf=100, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    trees.fit(matrix[rows], bought[rows])
    return Ranker(trees=trees, kept=kept * _share(yes, bought))


def _share(yes: NDArray[np.int64], bought: NDArray[np.bool_]) -> float:
    """Where of the bought ones, too, only some were learnt from, the two shares take each other away."""
    return float(bought.sum() / len(yes))
