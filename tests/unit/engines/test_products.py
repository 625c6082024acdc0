"""Neighbours, factors and best columns, against plain dense arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.engines import engine


def counts(rows: int, columns: int, seed: int) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    return sp.csr_array(
        np.where(rng.random((rows, columns)) < 0.3, rng.integers(1, 9, (rows, columns)), 0).astype(float)
    )


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def unit(m: np.ndarray) -> np.ndarray:
        return m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-12)

    return unit(a) @ unit(b).T


@given(st.integers(2, 30), st.integers(1, 12), st.integers(1, 8), st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_neighbours_are_the_largest_cosines(rows: int, columns: int, k: int, seed: int) -> None:
    matrix = counts(rows, columns, seed)
    found = engine().neighbours(matrix, k)
    plain = cosines(matrix.toarray(), matrix.toarray())
    np.fill_diagonal(plain, 0)
    expected = -np.sort(-plain, axis=1)[:, :k]
    for row in range(rows):
        mine = -np.sort(-found[[row]].toarray().ravel())[:k]
        np.testing.assert_allclose(mine[: len(expected[row])], expected[row][: len(mine)], atol=1e-6)
    assert not found.diagonal().any()


def test_neighbours_among_others() -> None:
    matrix, others = counts(7, 10, 1), counts(20, 10, 2)
    found = engine().neighbours(matrix, 20, among=others)
    np.testing.assert_allclose(found.toarray(), cosines(matrix.toarray(), others.toarray()), atol=1e-6)


@pytest.mark.parametrize("rows", [3, 20_000])
def test_the_best_of_a_product_without_what_is_excluded(rows: int) -> None:
    left, right, taken = counts(rows, 6, 3), counts(6, 9, 4), counts(rows, 9, 5)
    best = engine().top_n(left, right, 4, exclude=taken)
    plain = np.where(taken.toarray() > 0, 0, (left @ right).toarray())
    np.testing.assert_allclose(best.scores, -np.sort(-plain, axis=1)[:, :4], rtol=1e-6)
    there = best.columns >= 0
    row = np.nonzero(there)[0]
    np.testing.assert_allclose(best.scores[there], plain[row, best.columns[there]], rtol=1e-6)
    assert (best.scores[~there] == 0).all()


def test_the_best_as_a_matrix() -> None:
    left, right = counts(5, 6, 3), counts(6, 9, 4)
    np.testing.assert_allclose(engine().top_n(left, right, 9).matrix(9).toarray(), (left @ right).toarray(), rtol=1e-6)


def test_factors_of_low_rank_data_give_the_data_back() -> None:
    rng = np.random.default_rng(1)
    plain = rng.random((40, 3)) @ rng.random((3, 15))
    factors = engine().factorise(sp.csr_array(plain), 3, seed=1)
    np.testing.assert_allclose(plain @ factors @ factors.T, plain, rtol=1e-4)
    np.testing.assert_array_equal(factors, engine().factorise(sp.csr_array(plain), 3, seed=1))


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (3, 4)])
def test_next_to_nothing(shape: tuple[int, int]) -> None:
    empty = sp.csr_array(shape, dtype=float)
    assert engine().neighbours(empty, 3).nnz == 0
    assert engine().factorise(empty, 3, seed=1).shape[0] == shape[1]
    assert (engine().top_n(empty, sp.csr_array((shape[1], 2)), 2).columns == -1).all()
