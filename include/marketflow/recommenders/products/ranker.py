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
_MOST = 200_000  # entries learnt from; 400,000 were no better on earlier weeks
_LEAST = 20  # purchases of candidates
_AT_A_TIME = 65_536  # entries


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """Boosted trees over the signs of candidates, and the share of the not bought that they have learnt from."""

    trees: Any
    kept: float

    def score(self, candidates: Candidates) -> NDArray[np.float64]:
        """The chance that each candidate is bought within four weeks."""
        import numpy as np

        chance = np.zeros(len(candidates))
        for start in range(0, len(candidates), _AT_A_TIME):  # the trees take doubles: a copy twice as large
            rows = slice(start, start + _AT_A_TIME)
            chance[rows] = self.trees.predict_proba(candidates.matrix(rows))[:, 1]
        # of those not bought only a share was learnt from, which makes buying look more common than it is
        return np.asarray(chance * self.kept / (1 - chance + chance * self.kept))


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Some of the candidates of a day: their signs (entries x signs), and whether they were bought in the next weeks.

    `not_bought`: how many there were of those that were not, here or left out.
    """

    matrix: NDArray[np.float32]
    bought: NDArray[np.bool_]
    not_bought: int


def lesson(candidates: Candidates, bought: NDArray[np.bool_], *, seed: int) -> Lesson:
    """All that were bought, and twelve times as many by chance of those that were not."""
    import numpy as np

    rng = np.random.default_rng(seed)
    yes, no = np.flatnonzero(bought), np.flatnonzero(~bought)
    some = rng.permutation(no)[: _REFUSED_EACH * len(yes)]
    rows = np.sort(np.concatenate([yes, some]))
    return Lesson(matrix=candidates.matrix(rows), bought=bought[rows], not_bought=len(no))


def learn(lessons: Sequence[Lesson], *, seed: int) -> Ranker:
    """From candidates of earlier days and whether each was bought afterwards.

    Boosted trees (Friedman 2001; by histograms: Ke et al. 2017) with log loss. Raises NotEnoughData where hardly any
    candidate was bought, or all were.
    """
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    bought = np.concatenate([each.bought for each in lessons]) if lessons else np.zeros(0, dtype=bool)
    if bought.sum() < _LEAST or bought.all():
        few = f"{int(bought.sum())} of {len(bought)} candidates of earlier weeks were bought"
        raise NotEnoughData(f"{few}; {_LEAST} are needed, and not all")
    matrix = np.concatenate([each.matrix for each in lessons])
    kept = float((~bought).sum() / sum(each.not_bought for each in lessons))
    if len(bought) > _MOST:  # both kinds alike, so that their proportion stays
        rows = np.sort(np.random.default_rng(seed).permutation(len(bought))[:_MOST])
        matrix, bought = matrix[rows], bought[rows]
    trees = HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=150, max_leaf_nodes=31, min_samples_leaf=100, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    trees.fit(matrix, bought)
    return Ranker(trees=trees, kept=kept)
