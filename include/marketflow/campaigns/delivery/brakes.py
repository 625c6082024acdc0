"""What slows a run down or stops it, in one place for the engine: shared limits, and when to stop.

Where nothing is configured (`rules` is None) none of it costs a statement.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import psycopg

from marketflow.campaigns.delivery.channel import Outcome
from marketflow.campaigns.delivery.guard import Guard, Stop
from marketflow.campaigns.delivery.limits import Grant, Limits
from marketflow.campaigns.delivery.limits_file import ChannelRules
from marketflow.campaigns.delivery.prepare import Prepared
from marketflow.campaigns.delivery.refusals import Refusals
from marketflow.privacy import KeyRing

CHANNEL_PAUSED = "channel_paused"


class Brakes:
    """Of one run, over the ledger's connection (in autocommit). Not thread-safe."""

    def __init__(self, conn: psycopg.Connection, channel: str, *, rules: ChannelRules | None, keys: KeyRing) -> None:
        self._limits = None if rules is None else Limits(conn, channel, rules, keys)
        self._guard = None if rules is None or rules.stop is None else Guard(conn, channel, rules.stop)
        self._refusals = Refusals()
        self.is_limited = rules is not None and rules.is_limited
        self.stops: list[Stop] = []

    def take(self, wanted: int, now: dt.datetime) -> Grant:
        """Room for up to `wanted` messages on the channel."""
        return Grant(count=wanted) if self._limits is None else self._limits.take(wanted, now)

    def unused(self, count: int) -> None:
        """So many that had room were not handed over after all."""
        if self._limits is not None:
            self._limits.unused(count)

    def put_off(self, prepared: Sequence[Prepared], now: dt.datetime) -> dict[int, dt.datetime]:
        """Messages whose domain has no room now: send id → when to try again."""
        if self._limits is None or not self._limits.has_domains:
            return {}
        written = [(p.row, p.message.address) for p in prepared if p.message is not None]
        return {written[i][0].send_id: at for i, at in self._limits.put_off(written, now).items()}

    def linger(self, now: dt.datetime) -> float:
        """Seconds to wait for what this run has put off; 0.0: for nothing."""
        return 0.0 if self._limits is None else self._limits.linger(now)

    def judge(self, going: Sequence[Prepared], outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """What the server said of a window, as it is to be settled: once for each window, and without a statement."""
        tried = [p.row.send_id for p in going if p.row.send_id in outcomes]
        return dict(zip(tried, self._refusals.judge([outcomes[send_id] for send_id in tried]), strict=True))

    def count(self, going: Sequence[Prepared], judged: Mapping[int, Outcome], now: dt.datetime) -> str | None:
        """Count a window before it is settled, tests aside, and look; why the run is to stop, if it is."""
        if self._guard is not None:
            counted = [p.row for p in going if p.row.send_id in judged and not p.row.is_test]
            heard = [(row.campaign, judged[row.send_id]) for row in counted]
            answered = [
                campaign for campaign, o in heard if o.state == "sent" or (o.state == "failed" and o.is_refusal)
            ]
            self._guard.count(answered, now, has_bounces=any(o.is_bounce for _, o in heard))
        return self._refusals.stop or self.look(now)

    def look(self, now: dt.datetime, *, at_once: bool = False) -> str | None:
        """Switch off what bounces too much. Returns the reason to stop when that is the whole channel."""
        if self._guard is None:
            return None
        found = self._guard.look(now, at_once=at_once)
        self.stops += found
        return CHANNEL_PAUSED if any(stop.campaign is None for stop in found) else None
