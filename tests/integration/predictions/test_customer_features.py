"""Features: by hand, and the same from a warehouse that ends on the day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg
import pytest

from integration.predictions.rhythms import DAY, rhythmic, write
from marketflow.predictions.customers.features import Reading, read_features, read_next_purchases, read_span, sample_of
from marketflow.predictions.customers.rhythm import rhythm_of
from marketflow.predictions.customers.signs import FAMILY_OF_SIGN, signs_of

YEAR = Reading(window_days=365)


def back(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


def test_features_by_hand(conn: psycopg.Connection) -> None:
    write(
        conn,
        [
            (1, back(90), "sale", 10.0),
            (1, back(20), "sale", 20.0),
            (1, back(20), "sale", None),
            (1, back(15), "return", -5.0),
            (1, back(10), "sale", 30.0),
            (1, DAY + dt.timedelta(days=3), "sale", 99.0),
            (2, back(370), "sale", 1.0),
            (3, back(5), "return", -1.0),
        ],
    )
    frame = read_features(conn, DAY, YEAR)
    assert frame["customer_id"].tolist() == [1], "2 bought before the window, 3 never"
    row = frame.iloc[0]
    assert (row["first_on"].date(), row["last_on"].date(), row["last_gap"]) == (back(90), back(10), 10)
    assert (row["purchase_days"], row["sales"], row["returns"]) == (3, 4, 1)
    assert [row[f"days_{n}"] for n in (14, 28, 56, 84)] == [1, 2, 2, 2]
    assert (row["revenue"], row["revenue_84"]) == (55.0, 45.0)
    logs = np.log([70, 10])
    assert row["mean_log_gap"] == pytest.approx(logs.mean())
    assert row["std_log_gap"] == pytest.approx(logs.std(ddof=1))
    assert row["recent_log_gap"] == pytest.approx(logs.mean()), "both gaps ended in the last 84 days"
    assert read_next_purchases(conn, frame, until=DAY + dt.timedelta(days=2)).tolist() == [np.inf]
    assert read_next_purchases(conn, frame, until=DAY + dt.timedelta(days=3)).tolist() == [3.0]
    earlier = read_features(conn, back(20), YEAR)
    assert read_next_purchases(conn, earlier, until=back(11)).tolist() == [np.inf, np.inf], "that of the day is known"
    assert read_next_purchases(conn, earlier, until=back(10)).tolist() == [10.0, np.inf]


@pytest.mark.parametrize("cut", [back(30), back(181), back(300)])
def test_the_future_is_not_seen(conn: psycopg.Connection, cut: dt.date) -> None:
    from pandas.testing import assert_frame_equal

    write(conn, rhythmic(120))
    before, span = read_features(conn, cut, YEAR), read_span(conn, cut)
    conn.execute("DELETE FROM core.orders WHERE ordered_on > %s", [cut])
    after = read_features(conn, cut, YEAR)
    assert len(before) > 20
    assert_frame_equal(before, after, check_exact=True)
    assert read_span(conn, cut) == span


def test_a_sample_is_some_of_them_with_the_same_figures(conn: psycopg.Connection) -> None:
    from pandas.testing import assert_frame_equal

    write(conn, rhythmic(300))
    whole = read_features(conn, DAY, YEAR)
    part = read_features(conn, DAY, Reading(window_days=365, sample_of=3))
    assert 0.2 * len(whole) < len(part) < 0.5 * len(whole)
    rows = whole[whole["customer_id"].isin(part["customer_id"])].reset_index(drop=True)
    assert_frame_equal(rows, part, check_exact=True)
    waits = read_next_purchases(conn, read_features(conn, back(60), YEAR), until=DAY)
    assert np.isfinite(waits).any()


@pytest.mark.parametrize(("customers", "of"), [(0, 1), (1, 1), (50_000, 1), (50_001, 2), (1_000_000, 20)])
def test_how_many_are_taken(customers: int, of: int) -> None:
    assert sample_of(customers, 50_000) == of


def test_who_turned_out_to_be_another_is_not_foreseen(conn: psycopg.Connection) -> None:
    write(conn, [(1, DAY, "sale", 1.0), (2, DAY, "sale", 1.0)])
    conn.execute("UPDATE core.customers SET merged_into = 1 WHERE customer_id = 2")
    assert read_features(conn, DAY, YEAR)["customer_id"].tolist() == [1]
    assert read_span(conn, DAY).customers == 1


def test_no_orders_are_no_rows(conn: psycopg.Connection) -> None:
    frame = read_features(conn, DAY, YEAR)
    assert frame.empty
    assert len(read_next_purchases(conn, frame, until=DAY)) == 0
    assert signs_of(frame, rhythm_of(frame), np.empty(0, dtype=np.int64)).shape == (0, len(FAMILY_OF_SIGN))
    assert read_span(conn, DAY).first_on is None


def test_a_thousand_orders_in_a_day_and_negative_revenue_are_one_customer_like_others(conn: psycopg.Connection) -> None:
    write(conn, [(1, DAY, "sale", -3.0)] * 1000 + [(2, DAY, "return", -50.0), (2, back(3), "sale", 0.0)])
    frame = read_features(conn, DAY, YEAR)
    assert frame["purchase_days"].tolist() == [1, 1]
    assert frame["revenue"].tolist() == [-3000.0, -50.0]
    rhythm = rhythm_of(frame)
    signs = signs_of(frame, rhythm, rhythm.churn_days(7, 90))
    assert signs.shape == (2, len(FAMILY_OF_SIGN))
    assert np.isfinite(signs).all()
