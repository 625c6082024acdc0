"""What speaks for it that a customer answers a campaign, as of a day: only what was known the day before.

Every signal is built so that more of it means more likely; the blend may not turn one round.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from marketflow.recommenders.campaigns.alike import alikeness
from marketflow.recommenders.campaigns.known import NEVER, Known, answered_on
from marketflow.recommenders.campaigns.neighbours import Crowd, Nearest, by_neighbours, crowd_of, nearest

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

FAMILY_OF_SIGNAL = {
    "own_rate": "answers", "answers": "answers",
    "coupon_days": "coupons", "coupon_spend": "coupons", "coupon_lines": "coupons", "offer_coupons": "coupons",
    "offer_bought": "offer", "offer_categories": "categories", "offer_brands": "brands",
    "alike_rate": "alike", "neighbours": "neighbours", "campaign_rate": "campaign",
}  # fmt: skip
"""Signals by name, in the order of the columns, and what each is about."""

_HALF_LIFE_DAYS = 60.0
_MONTH_DAYS = 28.0
_SHORTEST_HISTORY_DAYS = 7
_OWN_SHRINK = 5.0  # campaigns: as many as everybody's rate counts for beside one's own
_CAMPAIGN_SHRINK = 50.0  # customers, likewise for a campaign's rate
_NOBODY = 0.05
"""The rate of answers, as twenty customers would have it, before anything is known."""


class View:
    """What was known of customers the day before `day`.

    crowd: among whom neighbours are looked for, and `rates`: received and answered by campaign, if others than these
    customers are to tell; as `crowd` and `rates` of a View of them have it.
    """

    def __init__(self, known: Known, day: int, others: View | None = None) -> None:
        self.known, self.day = known, day
        self.answers = known.answers.before(day)
        self.purchases = known.purchases.between(-NEVER, day)
        self._others = others

    @cached_property
    def alike(self) -> Floats:
        """(campaigns, campaigns)."""
        return self._others.alike if self._others else alikeness(self.known.campaigns)

    @cached_property
    def received(self) -> sp.csr_array:
        """(customers, campaigns), 1 where the campaign came."""
        return self._matrix(self.answers.received >= -NEVER)

    @cached_property
    def answered(self) -> sp.csr_array:
        """(customers, campaigns), 1 where it was answered."""
        return self._matrix(answered_on(self.answers, self.known.campaigns, self.day) < NEVER)

    @cached_property
    def crowd(self) -> Crowd:
        """Who may be a neighbour."""
        return self._others.crowd if self._others else crowd_of(self.known.customers, self.received, self.answered)

    @cached_property
    def totals(self) -> tuple[Floats, Floats]:
        """(received, answered) by campaign, (campaigns,) each."""
        return self._others.totals if self._others else (_columns(self.received), _columns(self.answered))

    @cached_property
    def base(self) -> float:
        """Everybody's rate of answers."""
        received, answered = self.totals
        return float((answered.sum() + 20 * _NOBODY) / (received.sum() + 20))

    @cached_property
    def coupon_total(self) -> Floats:
        """(customers,): what coupons took off until now."""
        return self._sum(self.purchases.coupon)

    @cached_property
    def coupon_days(self) -> Floats:
        """(customers,): on how many days coupons were used."""
        import numpy as np

        used = self.purchases.coupon > 0
        pairs = np.unique(self.purchases.customer[used] * NEVER + self.purchases.day[used])
        return np.bincount(pairs // NEVER, minlength=len(self.known.customers)).astype(np.float64)

    def campaign_rate(self, campaign: int) -> float:
        """What share answers, by the campaigns before that are alike; all that there is to say of a new campaign."""
        received, answered = self.totals
        weight = self.alike[campaign].copy()
        weight[campaign] = 0.0
        return float((weight @ answered + _CAMPAIGN_SHRINK * self.base) / (weight @ received + _CAMPAIGN_SHRINK))

    def offered_lines(self, campaign: int) -> Integers:
        """The rows of purchases that are of what the campaign offers."""
        import numpy as np

        return np.flatnonzero(self._offered(campaign)[self.purchases.product])

    def signals(self, campaign: int) -> Floats:
        """(customers, signals): of all customers for the campaign (its place); columns as of FAMILY_OF_SIGNAL."""
        import numpy as np

        rows = self.offered_lines(campaign)
        months = self._months
        columns = {
            "own_rate": self._own_rate(None),
            "answers": np.log1p(_rows(self.answered)),
            "coupon_days": np.log1p(self.coupon_days / months),
            "coupon_spend": np.log1p(self._recent_coupons[0]),
            "coupon_lines": np.log1p(self._recent_coupons[1]),
            "offer_coupons": np.log1p(self._coupons_in_categories(campaign) / months),
            "offer_bought": np.log1p(self._sum(self._weights[rows], rows)),
            "offer_categories": self._cosine(self._by_category, self.known.categories, campaign),
            "offer_brands": self._cosine(self._by_brand, self.known.brands, campaign),
            "alike_rate": self._own_rate(campaign),
            "neighbours": _logit(self._neighbours(campaign)),
            "campaign_rate": np.full(len(self.known.customers), _logit(np.array(self.campaign_rate(campaign)))),
        }
        return np.column_stack([columns[name] for name in FAMILY_OF_SIGNAL])

    @property
    def _months(self) -> float:
        return max(self.day - self.known.since, _SHORTEST_HISTORY_DAYS) / _MONTH_DAYS

    @cached_property
    def _weights(self) -> Floats:
        """By purchase: counts half after sixty days."""
        import numpy as np

        weights: Floats = np.exp2((self.purchases.day - self.day) / _HALF_LIFE_DAYS)
        return weights

    @cached_property
    def _recent_coupons(self) -> tuple[Floats, Floats]:
        return self._sum(self.purchases.coupon * self._weights), self._sum((self.purchases.coupon > 0) * self._weights)

    @cached_property
    def _nearest(self) -> Nearest:
        return nearest(self.crowd, self.known.customers, self.answered)

    @cached_property
    def _by_category(self) -> sp.csr_array:
        return self._lines_by(self.known.categories)

    @cached_property
    def _by_brand(self) -> sp.csr_array:
        return self._lines_by(self.known.brands)

    def _own_rate(self, campaign: int | None) -> Floats:
        """Log odds of the customer's own rate, shrunk to everybody's; over campaigns alike if one is named."""
        import numpy as np

        weight = np.ones(len(self.known.campaigns)) if campaign is None else self.alike[campaign].copy()
        if campaign is not None:
            weight[campaign] = 0.0  # not to have answered it yet tells nothing
        return _logit((self.answered @ weight + _OWN_SHRINK * self.base) / (self.received @ weight + _OWN_SHRINK))

    def _neighbours(self, campaign: int) -> Floats:
        return by_neighbours(self.crowd, self._nearest, len(self.known.customers), self.alike[campaign], self.base)

    def _offered(self, campaign: int) -> NDArray[np.bool_]:
        import numpy as np

        offered = np.zeros(self.known.campaigns.products.shape[1], dtype=bool)
        offered[self.known.campaigns.products[[campaign]].indices] = True
        return offered

    def _coupons_in_categories(self, campaign: int) -> Floats:
        """How often a coupon was used on a product of the categories that the campaign offers."""
        import numpy as np

        categories = self.known.categories
        offered = np.zeros(len(self.known.category_names) + 1, dtype=bool)
        offered[categories[self._offered(campaign)]] = True
        offered[-1] = False  # the place of what has no category
        used = np.flatnonzero(self.purchases.coupon > 0)
        return self._sum(None, used[offered[categories[self.purchases.product[used]]]])

    def _lines_by(self, kind: Integers) -> sp.csr_array:
        """(customers, kinds): log(1 + lines)."""
        import numpy as np
        import scipy.sparse as sp

        of = kind[self.purchases.product]
        rows = np.flatnonzero(of >= 0)
        shape = (len(self.known.customers), int(kind.max(initial=-1)) + 1)
        places = (self.purchases.customer[rows], of[rows])
        matrix = sp.coo_array((np.ones(len(rows)), places), shape=shape).tocsr()
        matrix.data = np.log1p(matrix.data)
        return matrix

    def _cosine(self, lines: sp.csr_array, kind: Integers, campaign: int) -> Floats:
        """Of what was bought and what is offered, by kind; 0 where nothing is known of either."""
        import numpy as np

        of = kind[self._offered(campaign)]
        offer = np.bincount(of[of >= 0], minlength=lines.shape[1]).astype(np.float64)
        size = np.sqrt(np.asarray(lines.multiply(lines).sum(axis=1), dtype=np.float64)).ravel()
        length = np.sqrt(offer @ offer)
        cosine: Floats = (lines @ offer) / np.maximum(size * length, 1e-12)
        return np.minimum(cosine, 1.0)

    def _matrix(self, keep: NDArray[np.bool_]) -> sp.csr_array:
        import numpy as np
        import scipy.sparse as sp

        places = (self.answers.customer[keep], self.answers.campaign[keep])
        shape = (len(self.known.customers), len(self.known.campaigns))
        return sp.coo_array((np.ones(int(keep.sum())), places), shape=shape).tocsr()

    def _sum(self, values: Floats | Integers | None, rows: Integers | slice = slice(None)) -> Floats:
        """(customers,): the sum of values (None: the number) over these rows of purchases."""
        import numpy as np

        return np.bincount(self.purchases.customer[rows], values, minlength=len(self.known.customers)).astype(float)


def _logit(rate: Floats) -> Floats:
    import numpy as np

    inside = np.clip(rate, 1e-4, 1 - 1e-4)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def _rows(matrix: sp.csr_array) -> Floats:
    import numpy as np

    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _columns(matrix: sp.csr_array) -> Floats:
    import numpy as np

    return np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()
