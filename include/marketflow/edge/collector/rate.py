"""How fast a key may send: a token bucket each."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_SECONDS = 10


class Rates:
    """`per_second` events for each key in the long run, ten seconds' worth at once; 0 is no limit."""

    def __init__(self, per_second: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._now = per_second, now
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when they were counted

    def wait(self, name: str, events: int) -> float:
        """0.0 when the key may send so many now, and they count as sent; else the seconds to wait, and they do not.

        A request with more events than a bucket holds passes when the bucket is full: it would wait for ever.
        """
        if not self._per_second:
            return 0.0
        now, full = self._now(), float(self._per_second * BURST_SECONDS)
        tokens, since = self._buckets.get(name, (full, now))
        tokens = min(full, tokens + (now - since) * self._per_second)
        needed = min(float(events), full)
        if tokens < needed:
            self._buckets[name] = (tokens, now)
            return (needed - tokens) / self._per_second
        self._buckets[name] = (tokens - events, now)
        return 0.0
