"""The rhythm of customers: N within its bounds, from own gaps, shrunk where there are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.churn.model import Bounds
from marketflow.predictions.customers.rhythm import rhythm_of

if TYPE_CHECKING:
    import pandas as pd


def with_gaps(*gaps: list[int]) -> pd.DataFrame:
    """Customers with these days between purchases."""
    import pandas as pd

    logs = [np.log(g) for g in gaps]
    return pd.DataFrame(
        {
            "purchase_days": [len(g) + 1 for g in gaps],
            "mean_log_gap": [of.mean() if len(of) else np.nan for of in logs],
            "std_log_gap": [of.std(ddof=1) if len(of) > 1 else np.nan for of in logs],
        }
    )


def test_who_buys_often_is_missed_sooner() -> None:
    rhythm = rhythm_of(with_gaps([3, 4, 3, 4, 3, 4] * 5, [30, 35, 28, 31] * 5, []))
    usual, days = rhythm.usual_gap(), rhythm.churn_days(7, 90)
    assert usual[0] < usual[2] < usual[1], "who has bought once is in between"
    assert days[0] < days[1]


def test_formula() -> None:
    frame = with_gaps([10, 20, 40], [5, 5])
    logs = np.log([10, 20, 40])
    mean = (3 * logs.mean() + 3 * np.mean([logs.mean(), np.log(5)])) / 6
    var = (2 * logs.var(ddof=1) + 3 * np.mean([logs.var(ddof=1), 0])) / 5
    wanted = np.ceil(np.exp(mean + 1.2815515655446004 * np.sqrt(var)))
    assert rhythm_of(frame).churn_days(1, 1000)[0] == wanted


def test_nobody_has_bought_twice() -> None:
    rhythm = rhythm_of(with_gaps([], []))
    assert rhythm.usual_gap() == pytest.approx([30, 30])
    assert rhythm.churn_days(7, 90).tolist() == [90, 90]


@given(
    st.lists(st.lists(st.integers(1, 4000), max_size=30), max_size=20),
    st.integers(1, 60),
    st.integers(0, 300),
)
def test_n_is_whole_and_within_bounds(gaps: list[list[int]], shortest: int, more: int) -> None:
    days = rhythm_of(with_gaps(*gaps)).churn_days(shortest, shortest + more)
    assert days.dtype == np.int64
    assert ((days >= shortest) & (days <= shortest + more)).all()


@pytest.mark.parametrize(("shortest", "longest"), [(0, 5), (-1, 3), (8, 7)])
def test_bounds(shortest: int, longest: int) -> None:
    with pytest.raises(ValueError, match="churn days"):
        Bounds(shortest, longest)
