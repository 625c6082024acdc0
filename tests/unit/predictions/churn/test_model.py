"""Measures of chances: by hand, and their laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.churn.model import auc, brier, calibration_error, outcomes_of, reliability
from marketflow.predictions.customers.snapshots import Snapshot


def test_by_hand() -> None:
    chances, stopped = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True])
    assert auc(chances, stopped) == pytest.approx(3.5 / 4)
    assert brier(chances, stopped) == pytest.approx((0.01 + 0.16 + 0.36 + 0.01) / 4)
    assert calibration_error(reliability(chances, stopped)) == pytest.approx((0.1 + 0.4 + 0.6 + 0.1) / 4)


@pytest.mark.parametrize("stopped", [[True, True], [False, False]])
def test_one_outcome_only_is_not_measured(stopped: list[bool]) -> None:
    assert auc(np.array([0.2, 0.3]), np.array(stopped)) is None
    assert brier(np.array([0.2, 0.3]), np.array(stopped)) is None


def test_no_customers() -> None:
    assert reliability(np.empty(0), np.empty(0, dtype=bool)) == []
    assert calibration_error([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_tenths_hold_everybody_once_in_order(pairs: list[tuple[float, bool]]) -> None:
    chances, stopped = (np.array(of) for of in zip(*pairs, strict=True))
    bins = reliability(chances, stopped)
    assert sum(b["customers"] for b in bins) == len(pairs)
    assert max(b["customers"] for b in bins) - min(b["customers"] for b in bins) <= 1
    assert sum(b["foreseen"] * b["customers"] for b in bins) == pytest.approx(chances.sum())
    foreseen = [b["foreseen"] for b in bins]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(foreseen))
    error = calibration_error(bins)
    assert error is not None
    assert 0 <= error <= 1


def test_who_stopped() -> None:
    import pandas as pd

    waits = np.array([1.0, 7.0, 8.0, np.inf])
    snapshot = Snapshot(pd.DataFrame({"customer_id": range(4)}), waits)
    assert outcomes_of(snapshot, np.array([7, 7, 7, 90])).tolist() == [False, False, True, True]
    assert snapshot.part(np.array([2, 3])).days_to_next.tolist() == [8.0, np.inf]
