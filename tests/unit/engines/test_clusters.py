"""Clusters by the engine: groups that anybody sees are found by each method, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from marketflow.engines import engine
from marketflow.engines.local_clusters import HIERARCHICAL_SAMPLE

WAYS = [(m, d) for m in ("kmeans", "minibatch", "hierarchical") for d in ("euclidean", "manhattan")]


def agreement(one: np.ndarray, two: np.ndarray) -> float:
    """1 where two groupings are the same but for the numbers."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, two))


def blobs(sizes: tuple[int, ...] = (40, 25, 60), columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows around centres that are far apart, and which one each is around."""
    rng = np.random.default_rng(7)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return truth[:, None] * 10.0 + rng.normal(size=(len(truth), columns)), truth


@pytest.mark.parametrize(("method", "distance"), WAYS)
def test_groups_that_are_far_apart_are_found(method: str, distance: str) -> None:
    matrix, truth = blobs()
    found = engine().cluster(matrix, 3, method=method, distance=distance, seed=1)
    assert agreement(truth, found.labels) == 1
    assert found.centres.shape == (3, 3)
    assert found.learnt_from == len(matrix)


@pytest.mark.parametrize(("method", "distance"), WAYS)
def test_the_same_seed_gives_the_same_clusters(method: str, distance: str) -> None:
    matrix = np.random.default_rng(2).normal(size=(300, 4))
    one, two = (engine().cluster(matrix, 5, method=method, distance=distance, seed=9) for _ in range(2))
    assert (one.labels == two.labels).all()
    assert (one.centres == two.centres).all()


@pytest.mark.parametrize("distance", ["euclidean", "manhattan"])
def test_everybody_is_with_the_nearest_centre(distance: str) -> None:
    matrix = np.random.default_rng(3).normal(size=(70_000, 2))  # more than a block
    found = engine().cluster(matrix[:500], 4, method="kmeans", distance=distance, seed=1)
    labels, distances = found.nearest(matrix)
    apart = cdist(matrix, found.centres, "cityblock" if distance == "manhattan" else "euclidean")
    assert (labels == apart.argmin(axis=1)).all()
    assert np.allclose(distances, apart.min(axis=1))


def test_k_medians_does_not_follow_one_who_is_far_off_and_k_means_does() -> None:
    matrix, truth = blobs((51, 51))
    matrix[0] = -300
    means = engine().cluster(matrix, 2, method="kmeans", distance="euclidean", seed=1)
    assert np.bincount(means.labels).min() == 1
    found = engine().cluster(matrix, 2, method="kmeans", distance="manhattan", seed=1)
    medians = [np.median(matrix[found.labels == label], axis=0) for label in (0, 1)]
    assert np.allclose(np.array(medians), found.centres)
    assert agreement(truth[1:], found.labels[1:]) == 1


@given(st.integers(2, 5), st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_k_medians_is_a_rest_from_which_no_median_improves(k: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(60, 3))
    found = engine().cluster(matrix, k, method="kmeans", distance="manhattan", seed=seed, restarts=2)
    total = found.nearest(matrix)[1].sum()
    medians = np.array([np.median(matrix[found.labels == label], axis=0) for label in range(len(found.centres))])
    assert cdist(matrix, medians, "cityblock")[np.arange(60), found.labels].sum() <= total + 1e-9
    assert np.allclose(medians, found.centres)


@pytest.mark.parametrize(("method", "distance"), WAYS)
def test_rows_of_two_kinds_are_two_clusters_at_most(method: str, distance: str) -> None:
    matrix = np.repeat([[0.0, 1.0], [5.0, 1.0]], 10, axis=0)
    found = engine().cluster(matrix, 4, method=method, distance=distance, seed=1)
    assert len(found.centres) == 2
    assert sorted(set(found.labels.tolist())) == [0, 1]
    assert np.isfinite(found.centres).all()


def test_all_rows_the_same_are_one_cluster() -> None:
    for method, distance in WAYS:
        found = engine().cluster(np.ones((8, 2)), 3, method=method, distance=distance, seed=1)
        assert (len(found.centres), set(found.labels.tolist())) == (1, {0})


def test_fewer_rows_than_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="5 clusters cannot be made of 4 rows"):
        engine().cluster(np.eye(4), 5, seed=1)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan"])
def test_hierarchical_learns_from_a_sample_and_gives_everybody_a_cluster(distance: str) -> None:
    matrix, truth = blobs((1_500, 1_000, 1_200), columns=2)
    found = engine().cluster(matrix, 3, method="hierarchical", distance=distance, seed=1)
    assert found.learnt_from == HIERARCHICAL_SAMPLE < len(matrix)
    assert agreement(truth, found.labels) == 1
