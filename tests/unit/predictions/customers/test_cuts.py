"""Cuts: no label is known later than what may be known, and the test is later than all that is learnt from."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.predictions.customers.cuts import HISTORY_DAYS, plan_cuts
from marketflow.shared import NotEnoughData

DAY = dt.date(2017, 12, 31)


@given(st.integers(0, 1200), st.integers(1, 120), st.integers(0, 100))
def test_labels_end_before_what_is_measured_begins(history: int, horizon: int, stale: int) -> None:
    first, last = DAY - dt.timedelta(days=history), DAY - dt.timedelta(days=min(stale, history))
    try:
        cuts = plan_cuts(first_on=first, last_on=last, as_of=DAY, horizon_days=horizon)
    except NotEnoughData:
        assert stale > horizon or history > horizon or (last - first).days + 1 < horizon + HISTORY_DAYS
        return
    label = dt.timedelta(days=horizon)
    assert cuts.final.until == last
    assert cuts.test + label <= last
    for learning, until in ((cuts.final, last), (cuts.trial, cuts.test)):
        if learning is None:
            continue
        assert learning.until == until
        assert learning.calibrate + label <= until
        assert all(day <= learning.calibrate and (day - first).days + 1 >= HISTORY_DAYS for day in learning.learn)
        assert learning.is_shared == (learning.learn == (learning.calibrate,))


def test_a_year() -> None:
    cuts = plan_cuts(first_on=dt.date(2017, 1, 1), last_on=DAY, as_of=DAY, horizon_days=90)
    assert cuts.test == dt.date(2017, 10, 2)
    assert cuts.trial is not None
    assert cuts.trial.calibrate == dt.date(2017, 7, 4)
    assert cuts.trial.learn == (dt.date(2017, 6, 4), dt.date(2017, 5, 5), dt.date(2017, 4, 5))
    assert cuts.split() == (
        "learnt from customers as of and what they bought next, on 3 days from 2017-04-05 to 2017-06-04, "
        "calibrated on 2017-07-04, outcomes until 2017-10-02; measured on those as of 2017-10-02, outcomes until 2017-12-31"
    )


def test_the_shortest_history_that_is_learnt_from_is_not_measured() -> None:
    first = DAY - dt.timedelta(days=90 + HISTORY_DAYS - 1)
    cuts = plan_cuts(first_on=first, last_on=DAY, as_of=DAY, horizon_days=90)
    assert cuts.trial is None
    assert cuts.final.is_shared
    assert "too short" in cuts.split()
    with pytest.raises(NotEnoughData, match=r"purchases are known of 117 days; .* at least 118 are needed"):
        plan_cuts(first_on=first + dt.timedelta(days=1), last_on=DAY, as_of=DAY, horizon_days=90)


def test_no_purchases() -> None:
    with pytest.raises(NotEnoughData, match="has bought anything yet"):
        plan_cuts(first_on=None, last_on=None, as_of=DAY, horizon_days=90)


def test_old_data_tell_nothing() -> None:
    with pytest.raises(NotEnoughData, match="91 days before 2017-12-31"):
        plan_cuts(
            first_on=DAY - dt.timedelta(days=900), last_on=DAY - dt.timedelta(days=91), as_of=DAY, horizon_days=90
        )
