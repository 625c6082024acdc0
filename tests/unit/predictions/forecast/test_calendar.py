"""What the regression is told of each day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from marketflow.predictions.forecast.calendar import Calendar, Promotion, holidays_of

MONDAY = dt.date(2017, 1, 2)


def test_weekdays_and_no_column_that_never_varies() -> None:
    features = Calendar(MONDAY, 35).features(28, 7)
    assert features.shape == (35, 6)
    assert features[0].tolist() == [0] * 6  # a Monday is what the others differ from
    assert features[6].tolist() == [0, 0, 0, 0, 0, 1]


def test_the_day_of_a_holiday_and_those_around_it() -> None:
    around = Calendar(MONDAY, 35, {MONDAY + dt.timedelta(days=10): "x"}).features(28, 7)[:, 6:]
    assert np.argwhere(around).tolist() == [[9, 0], [10, 1], [11, 2]]


@pytest.mark.parametrize(("seen", "columns"), [(89, 6), (90, 10), (729, 10), (730, 16)])
def test_month_and_year_only_where_they_came_back(seen: int, columns: int) -> None:
    assert Calendar(MONDAY, seen + 7).features(seen, 7).shape[1] == columns


def test_a_promotion_counts_from_the_day_it_was_known() -> None:
    def day(n: int) -> dt.date:
        return MONDAY + dt.timedelta(days=n)

    early = Promotion(first_on=day(-5), last_on=day(2), known_on=day(-9))
    coming = Promotion(first_on=day(27), last_on=day(99), known_on=day(20))
    calendar = Calendar(MONDAY, 40, {}, (early, coming))
    assert calendar.features(28, 3)[:, -1].tolist() == [1, 1, 1] + [0] * 24 + [1] * 4
    unknown = Calendar(MONDAY, 40, {}, (early, Promotion(first_on=day(29), last_on=day(30), known_on=day(28))))
    assert unknown.features(28, 3)[:, -1].tolist() == [1, 1, 1] + [0] * 28


def test_holidays_by_country() -> None:
    found = holidays_of("US", dt.date(2017, 7, 1), dt.date(2017, 12, 31))
    assert found[dt.date(2017, 7, 4)] == "Independence Day"
    assert dt.date(2017, 10, 3) in holidays_of("DE", dt.date(2017, 7, 1), dt.date(2017, 12, 31))
    assert holidays_of("XX", dt.date(2017, 7, 1), dt.date(2017, 12, 31)) == {}
