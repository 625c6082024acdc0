"""Rates and backoff, on clocks that tests move."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_fixture import NOW, options
from marketflow.campaigns.delivery.limits_file import ChannelRules
from marketflow.campaigns.delivery.pace import TokenBucket, next_try, window_of


def test_a_bucket_gives_a_burst_then_the_rate() -> None:
    ticks = [0.0]
    bucket = TokenBucket(2.0, 4, lambda: ticks[0])
    assert bucket.wait_for(4) == 0.0
    assert bucket.wait_for(1) == pytest.approx(0.5)
    ticks[0] = 0.5
    assert bucket.wait_for(1) == 0.0
    ticks[0] = 100.0  # idle time is not saved up beyond the burst
    assert bucket.wait_for(4) == 0.0
    assert bucket.wait_for(4) == pytest.approx(2.0)


def test_no_limit_waits_for_nothing() -> None:
    assert TokenBucket(None, 8).wait_for(10_000) == 0.0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), max_size=50), st.floats(0.1, 50))
def test_no_interval_exceeds_the_rate(steps: list[tuple[float, int]], rate: float) -> None:
    ticks, taken = [0.0], 0
    bucket = TokenBucket(rate, 5, lambda: ticks[0])
    for pause, tokens in steps:
        ticks[0] += pause
        taken += tokens if bucket.wait_for(tokens) == 0.0 else 0
        assert taken <= 5 + rate * ticks[0] + 1e-6


def test_a_window_is_at_most_a_second_of_the_rate() -> None:
    assert [window_of(options(per_second=r)) for r in (None, 0.1, 3.0, 100.0)] == [8, 1, 3, 8]


def test_a_window_is_no_more_than_a_shared_limit_gives_at_once() -> None:
    rates = (0.1, 3.0, 14.0, 20.0, 100.0)
    shared = [window_of(options(window=32, rules=ChannelRules(per_second=r))) for r in rates]
    assert shared == [1, 1, 2, 4, 20]
    assert window_of(options(window=32, rules=ChannelRules(per_hour=1))) == 32
    assert window_of(options(per_second=0.5, rules=ChannelRules(per_second=100.0))) == 1


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_backoff_doubles_up_to_a_bound_and_never_bunches(attempts: int, seed: int) -> None:
    wait = next_try(options(), NOW, attempts, None, random.Random(seed)) - NOW
    whole = min(dt.timedelta(hours=1), dt.timedelta(minutes=2 ** min(attempts - 1, 10)))
    assert whole / 2 <= wait <= whole


@pytest.mark.parametrize(("asked", "least"), [(None, 0), (-5.0, 0), (7200.0, 7200), (1e12, 7 * 86_400)])
def test_what_the_server_asks_for_is_kept_within_reason(asked: float | None, least: int) -> None:
    wait = next_try(options(), NOW, 1, asked, random.Random(1)) - NOW
    assert dt.timedelta(seconds=least) <= wait <= dt.timedelta(days=7)
