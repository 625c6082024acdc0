"""The map of the clusters: customers in the plane in which they differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

POINTS = 2_000


def plane(matrix: NDArray[np.float64], worth: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[float]]:
    """(rows x 2, the shares of the variance that both axes show): the first two principal components (Pearson 1901).

    Axes point to where `worth`, a number per row, is greater; an axis along which nobody differs is 0.
    """
    import numpy as np

    middle = matrix - matrix.mean(axis=0)
    left, strength, _ = np.linalg.svd(middle, full_matrices=False)
    found = np.zeros((len(matrix), 2))
    axes = min(2, left.shape[1])
    found[:, :axes] = left[:, :axes] * strength[:axes]
    towards = found.T @ (worth - worth.mean())
    found *= np.where(towards < 0, -1.0, 1.0)
    total = float((strength**2).sum())
    shown = [float(s**2) / total if total > 0 else 0.0 for s in strength[:2]]
    return found, [*shown, 0.0, 0.0][:2]
