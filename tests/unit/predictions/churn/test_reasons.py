"""Reasons: weightiest first, at most three, and true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.churn.reasons import Customers, as_arrays, family_sums, reasons_of, typical_of
from marketflow.predictions.customers.rhythm import rhythm_of
from marketflow.predictions.customers.signs import FAMILY_OF_SIGN

REGULAR = {
    "first_on": "2017-01-01", "last_on": "2017-12-26", "last_gap": 7, "mean_log_gap": np.log(7), "std_log_gap": 0.1,
    "recent_log_gap": np.log(7), "purchase_days": 51, "days_14": 2, "days_28": 4, "days_56": 8, "days_84": 12,
    "revenue": 510.0, "revenue_84": 120.0, "sales": 51, "returns": 0,
}  # fmt: skip


def customers(*rows: dict[str, Any]) -> Customers:
    import pandas as pd

    frame = pd.DataFrame([REGULAR | row for row in rows])
    frame["as_of"] = pd.Timestamp("2017-12-31")
    for name in ("first_on", "last_on"):
        frame[name] = pd.to_datetime(frame[name])
    rhythm = rhythm_of(frame)
    return Customers(frame, rhythm, typical_of(frame, rhythm))


def why(of: Customers, **weights: float) -> list[list[str]]:
    """With these weights of families, the same for all."""
    signs = list(FAMILY_OF_SIGN.values())
    contributions = np.zeros((len(of.features), len(signs)))
    for family, weight in weights.items():
        contributions[:, signs.index(family)] = weight
    return reasons_of(of, contributions)


@pytest.mark.parametrize(
    ("row", "family", "words"),
    [
        ({"last_on": "2017-12-17"}, "away", "has been away 2.0 times as long as usual"),
        ({"last_on": "2017-11-26"}, "away", "has been away 5 times as long as usual"),
        ({"last_on": "2017-01-31"}, "away", "has been away over 10 times as long as usual"),
        ({"last_on": "2017-12-30"}, "away", "last bought 1 day ago"),
        ({"days_28": 1}, "rarer", "orders are getting rarer: on 1 day in 4 weeks, usually 4"),
        ({"days_28": 4, "days_84": 6}, "rarer", "orders are getting rarer: on 6 days in 12 weeks, usually 12"),
        ({"days_28": 0, "days_84": 0}, "rarer", "no order in the last 12 weeks"),
        ({"purchase_days": 3, "days_28": 1, "days_84": 2}, "rarer", "ordered on only 2 days of the last 12 weeks"),
        ({"purchase_days": 1}, "new", "has bought only once"),
        ({"purchase_days": 3}, "new", "has bought on only 3 days"),
        ({"revenue_84": 60.0}, "spending", "spends less than before: 50 % less in 12 weeks"),
        ({"returns": 20}, "returns", "brings back much: 20 returns after 51 orders"),
    ],
)
def test_words(row: dict[str, Any], family: str, words: str) -> None:
    assert why(customers(row, {}, {}), **{family: 1.0})[0] == [words]


def test_what_is_not_true_is_not_said() -> None:
    assert why(customers({}), rarer=2.0, new=1.5, spending=1.0, returns=0.5, rhythm=0.5) == [[]]


def test_what_lowers_the_risk_is_no_reason() -> None:
    assert why(customers({"last_on": "2017-11-26"}), away=-1.0, rarer=0.05) == [[]]


def test_weightiest_first_and_three_at_most() -> None:
    row = {"last_on": "2017-11-01", "days_28": 1, "revenue_84": 10.0, "returns": 20}
    found = why(customers(row, {}), away=0.5, rarer=2.0, spending=1.0, returns=0.2)[0]
    assert [words.split()[0] for words in found] == ["orders", "spends", "has"]


def test_nothing_is_said_twice() -> None:
    row = {"last_on": "2017-06-01", "days_28": 0, "days_84": 0}
    assert why(customers(row), away=0.5, rarer=2.0) == [["has been away over 10 times as long as usual"]]
    assert why(customers(row), rarer=2.0) == [["no order in the last 12 weeks"]]


def test_seldom_and_irregular_beside_the_others() -> None:
    rows = ({"mean_log_gap": np.log(30)}, {"std_log_gap": 1.0}, {})
    seldom, irregular, regular = why(customers(*rows), rhythm=1.0)
    assert seldom == ["buys less often than most: about every 28 days"]
    assert irregular == ["buys at irregular intervals"]
    assert regular == []


@given(st.lists(st.floats(-5, 5), min_size=len(FAMILY_OF_SIGN), max_size=len(FAMILY_OF_SIGN)))
def test_families_add_up(parts: list[float]) -> None:
    families = list(dict.fromkeys(FAMILY_OF_SIGN.values()))
    assert family_sums(np.array([parts]), families).sum() == pytest.approx(sum(parts))


def test_as_postgresql_writes_arrays() -> None:
    assert as_arrays([[], ["a, b"], ["a", "b c"]]) == ["{}", '{"a, b"}', '{"a","b c"}']
