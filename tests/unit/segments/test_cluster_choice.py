"""How many clusters: the rule by hand, and that it sees groups that are there."""

from __future__ import annotations

import numpy as np
import pytest

from marketflow.segments.clusters.choice import Method, Tried, choose_k, chosen, shuffled, silhouette

HOW = Method(method="kmeans", distance="euclidean", seed=5)


def tried(k: int, silhouette: float | None, stability: float | None = 0.9, smallest: float = 0.1) -> Tried:
    return Tried(
        k=k, silhouette=silhouette, calinski_harabasz=1.0, stability=stability, smallest=smallest, sample_size=100
    )


@pytest.mark.parametrize(
    ("found", "before", "k"),
    [
        ([tried(3, 0.5), tried(4, 0.48), tried(5, 0.4)], None, 4),  # 0.48 is nearly 0.5, 0.4 is not
        ([tried(3, 0.5), tried(4, 0.48), tried(5, 0.4)], 3, 3),  # as before, for it is as good
        ([tried(3, 0.5), tried(4, 0.48), tried(5, 0.4)], 5, 4),  # not as before, for it is worse
        ([tried(3, 0.5), tried(4, 0.49, stability=0.7)], None, 3),
        ([tried(3, 0.5), tried(4, 0.49, smallest=0.01)], None, 3),
        ([tried(3, 0.9, stability=0.5), tried(4, 0.1, stability=0.6)], None, 4),  # nothing is stable: the most stable
        ([tried(3, 0.9, stability=0.6), tried(4, 0.9, stability=0.6)], None, 3),
        ([tried(2, None, stability=None)], None, 2),
        ([tried(3, -0.2), tried(4, -0.1), tried(5, -0.3)], None, 4),
    ],
)
def test_the_rule(found: list[Tried], before: int | None, k: int) -> None:
    assert chosen(tuple(found), before)[0] == k


@pytest.mark.parametrize("method", ["kmeans", "minibatch", "hierarchical"])
@pytest.mark.parametrize("distance", ["euclidean", "manhattan"])
def test_groups_that_are_there_are_counted(method: str, distance: str) -> None:
    rng = np.random.default_rng(3)
    corners = np.array([[0, 0], [9, 0], [0, 9], [9, 9]])
    matrix = corners[rng.integers(4, size=400)] + rng.normal(size=(400, 2))
    choice = choose_k(matrix, range(2, 7), Method(method=method, distance=distance, seed=5))
    assert choice.k == 4
    best = choice.tried[2]
    assert best.stability == 1
    assert best.silhouette == max(t.silhouette or -1 for t in choice.tried)
    assert best.calinski_harabasz == max(t.calinski_harabasz or -1 for t in choice.tried)
    assert [t.sample_size for t in choice.tried] == [400] * 5


def test_the_same_seed_gives_the_same_choice() -> None:
    matrix = np.random.default_rng(3).normal(size=(200, 3))
    assert choose_k(matrix, range(2, 5), HOW) == choose_k(matrix, range(2, 5), HOW)


def test_columns_that_have_nothing_to_do_with_each_other_have_less_structure() -> None:
    rng = np.random.default_rng(3)
    group = rng.integers(3, size=300)
    matrix = group[:, None] * 8 + rng.normal(size=(300, 3))
    noise = shuffled(matrix, 1)
    assert (np.sort(noise, axis=0) == np.sort(matrix, axis=0)).all()
    assert silhouette(matrix, group, HOW) > silhouette(noise, group, HOW)
    assert silhouette(matrix, np.zeros(300, dtype=int), HOW) is None


def test_two_customers_are_tried_without_a_crash() -> None:
    choice = choose_k(np.array([[0.0], [1.0], [5.0], [6.0]]), range(2, 3), HOW)
    assert choice.k == 2
    assert choose_k(np.array([[0.0], [1.0]]), range(2, 3), HOW).tried[0].stability is None
