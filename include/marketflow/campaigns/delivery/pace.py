"""How fast, and when again: a token bucket and exponential backoff."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable

from marketflow.campaigns.delivery.limits import step_of
from marketflow.campaigns.delivery.options import DeliveryOptions


class TokenBucket:
    """At most `per_second` messages a second on average, `burst` at once; on the monotonic clock, which no one sets."""

    def __init__(self, per_second: float | None, burst: int, ticks: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._burst = burst
        self._ticks = ticks
        self._tokens = float(burst)
        self._at = ticks()

    def wait_for(self, tokens: int) -> float:
        """Seconds until `tokens` (at most `burst`) may be taken; 0.0 takes them."""
        if self._rate is None:
            return 0.0
        now = self._ticks()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self._rate


def window_of(options: DeliveryOptions) -> int:
    """Messages begun at a time: under a rate limit no more than a second's worth, so that a pause is felt at once.

    Under a limit that is shared, no more than what it gives at once: what it would give while a longer window is sent
    is lost.
    """
    shared = options.rules.per_second if options.rules is not None else None
    most = [options.window]
    if options.per_second is not None:
        most.append(int(options.per_second))
    if shared is not None:
        most.append(step_of(shared))
    return max(1, min(most))


def next_try(
    options: DeliveryOptions, now: dt.datetime, attempts: int, retry_after: float | None, chance: random.Random
) -> dt.datetime:
    """When to try again after `attempts` tries; never before what the server asked for.

    Doubling from `first_retry` up to `longest_retry`, and of that a random half to whole, so that what failed together
    does not come back together.
    """
    doubled = options.first_retry * (1 << min(attempts - 1, 20))
    wait = min(options.longest_retry, doubled) * chance.uniform(0.5, 1.0)
    asked = dt.timedelta(seconds=min(max(retry_after or 0.0, 0.0), 7 * 86_400.0))
    return now + max(wait, asked)
