"""What some customers have bought, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Each product that a customer has bought, once: by row and column; `line`: which of them a line is of."""

    customer: NDArray[np.int64]
    product: NDArray[np.int64]
    line: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, kw_only=True)
class History:
    """One entry per basket and product in it: row of the customer, column of the product, basket, age in days.

    `customers`: how many rows there are, with and without purchases; `products`: how many columns. Age 0 is the day
    that is looked from.
    """

    customer: NDArray[np.int32]
    product: NDArray[np.int32]
    basket: NDArray[np.int64]
    age: NDArray[np.int32]
    customers: int
    products: int

    def until(self, days_ago: int) -> History:
        """What was known `days_ago` days earlier, with ages as of then."""
        keep = self.age >= days_ago
        return self._only(keep, age=self.age[keep] - days_ago)

    def since(self, days_ago: int) -> History:
        """What was bought in the last `days_ago` days."""
        keep = self.age < days_ago
        return self._only(keep, age=self.age[keep])

    def of(self, rows: NDArray[np.int64]) -> History:
        """Of these customers only, who become the rows 0, 1, ... in this order."""
        import numpy as np

        place = np.full(self.customers, -1, dtype=np.int32)
        place[rows] = np.arange(len(rows))
        keep = place[self.customer] >= 0
        found = self._only(keep, age=self.age[keep])
        return replace(found, customer=place[found.customer], customers=len(rows))

    def narrower_than(self, products: int) -> History:
        """Without what customers bought who have more than so many products; their rows stay, and are empty."""
        import numpy as np

        wide = np.bincount(self.pairs.customer, minlength=self.customers) > products
        if not wide.any():
            return self
        keep = ~wide[self.customer]
        return self._only(keep, age=self.age[keep])

    @cached_property
    def pairs(self) -> Pairs:
        """Who has bought what."""
        import numpy as np

        key = self.customer.astype(np.int64) * self.products + self.product
        known, line = np.unique(key, return_inverse=True)
        width = max(self.products, 1)
        return Pairs(customer=known // width, product=known % width, line=line)

    @cached_property
    def bought(self) -> sp.csr_array:
        """Customers x products, 1 where the customer has ever bought the product."""
        import numpy as np

        return self._matrix(np.ones(len(self.pairs), dtype=np.float32))

    def counted(self, half_life_days: float | None = None) -> sp.csr_array:
        """Customers x products: in how many baskets; with a half-life, each counts half after so many days."""
        import numpy as np

        weight = None if half_life_days is None else np.exp2(-self.age / half_life_days)
        return self._matrix(np.bincount(self.pairs.line, weights=weight, minlength=len(self.pairs)))

    def interest(self, half_life_days: float = 90.0) -> sp.csr_array:
        """Customers x products: log(1 + purchases), each counting half after `half_life_days`."""
        import numpy as np

        matrix = self.counted(half_life_days)
        matrix.data = np.log1p(matrix.data)
        return matrix

    def _matrix(self, values: NDArray[np.generic]) -> sp.csr_array:
        import numpy as np
        import scipy.sparse as sp

        shape = (self.customers, self.products)
        coordinates = (self.pairs.customer, self.pairs.product)
        return sp.csr_array(sp.coo_array((np.asarray(values, dtype=np.float32), coordinates), shape=shape))

    def _only(self, keep: NDArray[np.bool_], *, age: NDArray[np.int32]) -> History:
        return replace(
            self, customer=self.customer[keep], product=self.product[keep], basket=self.basket[keep], age=age
        )
