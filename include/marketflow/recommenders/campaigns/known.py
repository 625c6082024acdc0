"""What is known of campaigns, of who answered them and of who bought what, as arrays; and what was known on a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

NEVER = 2**40
"""The day of what has not happened. Days are whole numbers, days since 1970-01-01."""


@dataclass(frozen=True, kw_only=True)
class Campaigns:
    """One entry per campaign, in any order: its number, first and last day, whether it has coupons, and its products.

    products: (campaigns, products), 1 where it offers the product. traits: texts such as theme, channel and place by
    name, '' where unknown. texts: its name and words. clicked, redeemed: the first day on which anybody at all clicked
    on it, and redeemed a coupon of it, or NEVER; they say what counts as an answer, whichever customers are looked at.
    """

    ids: Integers
    starts: Integers
    ends: Integers
    has_coupons: Bools
    clicked: Integers
    redeemed: Integers
    products: sp.csr_array
    traits: dict[str, list[str]]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One entry per customer and campaign that she received: row, column, and the first day of each thing, or NEVER.

    bought: the first purchase within the attribution window.
    """

    customer: Integers
    campaign: Integers
    received: Integers
    opened: Integers
    clicked: Integers
    redeemed: Integers
    bought: Integers

    def __len__(self) -> int:
        return len(self.customer)

    def before(self, day: int) -> Answers:
        """What was known the day before: campaigns received by then, and what had happened by then."""
        import numpy as np

        came = self.where(self.received < day)
        happened = {
            name: np.where(getattr(came, name) < day, getattr(came, name), NEVER)
            for name in ("opened", "clicked", "redeemed", "bought")
        }
        return replace(came, **happened)

    def where(self, keep: Bools) -> Answers:
        """Some of them."""
        return replace(self, **{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """One entry per customer, product and day, in order of days: row, column, day, coupons in cents."""

    customer: Integers
    product: Integers
    day: Integers
    coupon: Integers

    def __len__(self) -> int:
        return len(self.customer)

    def between(self, first: int, last: int) -> Purchases:
        """Those from the day `first` until the day before `last`; a slice, nothing is copied."""
        import numpy as np

        rows = slice(*np.searchsorted(self.day, (first, last)))
        return replace(self, **{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Known:
    """All of it: customers are rows, by ascending number; products are columns, with numbers of category and brand.

    categories, brands: (products,), -1 where unknown; category_names: by the number. since: the first day of purchases
    that could be known of anybody.
    """

    customers: Integers
    campaigns: Campaigns
    answers: Answers
    purchases: Purchases
    categories: Integers
    brands: Integers
    category_names: list[str]
    since: int


def answered_on(answers: Answers, campaigns: Campaigns, day: int) -> Integers:
    """The day on which each campaign was answered, or NEVER, as it looked the day before `day`.

    A campaign with coupons is answered by redeeming one. One without is answered by a click if anybody had clicked on
    it by then, and if nobody had, by a purchase within the attribution window. An opened mail is no answer: machines
    open mails. `answers` are of the day before too, see Answers.before.
    """
    import numpy as np

    by_coupon = (campaigns.has_coupons | (campaigns.redeemed < day))[answers.campaign]
    by_click = (campaigns.clicked < day)[answers.campaign]
    days: Integers = np.where(by_coupon, answers.redeemed, np.where(by_click, answers.clicked, answers.bought))
    return days
