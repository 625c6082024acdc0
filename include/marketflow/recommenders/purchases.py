"""What was bought, as arrays and sparse matrices."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import psycopg

from marketflow.warehouse import fetch_integers, queries

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

# Interest fades: a purchase counts half after so many days.
HALF_LIFE_DAYS = 90.0


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """One entry per order line: its basket, row of its customer (-1: a guest), column of its product, age in days.

    `customers` and `products` hold the ids of the rows and columns, ascending; `kinds` a number per column that
    products of the same name share. `order_ages` has one entry per order, those included in which nothing may be
    proposed.
    """

    basket: NDArray[np.int64]
    customer: NDArray[np.int64]
    product: NDArray[np.int64]
    age: NDArray[np.int64]
    customers: NDArray[np.int64]
    products: NDArray[np.int64]
    kinds: NDArray[np.int64]
    order_ages: NDArray[np.int64]

    @property
    def orders(self) -> int:
        """Number of orders: what the support of a rule is a share of."""
        return len(self.order_ages)

    def until(self, days_ago: int) -> Purchases:
        """What was known `days_ago` days earlier, with ages as of then."""
        keep, orders = self.age >= days_ago, self.order_ages[self.order_ages >= days_ago]
        return self._only(keep, age=self.age[keep] - days_ago, order_ages=orders - days_ago)

    def since(self, days_ago: int) -> Purchases:
        """What was bought in the last `days_ago` days."""
        keep = self.age < days_ago
        return self._only(keep, age=self.age[keep], order_ages=self.order_ages[self.order_ages < days_ago])

    @cached_property
    def baskets(self) -> sp.csr_array:
        """Baskets x products, 1 where the basket holds the product; baskets without any are left out."""
        import numpy as np

        _, row = np.unique(self.basket, return_inverse=True)
        return _binary(row, self.product, (int(row.max()) + 1 if len(row) else 0, len(self.products)))

    @cached_property
    def bought(self) -> sp.csr_array:
        """Customers x products, 1 where the customer has ever bought the product."""
        known = self.customer >= 0
        return _binary(self.customer[known], self.product[known], (len(self.customers), len(self.products)))

    def interest(self) -> sp.csr_array:
        """Customers x products: log(1 + purchases), each counting half after `HALF_LIFE_DAYS`."""
        import numpy as np
        import scipy.sparse as sp

        known = self.customer >= 0
        weight = np.exp2(-self.age[known] / HALF_LIFE_DAYS)
        shape = (len(self.customers), len(self.products))
        matrix = sp.coo_array((weight, (self.customer[known], self.product[known])), shape=shape).tocsr()
        matrix.data = np.log1p(matrix.data)
        return matrix

    def _only(self, keep: NDArray[np.bool_], *, age: NDArray[np.int64], order_ages: NDArray[np.int64]) -> Purchases:
        return replace(
            self,
            basket=self.basket[keep],
            customer=self.customer[keep],
            product=self.product[keep],
            age=age,
            order_ages=order_ages,
        )


def read_purchases(conn: psycopg.Connection, as_of: dt.date, basket_days: int) -> Purchases:
    """Order lines of the `basket_days` up to `as_of`, of products that may be proposed, and all customers."""
    import numpy as np

    q = queries("recommenders")
    params = {"as_of": as_of, "basket_days": basket_days}
    lines = fetch_integers(conn, q["read_purchases"], params, ("order", "customer", "product", "age"))
    customers = fetch_integers(conn, q["read_customers"], {}, ("customer",))["customer"]
    kinds = fetch_integers(conn, q["read_kinds"], {}, ("product", "kind"))
    products, product = np.unique(lines["product"], return_inverse=True)
    return Purchases(
        basket=lines["order"],
        customer=_places(lines["customer"], customers),
        product=product.astype(np.int64),
        age=lines["age"],
        customers=customers,
        products=products,
        kinds=kinds["kind"][_places(products, kinds["product"])],
        order_ages=fetch_integers(conn, q["read_orders"], params, ("age",))["age"],
    )


def _places(ids: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each id stands in `among` (any order, none twice); -1 for one that is not there."""
    import numpy as np

    if len(among) == 0:
        return np.full(len(ids), -1, dtype=np.int64)
    order = np.argsort(among, kind="stable")
    place = order[np.minimum(np.searchsorted(among, ids, sorter=order), len(among) - 1)]
    return np.where(among[place] == ids, place, -1).astype(np.int64)


def _binary(row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_array:
    import numpy as np
    import scipy.sparse as sp

    matrix = sp.coo_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=shape).tocsr()
    matrix.data[:] = 1  # the same product twice in a basket is still in it
    return matrix
