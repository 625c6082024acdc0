"""Sparse products on one machine: neighbours, factors, the best of a product; sparse_dot_topn and scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.engines.door import Best

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

_THREADS = 2
_ROWS = 8_192  # of the left matrix at a time: bounds the memory of what is kept of each product
_NEVER = -1e9  # below any sum of scores


def neighbours(matrix: sp.csr_array, k: int, *, among: sp.csr_array | None) -> sp.csr_array:
    """See `Engine.neighbours`."""
    import numpy as np
    import scipy.sparse as sp

    left = _unit_rows(matrix)
    right = left if among is None else _unit_rows(among)
    # nobody is her own neighbour: her own place is pushed out of reach, not looked for afterwards
    own = sp.eye_array(left.shape[0], format="csr", dtype=np.float32) if among is None else None
    best = top_n(left, right.T.tocsr(), k, exclude=own)
    return best.matrix(right.shape[0])


def factorise(matrix: sp.csr_array, rank: int, *, seed: int) -> NDArray[np.float32]:
    """See `Engine.factorise`."""
    import numpy as np
    import scipy.sparse as sp
    from sklearn.utils.extmath import randomized_svd

    rank = min(rank, *(side - 1 for side in matrix.shape))
    if rank < 1:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32)
    unit = sp.csr_matrix(_unit_rows(matrix))
    _, _, right = randomized_svd(unit, rank, n_iter=4, random_state=seed)
    return np.ascontiguousarray(right.T, dtype=np.float32)


def top_n(left: sp.csr_array, right: sp.csr_array, n: int, *, exclude: sp.csr_array | None) -> Best:
    """See `Engine.top_n`."""
    import numpy as np

    columns = np.full((left.shape[0], n), -1, dtype=np.int32)
    scores = np.zeros((left.shape[0], n), dtype=np.float32)
    if exclude is not None:
        right = _with_identity(right)
    for start in range(0, left.shape[0], _ROWS):
        rows = slice(start, min(start + _ROWS, left.shape[0]))
        block = left[rows] if exclude is None else _with_never(left[rows], exclude[rows])
        columns[rows], scores[rows] = _best(block, right, n)
    return Best(columns=columns, scores=scores)


def _best(left: sp.csr_array, right: sp.csr_array, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Columns and scores above 0, best first, -1 and 0 where there are no more."""
    import numpy as np
    import scipy.sparse as sp
    from sparse_dot_topn import sp_matmul_topn

    found = sp_matmul_topn(
        sp.csr_matrix(left, dtype=np.float32), sp.csr_matrix(right, dtype=np.float32), top_n=n, threshold=0.0,
        sort=True, n_threads=_THREADS,
    )  # fmt: skip
    columns = np.full((left.shape[0], n), -1, dtype=np.int32)
    scores = np.zeros((left.shape[0], n), dtype=np.float32)
    many = np.diff(found.indptr)
    row = np.repeat(np.arange(len(many)), many)
    place = np.arange(len(found.indices)) - np.repeat(found.indptr[:-1], many)
    columns[row, place], scores[row, place] = found.indices, found.data
    return columns, scores


def _with_never(left: sp.csr_array, exclude: sp.csr_array) -> sp.csr_array:
    import numpy as np
    import scipy.sparse as sp

    never = sp.csr_array(exclude, dtype=np.float32, copy=True)
    never.data[:] = _NEVER
    return sp.csr_array(sp.hstack([left, never], format="csr"))


def _with_identity(right: sp.csr_array) -> sp.csr_array:
    import numpy as np
    import scipy.sparse as sp

    same = sp.eye_array(right.shape[1], format="csr", dtype=np.float32)
    return sp.csr_array(sp.vstack([right, same], format="csr"))


def _unit_rows(matrix: sp.csr_array) -> sp.csr_array:
    """Each row divided by its length; empty rows stay empty."""
    import numpy as np
    import scipy.sparse as sp

    unit = sp.csr_array(matrix, dtype=np.float32, copy=True)
    length = np.sqrt(np.add.reduceat(np.append(unit.data**2, 0.0), unit.indptr[:-1]) * (np.diff(unit.indptr) > 0))
    unit.data /= np.repeat(np.maximum(length, 1e-12), np.diff(unit.indptr)).astype(np.float32)
    return unit
