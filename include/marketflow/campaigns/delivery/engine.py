"""The loop: sweep, claim a batch, and window by window begin, hand over, settle. It knows ledger and channel only."""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import zip_longest

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from marketflow.campaigns.delivery.channel import Channel, Foresees, Outcome
from marketflow.campaigns.delivery.ledger import Claim, Ledger, Settlement
from marketflow.campaigns.delivery.options import DeliveryOptions, DeliverySummary
from marketflow.campaigns.delivery.pace import TokenBucket, next_try, window_of
from marketflow.campaigns.delivery.prepare import DueRow, Prepared, RendererFactory, Writer, load, windows
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, MarketflowError

log = logging.getLogger(__name__)
Connect = Callable[[], AbstractContextManager[psycopg.Connection]]
_ENDS = ("sent", "failed", "deferred", "unknown", "skipped", "expired", "released")
_IN_FLIGHT = Outcome(state="unknown", reason="interrupted")


class ChannelError(MarketflowError):
    """A channel raised instead of answering: a fault of ours. The message in hand is `unknown`, the rest went back."""


def deliver(
    connect: Connect,
    channel: Channel,
    *,
    keys: KeyRing,
    clock: Clock,
    options: DeliveryOptions,
    renderer: RendererFactory | None = None,
) -> DeliverySummary:
    """Send what is due on `channel`, across all campaigns, until nothing is or the options' limits are reached.

    `connect` opens the owner's or the sender's connection. Many may run at once, here and on other machines.
    A database that goes away raises (psycopg.OperationalError) after the window in hand is settled or, if that cannot
    be done within `options.rescue_seconds`, stays `sending` and becomes `unknown` by the next sweep.
    Raises ChannelError when a channel breaks its promise to answer.
    """
    with connect() as conn, channel:
        ledger = Ledger.over(conn, channel.name, options.lease)
        make = renderer or _content_renderer()
        writer = Writer(conn, channel.name, keys=keys, clock=clock, options=options, renderer=make)
        run = _Run(connect=connect, ledger=ledger, channel=channel, writer=writer, clock=clock, options=options)
        run.drain()
        return run.tally.summary(run.stopped)


def _content_renderer() -> RendererFactory:
    from marketflow.campaigns.content import Renderer

    return Renderer


@dataclass
class _Tally:
    """What has been done so far."""

    claimed: int = 0
    begun: int = 0
    lost: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    swept: Counter[str] = field(default_factory=Counter)

    def summary(self, stopped: str | None) -> DeliverySummary:
        return DeliverySummary(
            claimed=self.claimed,
            lost=self.lost,
            reasons=dict(self.reasons),
            stopped=stopped,
            **{state: self.states[state] for state in _ENDS},
            **{f"swept_{state}": self.swept[state] for state in ("released", "unknown", "expired")},
        )


