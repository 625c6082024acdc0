"""Products that may be proposed to customers, each with what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """One entry per customer and product, by customer; `signs`: numbers by name, nan where unknown."""

    customer: NDArray[np.int64]
    product: NDArray[np.int64]
    signs: Mapping[str, NDArray[np.float32]]
    customers: int

    def __len__(self) -> int:
        return len(self.customer)

    def matrix(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Entries x signs, in the order of their names; all entries, or these."""
        import numpy as np

        if not self.signs:
            return np.zeros((len(self.customer[rows]), 0), dtype=np.float32)
        return np.column_stack([self.signs[name][rows] for name in sorted(self.signs)])

    def only(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Candidates:
        """These entries."""
        signs = {name: values[keep] for name, values in self.signs.items()}
        return Candidates(
            customer=self.customer[keep], product=self.product[keep], signs=signs, customers=self.customers
        )

    def bought(self, wanted: sp.csr_array) -> NDArray[np.bool_]:
        """Whether each is in `wanted` (customers x products)."""
        import numpy as np

        width = wanted.shape[1]
        row = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        return np.isin(self.customer * width + self.product, row * width + wanted.indices)


def single(signs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """In single precision: millions of entries have some thirty signs each."""
    import numpy as np

    return {name: np.asarray(values, dtype=np.float32) for name, values in signs.items()}


def places(customer: NDArray[np.int64], product: NDArray[np.int64], score: NDArray[np.floating]) -> NDArray[np.int64]:
    """The place of each entry in its customer's list, best score first, from 0."""
    import numpy as np

    order = np.lexsort((product, -score, customer))
    here = np.arange(len(order))
    found = np.empty(len(order), dtype=np.int64)
    found[order] = here - np.maximum.accumulate(np.where(is_first(customer[order]), here, 0))
    return found


def is_first(ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each is the first of its kind, in a list in which equals stand together."""
    import numpy as np

    found = np.ones(len(ordered), dtype=bool)
    found[1:] = ordered[1:] != ordered[:-1]
    return found
