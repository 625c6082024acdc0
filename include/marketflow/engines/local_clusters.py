"""Clusters on one machine: scikit-learn's k-means, scipy's hierarchical clustering, k-medians of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marketflow.engines.door import ClusterMethod, Clusters, Distance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Labels = NDArray[np.int64]

HIERARCHICAL_SAMPLE = 3_000  # rows whose distances are all held: 36 MB
_ROUNDS = 100
_BATCH = 4_096


def cluster(matrix: Matrix, k: int, *, method: ClusterMethod, distance: Distance, seed: int, restarts: int) -> Clusters:
    """See `Engine.cluster`."""
    if k < 1 or len(matrix) < k:
        raise ValueError(f"{k} clusters cannot be made of {len(matrix)} rows")
    if method == "hierarchical":
        sample = _sample(matrix, seed)
        return _clusters(matrix, _linked(sample, k, distance), distance, len(sample))
    if distance == "manhattan":
        return _clusters(matrix, _medians(matrix, k, seed, restarts), distance, len(matrix))
    return _clusters(matrix, _means(matrix, k, method, seed, restarts), distance, len(matrix))


def _clusters(matrix: Matrix, centres: Matrix, distance: Distance, learnt_from: int) -> Clusters:
    """Every row to its nearest centre; a centre that nobody is nearest to is dropped."""
    import numpy as np

    found = Clusters(centres=centres, labels=np.zeros(0, dtype=np.int64), distance=distance, learnt_from=learnt_from)
    labels, _ = found.nearest(matrix)
    used, labels = np.unique(labels, return_inverse=True)
    return Clusters(centres=centres[used], labels=labels, distance=distance, learnt_from=learnt_from)


def _sample(matrix: Matrix, seed: int) -> Matrix:
    import numpy as np

    if len(matrix) <= HIERARCHICAL_SAMPLE:
        return matrix
    return matrix[np.random.default_rng(seed).choice(len(matrix), HIERARCHICAL_SAMPLE, replace=False)]


def _means(matrix: Matrix, k: int, method: ClusterMethod, seed: int, restarts: int) -> Matrix:
    """k-means (Lloyd 1982) from k-means++ (Arthur and Vassilvitskii 2007), or by mini-batches (Sculley 2010)."""
    import warnings

    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    model = (
        MiniBatchKMeans(k, n_init=restarts, batch_size=_BATCH, random_state=seed)
        if method == "minibatch"
        else KMeans(k, n_init=restarts, random_state=seed)
    )
    with warnings.catch_warnings():  # fewer different rows than clusters: what is empty is dropped
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres: Matrix = model.fit(matrix).cluster_centers_
    return centres


def _linked(sample: Matrix, k: int, distance: Distance) -> Matrix:
    """Merged from the bottom: Ward's least variance (1963), or by Manhattan distance average linkage.

    Gives the means of the k clusters, or their medians.
    """
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage

    manhattan = distance == "manhattan"
    tree = linkage(sample, "average", metric="cityblock") if manhattan else linkage(sample, "ward")
    labels = fcluster(tree, k, criterion="maxclust")
    middle = np.median if manhattan else np.mean
    return np.array([middle(sample[labels == label], axis=0) for label in np.unique(labels)])


def _medians(matrix: Matrix, k: int, seed: int, restarts: int) -> Matrix:
    """k-medians: as k-means, but by Manhattan distance, to whose sum the medians of the columns are the nearest.

    Of `restarts` beginnings the one with the least sum of distances (Bradley, Mangasarian and Street 1997).
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    best, least = matrix[:k], np.inf
    for _ in range(restarts):
        centres, total = _settled(matrix, _spread(matrix, k, rng))
        if total < least:
            best, least = centres, total
    return best


def _settled(matrix: Matrix, centres: Matrix) -> tuple[Matrix, float]:
    """Assign and move until nobody changes her cluster; gives the centres and the sum of the distances to them."""
    import numpy as np

    before, total = np.full(len(matrix), -1, dtype=np.int64), np.inf
    for _ in range(_ROUNDS):
        found = Clusters(centres=centres, labels=before, distance="manhattan", learnt_from=len(matrix))
        labels, distances = found.nearest(matrix)
        total = float(distances.sum())
        if (labels == before).all():
            break
        before = labels
        rows = [matrix[labels == label] for label in range(len(centres))]
        centres = np.array([np.median(r, axis=0) if len(r) else c for r, c in zip(rows, centres, strict=True)])
    return centres, total


def _spread(matrix: Matrix, k: int, rng: np.random.Generator) -> Matrix:
    """Beginnings far apart, as in k-means++: each next one drawn by its distance from those that there are."""
    import numpy as np
    from scipy.spatial.distance import cdist

    chosen = [int(rng.integers(len(matrix)))]
    far = cdist(matrix, matrix[chosen], "cityblock")[:, 0]
    while len(chosen) < k:
        total = far.sum()
        if total <= 0:
            break
        chosen.append(int(rng.choice(len(matrix), p=far / total)))
        far = np.minimum(far, cdist(matrix, matrix[chosen[-1:]], "cityblock")[:, 0])
    return matrix[chosen]
