"""Stays in segments, in memory: what a look at all customers changes in them. Pure functions over arrays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Stays:
    """Stays that last: by customer (ascending, each once) the segment's number and the first day; alike in length."""

    customers: NDArray[np.int64]
    segments: NDArray[np.int16]
    since: NDArray[np.datetime64]

    def after(self, before: Stays | None) -> tuple[Stays, Stays]:
        """(those of `before` that are over, all that last) when these are what is seen now.

        Who is seen in the same segment as before has stayed, and keeps the first day. Who is seen in another one, or is
        not seen any longer, has left.
        """
        import numpy as np

        if before is None or not len(before.customers):
            return self.chosen(np.zeros(len(self.customers), dtype=bool)), self
        at = np.minimum(np.searchsorted(before.customers, self.customers), len(before.customers) - 1)
        stayed = (before.customers[at] == self.customers) & (before.segments[at] == self.segments)
        over = np.ones(len(before.customers), dtype=bool)
        over[at[stayed]] = False
        since = np.where(stayed, before.since[at], self.since)
        return before.chosen(over), Stays(customers=self.customers, segments=self.segments, since=since)

    def rows(self, names: list[str], *, left_on: dt.date | None) -> pd.DataFrame:
        """As models.segment_memberships has them."""
        import numpy as np
        import pandas as pd

        return pd.DataFrame(
            {
                "customer_id": self.customers,
                "segment": np.array(names, dtype=object)[self.segments],
                "entered_on": self.since.astype("datetime64[s]"),
                "left_on": left_on.isoformat() if left_on else None,
            }
        )

    def chosen(self, chosen: NDArray[np.bool_]) -> Stays:
        """Those that are marked."""
        return Stays(customers=self.customers[chosen], segments=self.segments[chosen], since=self.since[chosen])
