"""Handing a window over to the transport, one by one, and what each message becomes in the ledger then."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from itertools import zip_longest

from marketflow.campaigns.delivery.channel import Channel, Foresees, Outcome
from marketflow.campaigns.delivery.clocks import Since
from marketflow.campaigns.delivery.ledger import Settlement
from marketflow.campaigns.delivery.options import DeliveryOptions
from marketflow.campaigns.delivery.pace import next_try
from marketflow.campaigns.delivery.prepare import DueRow, Prepared
from marketflow.shared import Clock, MarketflowError

_IN_FLIGHT = Outcome(state="unknown", reason="interrupted")


class ChannelError(MarketflowError):
    """A channel raised instead of answering: a fault of ours. The message in hand is `unknown`, the rest went back."""


class Handover:
    """From a window that has begun to what the channel said of it."""

    def __init__(self, channel: Channel, clock: Clock, options: DeliveryOptions) -> None:
        self._channel, self._clock, self._options = channel, clock, options
        self._foresees = channel if isinstance(channel, Foresees) else None
        self._fresh = min(options.stale_after, options.lease / 2).total_seconds()
        self._chance = random.Random()  # noqa: S311  (jitter, not a secret)

    def hand_over(self, going: Sequence[Prepared], outcomes: dict[int, Outcome], looked: Since) -> str | None:
        """Call the transport, one by one; the reason to stop, if it gave one.

        Fills `outcomes` as it goes, so that an interruption loses none. Who is not in it has not been tried: a sender
        that slept since it `looked` must look again.
        """
        for one, after in zip_longest(going, going[1:]):
            if looked.seconds() > self._fresh:
                return None
            if one.message is None:
                outcomes[one.row.send_id] = Outcome(state="failed", reason=one.reason)
                continue
            outcomes[one.row.send_id] = _IN_FLIGHT
            if self._foresees is not None:
                self._foresees.foresee(None if after is None else after.message)
            outcome = self._send(one)
            outcomes[one.row.send_id] = outcome
            if outcome.stop:
                return outcome.reason
        return None

    def _send(self, one: Prepared) -> Outcome:
        assert one.message is not None  # the caller has looked
        try:
            return self._channel.send(one.message)
        except Exception as error:  # noqa: BLE001  (its text may name people)
            kind = type(error).__name__
        raise ChannelError(f"the channel {self._channel.name} raised {kind} for send {one.row.send_id}")

    def settlement(self, row: DueRow, outcome: Outcome) -> Settlement:
        """What a message becomes that was tried."""
        retry_at: dt.datetime | None = None
        if outcome.state == "deferred":
            attempts = row.attempts + 1
            retry_at = next_try(self._options, self._clock.now(), attempts, outcome.retry_after, self._chance)
        bounce = outcome.code or outcome.reason if outcome.is_bounce else None
        return Settlement(
            send_id=row.send_id, state=outcome.state, reason=outcome.reason, retry_at=retry_at, bounce=bounce
        )
