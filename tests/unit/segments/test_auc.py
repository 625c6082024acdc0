"""The area under the ROC curve from counts is that of scikit-learn from the single customers."""

from __future__ import annotations

import random

import pytest

from marketflow.segments.rfm import _auc


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    rng = random.Random(seed)
    groups = [(rng.randrange(-9, 9), rng.randrange(5, 20), rng.randrange(0, 5)) for _ in range(30)]
    scores = [score for score, customers, _ in groups for _ in range(customers)]
    bought = [n < buyers for _, customers, buyers in groups for n in range(customers)]
    assert _auc(groups) == round(float(roc_auc_score(bought, scores)), 4)


@pytest.mark.parametrize("groups", [[], [(1, 5, 0)], [(1, 5, 5), (2, 1, 1)]])
def test_none_where_everybody_or_nobody_bought(groups: list[tuple[int, int, int]]) -> None:
    assert _auc(groups) is None
