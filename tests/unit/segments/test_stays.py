"""Stays kept as arrays are those of a plain loop over days and customers."""

from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.segments.stays import Stays

NAMES = ["a", "b", "c"]
FIRST = dt.date(2017, 1, 31)


def seen(day: dt.date, found: dict[int, int]) -> Stays:
    customers = sorted(found)
    return Stays(
        customers=np.array(customers, dtype=np.int64),
        segments=np.array([found[c] for c in customers], dtype=np.int16),
        since=np.full(len(customers), np.datetime64(day, "D")),
    )


def by_hand(days: list[dict[int, int]]) -> set[tuple[int, str, str, str | None]]:
    rows: set[tuple[int, str, str, str | None]] = set()
    lasting: dict[int, tuple[int, dt.date]] = {}
    for number, found in enumerate(days):
        day = FIRST + dt.timedelta(days=number)
        for customer, (segment, since) in list(lasting.items()):
            if found.get(customer) != segment:
                rows.add((customer, NAMES[segment], since.isoformat(), day.isoformat()))
                del lasting[customer]
        for customer, segment in found.items():
            lasting.setdefault(customer, (segment, day))
    return rows | {(c, NAMES[segment], since.isoformat(), None) for c, (segment, since) in lasting.items()}


@settings(deadline=None)  # the first example imports pandas
@given(st.lists(st.dictionaries(st.integers(1, 9), st.integers(0, 2), max_size=9), min_size=1, max_size=8))
def test_as_by_hand(days: list[dict[int, int]]) -> None:
    lasting: Stays | None = None
    rows = []
    for number, found in enumerate(days):
        day = FIRST + dt.timedelta(days=number)
        over, lasting = seen(day, found).after(lasting)
        rows += over.rows(NAMES, left_on=day).to_dict("records")
    assert lasting is not None
    rows += lasting.rows(NAMES, left_on=None).to_dict("records")
    written = {(r["customer_id"], r["segment"], r["entered_on"].date().isoformat(), r["left_on"]) for r in rows}
    assert len(written) == len(rows)
    assert written == by_hand(days)
