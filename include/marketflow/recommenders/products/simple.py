"""For a shop that is too young to learn from: what customers bought often and lately, and what sells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.products.candidates import Candidates


class ByHabit:
    """Own products by how often they were bought, purchases counting half after 120 days; 0 to 1, and no chance."""

    def score(self, candidates: Candidates) -> NDArray[np.float64]:
        """The more purchases, the nearer to 1."""
        import numpy as np

        faded = np.asarray(candidates.signs["faded_120"], dtype=float)
        return np.asarray(faded / (faded + 3))


class ByPopularity:
    """New products by how many of the customer's segment bought them in four weeks, those of a similar taste first."""

    def score(self, candidates: Candidates) -> NDArray[np.float64]:
        """The segment's share, up to doubled by the products that are bought alike."""
        import numpy as np

        share = np.asarray(candidates.signs["in_group"], dtype=float)
        return np.asarray(share * (1 + np.asarray(candidates.signs["items_relative"], dtype=float)) / 2)