class _Run:
    """One run: what it works with, what it has done, how long it may go on."""

    def __init__(
        self,
        *,
        connect: Connect,
        ledger: Ledger,
        channel: Channel,
        writer: Writer,
        clock: Clock,
        options: DeliveryOptions,
    ) -> None:
        self.connect, self.ledger, self.channel, self.writer = connect, ledger, channel, writer
        self.clock, self.options = clock, options
        self.window = window_of(options)
        self.bucket = TokenBucket(options.per_second, self.window)
        self.chance = random.Random()  # noqa: S311  (jitter, not a secret)
        self.started = self.swept_at = self.renewed_at = time.monotonic()
        self.tally = _Tally()
        self.stopped: str | None = None
        self.unsettled: list[Settlement] = []  # what became of the window before

    def drain(self) -> None:
        self._sweep()
        while not self._is_over():
            claim = self.ledger.claim(self._room(), self.clock.now())
            if not claim.send_ids:
                return
            self.tally.claimed += len(claim.send_ids)
            self.renewed_at = time.monotonic()
            self._batch(claim)
            if time.monotonic() - self.swept_at > self.options.lease.total_seconds() / 2:
                self._sweep()

    def _sweep(self) -> None:
        self.tally.swept += self.ledger.sweep(self.clock.now())
        self.swept_at = time.monotonic()

    def _room(self) -> int:
        most = self.options.max_messages
        return self.options.batch if most is None else min(self.options.batch, most - self.tally.begun)

    def _is_over(self) -> bool:
        if self.stopped is None and self._room() <= 0:
            self.stopped = "max_messages"
        if self.stopped is None and self._seconds_left() <= 0:
            self.stopped = "max_seconds"
        return self.stopped is not None

    def _seconds_left(self) -> float:
        most = self.options.max_seconds
        return float("inf") if most is None else most - (time.monotonic() - self.started)

    def _batch(self, claim: Claim) -> None:
        rest = list(claim.send_ids)
        try:
            with self._rescued(claim, (), {}):
                for rows in windows(load(self.ledger.conn, claim), self.window):
                    if not self._pace(claim, rest, len(rows)):
                        break
                    self._window(claim, rows)
                    rest = rest_without(rest, rows)
                self._settle(claim)
        except BaseException:
            with suppress(psycopg.Error):
                self.ledger.give_back(claim, rest)
            raise
        if rest:
            self._give_back(claim, rest)

    def _give_back(self, claim: Claim, rest: Sequence[int]) -> None:
        """What the run ended before. When the server asked for patience, all wait, and nobody is blamed for it."""
        if self.stopped in (None, "max_messages", "max_seconds"):
            self.tally.states["released"] += self.ledger.give_back(claim, rest)
            return
        count = self.ledger.give_back(claim, rest, reason=self.stopped, retry_at=self._later())
        self.tally.states["deferred"] += count
        self.tally.reasons[str(self.stopped)] += count

    def _later(self) -> dt.datetime:
        return self.clock.now() + self.options.patience

    def _pace(self, claim: Claim, rest: Sequence[int], count: int) -> bool:
        """Wait for the rate limit, holding on to the claim meanwhile; False when the run is over first."""
        third = self.options.lease.total_seconds() / 3
        while not self._is_over():
            if time.monotonic() - self.renewed_at > third:
                self.ledger.renew(claim, rest, self.clock.now())
                self.renewed_at = time.monotonic()
            wait = self.bucket.wait_for(count)
            if wait <= 0:
                return True
            self._settle(claim)  # what is done is written down before anybody waits
            time.sleep(min(wait, third, self._seconds_left()))
        return False

    def _window(self, claim: Claim, rows: Sequence[DueRow]) -> None:
        """Begin and hand over. It is settled in the transaction that begins the next: one at most is ever `sending`."""
        prepared = [self.writer.prepare(row) for row in rows]
        going, outcomes = prepared, dict[int, Outcome]()
        with self._rescued(claim, prepared, outcomes):
            looked_at = time.monotonic()
            states = self._begin(claim, [p.row.send_id for p in prepared])
            going = [p for p in prepared if states.get(p.row.send_id) == "sending"]
            self.tally.begun += len(going)
            self.tally.lost += len(prepared) - len(states)
            self.tally.states.update(s for s in states.values() if s != "sending")
            self._hand_over(going, outcomes, looked_at)
        self.unsettled = self._settlements(going, outcomes)

    def _begin(self, claim: Claim, send_ids: Sequence[int]) -> dict[int, str]:
        """Begin a window and settle the one before, if there is one: both or neither."""
        if not self.unsettled:
            return self.ledger.begin(claim, send_ids, self.clock.now())
        done, states = self.ledger.turn(claim, self.unsettled, send_ids, self.clock.now())
        self._count(done)
        return states

    def _settle(self, claim: Claim) -> None:
        """Settle the window before, if there is one."""
        if self.unsettled:
            self._count(self.ledger.settle(claim, self.unsettled, self.clock.now()))

    def _count(self, done: Mapping[int, str]) -> None:
        settled, self.unsettled = self.unsettled, []
        self.tally.lost += len(settled) - len(done)
        self.tally.states.update(done.values())
        self.tally.reasons.update(s.reason for s in settled if s.reason is not None and s.send_id in done)

    def _hand_over(self, going: Sequence[Prepared], outcomes: dict[int, Outcome], looked_at: float) -> None:
        """Call the transport, one by one. Fills `outcomes` as it goes, so that an interruption loses none."""
        fresh = min(self.options.stale_after, self.options.lease / 2).total_seconds()
        for one, after in zip_longest(going, going[1:]):
            if self.stopped is not None or time.monotonic() - looked_at > fresh:
                return  # a sender that slept on it must look again: settled as not tried
            if one.message is None:
                outcomes[one.row.send_id] = Outcome(state="failed", reason=one.reason)
                continue
            outcomes[one.row.send_id] = _IN_FLIGHT
            if isinstance(self.channel, Foresees):
                self.channel.foresee(None if after is None else after.message)
            outcome = self._send(one)
            outcomes[one.row.send_id] = outcome
            if outcome.stop:
                self.stopped = outcome.reason

    def _send(self, one: Prepared) -> Outcome:
        assert one.message is not None  # the caller has looked
        try:
            return self.channel.send(one.message)
        except Exception as error:  # noqa: BLE001  (its text may name people)
            kind = type(error).__name__
        raise ChannelError(f"the channel {self.channel.name} raised {kind} for send {one.row.send_id}")

    def _settlements(self, going: Sequence[Prepared], outcomes: dict[int, Outcome]) -> list[Settlement]:
        return [self._settlement(one.row, outcomes.get(one.row.send_id)) for one in going]

    def _settlement(self, row: DueRow, outcome: Outcome | None) -> Settlement:
        if outcome is None or not outcome.is_tried:  # begun, and never handed over
            at = self.clock.now() if self.stopped is None else self._later()
            reason = self.stopped or "not_tried"
            return Settlement(send_id=row.send_id, state="deferred", reason=reason, retry_at=at, is_tried=False)
        retry_at = None
        if outcome.state == "deferred":
            attempts = row.attempts + 1
            retry_at = next_try(self.options, self.clock.now(), attempts, outcome.retry_after, self.chance)
        return Settlement(send_id=row.send_id, state=outcome.state, reason=outcome.reason, retry_at=retry_at)

    @contextmanager
    def _rescued(self, claim: Claim, going: Sequence[Prepared], outcomes: dict[int, Outcome]) -> Iterator[None]:
        """When anything breaks with messages in hand, write down what is known of them, then let it break."""
        try:
            yield
        except BaseException as error:
            known, self.unsettled = self.unsettled + self._settlements(going, outcomes), []
            if known and isinstance(error, psycopg.OperationalError):
                self._settle_anew(claim, known)
            elif known:
                with suppress(psycopg.Error):
                    self.ledger.settle(claim, known, self.clock.now())
            raise

    def _settle_anew(self, claim: Claim, settlements: Sequence[Settlement]) -> None:
        """Over a new connection, as soon as the database is back; what cannot be written is left to the sweep."""
        patience = Retrying(
            stop=stop_after_delay(self.options.rescue_seconds),
            wait=wait_exponential(multiplier=0.1, max=2),
            retry=retry_if_exception_type(psycopg.OperationalError),
            reraise=True,
        )
        try:
            for attempt in patience:
                with attempt, self.connect() as conn:
                    ledger = Ledger.over(conn, self.ledger.channel, self.ledger.lease)
                    ledger.settle(claim, settlements, self.clock.now())
        except psycopg.Error:
            log.warning(
                "%s messages of claim %s could not be settled: they become unknown", len(settlements), claim.token
            )


def rest_without(rest: Sequence[int], rows: Sequence[DueRow]) -> list[int]:
    """Those of `rest` that are not in `rows`."""
    done = {row.send_id for row in rows}
    return [send_id for send_id in rest if send_id not in done]
