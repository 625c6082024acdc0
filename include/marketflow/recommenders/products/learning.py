"""Learns the two rankers on earlier weeks and measures them on the latest four, beside simple lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from marketflow.recommenders.products.again import own_products
from marketflow.recommenders.products.discover import new_products
from marketflow.recommenders.products.knowledge import Knowledge, know
from marketflow.recommenders.products.ranker import Lesson, learn, lesson
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines import Engine
    from marketflow.recommenders.products.candidates import Candidates
    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.history import History

HORIZON_DAYS = 28
_WINDOWS = 2  # of four weeks each, that a ranker learns from; three were no better on earlier weeks
_LEARNERS = 10_000  # customers whose candidates are learnt from and measured on


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What is learnt from: the products, what a sample of the customers bought, and their groups.

    `groups`: for each number of days ago that `days_ago` names, the number of each customer's group then, below
    `group_count`.
    """

    catalogue: Catalogue
    history: History
    groups: Mapping[int, NDArray[np.int64]]
    group_count: int
    engine: Engine
    seed: int


def days_ago() -> tuple[int, ...]:
    """The days that are looked from: today, and so many days before."""
    return tuple(HORIZON_DAYS * n for n in range(_WINDOWS + 2))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """As of a day: what was known, the candidates of some customers, and (but for today) what they bought after it."""

    known: Knowledge
    history: History
    group: NDArray[np.int64]
    again: Candidates
    discover: Candidates
    wanted: sp.csr_array


class Scoring(Protocol):
    """Anything that puts candidates in order."""

    def score(self, candidates: Candidates) -> NDArray[np.float64]:
        """A number per candidate, 0 to 1, the higher the better."""
        ...


@dataclass(frozen=True, kw_only=True)
class Rankers:
    """One for each list. Those that are learnt give the chance that a product is bought within four weeks."""

    again: Scoring
    discover: Scoring


@dataclass(kw_only=True)
class Snapshots:
    """The snapshots of a shop: each is made once, and forgotten when it has been learnt from."""

    shop: Shop
    _made: dict[int, Snapshot] = field(default_factory=dict)
    _lessons: dict[tuple[int, str], Lesson] = field(default_factory=dict)

    def of(self, ago: int) -> Snapshot:
        """As of `ago` days before today; 28 at least, for what was bought in the four weeks after it."""
        if ago not in self._made:
            self._made[ago] = self._make(ago)
        return self._made[ago]

    def known(self, ago: int) -> Knowledge:
        """What all customers teach, as of that day."""
        shop = self.shop
        past, group = shop.history.until(ago), shop.groups[ago]
        return know(past, shop.catalogue, group, shop.group_count, engine=shop.engine, seed=shop.seed)

    def rankers(self, first: int) -> Rankers:
        """Learnt from what was bought until `first` days ago, in up to two windows of four weeks.

        Raises NotEnoughData where the history is too short for one.
        """
        oldest = int(self.shop.history.age.max(initial=0))
        ends = [first + HORIZON_DAYS * n for n in range(1, _WINDOWS + 1)]
        usable = [ago for ago in ends if ago + HORIZON_DAYS <= oldest + 1]
        if not usable:
            raise NotEnoughData(
                f"{oldest + 1} days of purchases, and {first + 2 * HORIZON_DAYS} are needed to learn from what followed"
            )
        return Rankers(
            again=learn([self._lesson(ago, "again") for ago in usable], seed=self.shop.seed),
            discover=learn([self._lesson(ago, "discover") for ago in usable], seed=self.shop.seed),
        )

    def _lesson(self, ago: int, which: str) -> Lesson:
        if (ago, which) not in self._lessons:
            snapshot = self.of(ago)
            for name in ("again", "discover"):
                candidates: Candidates = getattr(snapshot, name)
                bought = candidates.bought(snapshot.wanted)
                self._lessons[ago, name] = lesson(candidates, bought, seed=self.shop.seed)
            del self._made[ago]  # much more than what is learnt from it
        return self._lessons[ago, which]

    def _make(self, ago: int) -> Snapshot:
        shop, known = self.shop, self.known(ago)
        rows = _learners(shop.history.customers, shop.seed)
        past, group = shop.history.until(ago).of(rows), shop.groups[ago][rows]
        return Snapshot(
            known=known,
            history=past,
            group=group,
            again=own_products(past, shop.catalogue, known),
            discover=new_products(past, shop.catalogue, known, group, engine=shop.engine),
            wanted=_wanted(shop.history.of(rows).since(ago).until(ago - HORIZON_DAYS), shop.catalogue),
        )


def _learners(customers: int, seed: int) -> NDArray[np.int64]:
    import numpy as np

    if customers <= _LEARNERS:
        return np.arange(customers)
    return np.sort(np.random.default_rng(seed).choice(customers, _LEARNERS, replace=False))


def _wanted(after: History, catalogue: Catalogue) -> sp.csr_array:
    """What was bought of that which may be proposed."""
    import numpy as np
    import scipy.sparse as sp

    may = sp.diags_array(catalogue.proposable.astype(np.float32), format="csr")
    wanted = sp.csr_array(after.bought @ may)
    wanted.eliminate_zeros()
    return wanted
