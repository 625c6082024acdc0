"""Attribution: paths shared out by hand, and the laws that hold for all of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.evaluation.attribution import MODELS, parts, shares, touches_before

DAY = dt.timedelta(days=1)
START = dt.datetime(2018, 1, 1, 12, tzinfo=dt.UTC)
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)

# By hand: the touches' days, and what each gets. A half-life is 7 days, so a touch a week older weighs half.
PATHS: list[tuple[list[float], dict[str, list[Fraction | int]]]] = [
    ([0], {"first": [1], "last": [1], "linear": [1], "time_decay": [1], "position": [1]}),
    (
        [0, 7],
        {
            "first": [1, 0], "last": [0, 1], "linear": [HALF, HALF], "time_decay": [THIRD, 2 * THIRD],
            "position": [HALF, HALF],
        },
    ),
    (
        [0, 7, 14],
        {
            "first": [1, 0, 0], "last": [0, 0, 1], "linear": [THIRD] * 3,
            "time_decay": [Fraction(1, 7), Fraction(2, 7), Fraction(4, 7)],
            "position": [Fraction(2, 5), Fraction(1, 5), Fraction(2, 5)],
        },
    ),
    (
        [0, 7, 7, 14, 28],
        {
            "first": [1, 0, 0, 0, 0], "last": [0, 0, 0, 0, 1], "linear": [Fraction(1, 5)] * 5,
            "time_decay": [Fraction(1, 25), Fraction(2, 25), Fraction(2, 25), Fraction(4, 25), Fraction(16, 25)],
            "position": [Fraction(2, 5), Fraction(1, 15), Fraction(1, 15), Fraction(1, 15), Fraction(2, 5)],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("days", "by_hand"), PATHS)
@pytest.mark.parametrize("model", MODELS)
def test_paths_by_hand(days: list[float], by_hand: dict[str, list[Fraction | int]], model: str) -> None:
    found = shares(model, [START + day * DAY for day in days])
    assert sum(found) == 1
    assert [float(share) for share in found] == pytest.approx([float(s) for s in by_hand[model]], abs=2e-12)


def test_money_by_hand() -> None:
    thirds = shares("linear", [START, START + DAY, START + 2 * DAY])
    assert parts(Decimal("10.00"), thirds) == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]
    assert parts(Decimal("0.01"), thirds) == [Decimal("0.00"), Decimal("0.01"), Decimal("0.00")]
    assert parts(Decimal("-10.00"), thirds) == [Decimal("-3.33"), Decimal("-3.34"), Decimal("-3.33")]


def test_only_touches_before_the_order_and_within_their_own_window_count() -> None:
    touches = [(START, 2.0), (START, 1.0), (START + DAY, 7.0), (START + 2 * DAY, 7.0)]
    assert touches_before(START + 2 * DAY, touches) == [(START, 2.0), (START + DAY, 7.0)]


TIMES = st.lists(st.integers(0, 90 * 24 * 3600), max_size=30).map(
    lambda seconds: [START + dt.timedelta(seconds=s) for s in sorted(seconds)]
)


@given(TIMES, st.sampled_from(MODELS), st.floats(0.01, 1000), st.decimals(-10_000, 10_000, places=2))
def test_laws(touched_at: list[dt.datetime], model: str, half_life: float, amount: Decimal) -> None:
    found = shares(model, touched_at, half_life_days=half_life)
    assert len(found) == len(touched_at)
    if not touched_at:
        return
    assert sum(found) == 1
    assert all(0 <= share <= 1 for share in found)
    money = parts(amount, found)
    assert sum(money) == amount
    assert all(abs(part - amount * share) < Decimal("0.01") for part, share in zip(money, found, strict=True))
    if model == "time_decay":
        assert all(later >= earlier - Decimal(2).scaleb(-12) for earlier, later in pairwise(found))
    later = [at + 40 * DAY for at in touched_at]
    assert shares(model, later, half_life_days=half_life) == found  # only the distances count


@given(TIMES)
def test_a_half_life_without_end_is_linear_and_one_of_nothing_is_last(touched_at: list[dt.datetime]) -> None:
    linear = [float(s) for s in shares("linear", touched_at)]
    assert [float(s) for s in shares("time_decay", touched_at, half_life_days=1e9)] == pytest.approx(linear, abs=1e-6)
    if len(set(touched_at)) == len(touched_at):
        assert shares("time_decay", touched_at, half_life_days=1e-9) == shares("last", touched_at)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no model 'markov'; there are first, last, linear"):
        shares("markov", [START])
    with pytest.raises(ValueError, match="more than 0 days"):
        shares("time_decay", [START], half_life_days=0)
    with pytest.raises(ValueError, match="from the oldest to the newest"):
        shares("linear", [START + DAY, START])
