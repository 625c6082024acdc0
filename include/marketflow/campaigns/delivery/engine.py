"""The loop: sweep, claim a batch, and window by window begin, hand over, settle. It knows ledger and channel only."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psycopg

from marketflow.campaigns.delivery.brakes import CHANNEL_PAUSED, Brakes
from marketflow.campaigns.delivery.channel import Channel, Outcome
from marketflow.campaigns.delivery.clocks import Since, check_clock
from marketflow.campaigns.delivery.faults import Faults
from marketflow.campaigns.delivery.handover import Handover
from marketflow.campaigns.delivery.ledger import Claim, Connect, Ledger, Settlement, settle_anew
from marketflow.campaigns.delivery.options import DeliveryOptions, DeliverySummary
from marketflow.campaigns.delivery.pace import TokenBucket, window_of
from marketflow.campaigns.delivery.prepare import (
    RENDER_ERROR,
    DueRow,
    Prepared,
    RendererFactory,
    Writer,
    load,
    rest_without,
    windows,
)
from marketflow.campaigns.delivery.tally import Tally
from marketflow.privacy import KeyRing
from marketflow.shared import Clock

_NO_PATIENCE = (None, "max_messages", "max_seconds", CHANNEL_PAUSED)  # what is left may go at once, when it may


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
    Raises ChannelError when a channel breaks its promise to answer, and WrongClockError when this machine's clock is
    hours from the database server's.
    """
    with connect() as conn, channel:
        ledger = Ledger.over(conn, channel.name, options.lease, options.policy, options.time_zone)
        make = renderer or _content_renderer()
        writer = Writer(conn, channel.name, keys=keys, clock=clock, options=options, renderer=make)
        brakes = Brakes(conn, channel.name, rules=options.rules, keys=keys)
        run = _Run(
            connect=connect, ledger=ledger, channel=channel, writer=writer, clock=clock, options=options, brakes=brakes
        )
        run.drain()
        return run.tally.summary(run.stopped, [str(stop) for stop in brakes.stops])


def _content_renderer() -> RendererFactory:
    from marketflow.campaigns.content import Renderer

    return Renderer


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
        brakes: Brakes,
    ) -> None:
        self.brakes, self.faults = brakes, Faults()
        self.connect, self.ledger, self.writer = connect, ledger, writer
        self.clock, self.options = clock, options
        self.window = window_of(options)
        self.bucket = TokenBucket(options.per_second, self.window)
        self.handover = Handover(channel, clock, options)
        self.started = self.swept_at = self.renewed_at = time.monotonic()
        self.tally = Tally()
        self.stopped: str | None = None
        self.retry_at: dt.datetime | None = None  # when a limit lets the rest go, if one stopped the run
        self.unsettled: list[Settlement] = []  # what became of the window before

    def drain(self) -> None:
        self._sweep()
        self.stopped = self.brakes.look(self.clock.now(), at_once=True)
        while not self._is_over():
            claim = self.ledger.claim(self._room(), self.clock.now())
            if not claim.send_ids:
                if self._linger():
                    continue
                break
            self.tally.claimed += len(claim.send_ids)
            self.renewed_at = time.monotonic()
            self._batch(claim)
            if time.monotonic() - self.swept_at > self.options.lease.total_seconds() / 2:
                self._sweep()
        stop = self.brakes.look(self.clock.now(), at_once=True)
        self.stopped = self.stopped or stop

    def _linger(self) -> bool:
        """Wait for what a domain's limit has put off for a moment; False when there is nothing to wait for."""
        wait = min(self.brakes.linger(self.clock.now()), 1.0, self._seconds_left())
        if wait > 0:
            time.sleep(wait)
        return wait > 0

    def _sweep(self) -> None:
        check_clock(self.ledger.conn, self.clock)
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
                due = load(self.ledger.conn, claim)
                if broken := [row for row in due if self.faults.is_broken(row.plan_id)]:
                    self._leave_alone(claim, broken)
                    rest = rest_without(rest, broken)
                    due = [row for row in due if not self.faults.is_broken(row.plan_id)]
                for rows in windows(due, self.window):
                    count = self._pace(claim, rest, len(rows))
                    if not count:
                        break
                    left = self._window(claim, rows[:count])
                    rest = [*rest_without(rest, rows[:count]), *left]
                self._settle(claim)
        except BaseException:
            with suppress(psycopg.Error):
                self.ledger.give_back(claim, rest)
            raise
        if rest:
            self._give_back(claim, rest)

    def _leave_alone(self, claim: Claim, rows: Sequence[DueRow]) -> None:
        """Those of a plan that cannot be written wait without a try: they take no room and no time from others."""
        later = self.clock.now() + self.options.longest_retry
        self._put_off(claim, dict.fromkeys((row.send_id for row in rows), later), RENDER_ERROR)

    def _put_off(self, claim: Claim, later: Mapping[int, dt.datetime], reason: str) -> None:
        count = self.ledger.put_off(claim, later, reason)
        self.tally.lost += len(later) - count
        self.tally.put_off(count, reason)

    def _give_back(self, claim: Claim, rest: Sequence[int]) -> None:
        """What the run ended before, and what was passed over.

        When the server asked for patience, all wait, and nobody is blamed for it.
        """
        if self.stopped in _NO_PATIENCE:
            count = self.ledger.give_back(claim, rest)
            self.tally.states["released"] += count
        else:
            count = self.ledger.give_back(claim, rest, reason=self.stopped, retry_at=self._later())
            self.tally.put_off(count, str(self.stopped))
        self.tally.lost += len(rest) - count

    def _later(self) -> dt.datetime:
        return self.retry_at or self.clock.now() + self.options.patience

    def _pace(self, claim: Claim, rest: Sequence[int], count: int) -> int:
        """Wait for the rate limits, holding on to the claim meanwhile; how many may go; 0: the run is over."""
        third, granted = self.options.lease.total_seconds() / 3, 0
        while not self._is_over():
            if time.monotonic() - self.renewed_at > third:
                self.ledger.renew(claim, rest, self.clock.now())
                self.renewed_at = time.monotonic()
            if not granted:
                grant = self.brakes.take(count, self.clock.now())
                granted, wait = grant.count, grant.wait
                if grant.reason is not None:
                    self.stopped, self.retry_at = grant.reason, grant.retry_at
                    return 0
            if granted:
                wait = self.bucket.wait_for(granted)
                if wait <= 0:
                    return granted
            self._settle(claim)  # what is done is written down before anybody waits
            time.sleep(max(0.0, min(wait, third, self._seconds_left())))
        self.brakes.unused(granted)
        return 0

    def _window(self, claim: Claim, rows: Sequence[DueRow]) -> list[int]:
        """Begin and hand over. It is settled in the transaction that begins the next: one at most is ever `sending`.

        Returns what was passed over: not ours any more, or locked for a moment by somebody who looks at it.
        """
        prepared = self._with_room(claim, [self.writer.prepare(row) for row in rows])
        if not prepared:
            self.brakes.unused(len(rows))
            return []
        going, outcomes = prepared, dict[int, Outcome]()
        with self._rescued(claim, prepared, outcomes):
            looked = Since(self.clock)
            states = self._begin(claim, [p.row.send_id for p in prepared])
            going = [p for p in prepared if states.get(p.row.send_id) == "sending"]
            self.tally.begun += len(going)
            self.tally.states.update(s for s in states.values() if s != "sending")
            self.brakes.unused(len(rows) - len(going))
            try:
                self.stopped = self.handover.hand_over(going, outcomes, looked)
            finally:
                outcomes.update(self.brakes.judge(going, outcomes))
                outcomes.update(self.faults.judge(going, outcomes))
            stop = self.brakes.count(going, outcomes, self.clock.now())
            self.stopped = self.stopped or self.faults.stop or stop
        self.unsettled = self._settlements(going, outcomes)
        return [p.row.send_id for p in prepared if p.row.send_id not in states]

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
        self.tally.settled(settled, done)

    def _with_room(self, claim: Claim, prepared: Sequence[Prepared]) -> Sequence[Prepared]:
        """Those whose domain has room; the others are put off, each until its turn, and hold up nobody."""
        if later := self.brakes.put_off(prepared, self.clock.now()):
            self._put_off(claim, later, "domain_limit")
        return [p for p in prepared if p.row.send_id not in later]

    def _settlements(self, going: Sequence[Prepared], outcomes: dict[int, Outcome]) -> list[Settlement]:
        return [self._settlement(one.row, outcomes.get(one.row.send_id)) for one in going]

    def _settlement(self, row: DueRow, outcome: Outcome | None) -> Settlement:
        if outcome is None or not outcome.is_tried:  # begun, and never handed over
            at = self.clock.now() if self.stopped is None else self._later()
            reason = self.stopped or "not_tried"
            return Settlement(send_id=row.send_id, state="deferred", reason=reason, retry_at=at, is_tried=False)
        return self.handover.settlement(row, outcome)

    @contextmanager
    def _rescued(self, claim: Claim, going: Sequence[Prepared], outcomes: dict[int, Outcome]) -> Iterator[None]:
        """When anything breaks with messages in hand, write down what is known of them, then let it break."""
        try:
            yield
        except BaseException as error:
            known, self.unsettled = self.unsettled + self._settlements(going, outcomes), []
            if known and isinstance(error, psycopg.OperationalError):
                settle_anew(
                    self.connect, self.ledger, claim, known, clock=self.clock, seconds=self.options.rescue_seconds
                )
            elif known:
                with suppress(psycopg.Error):
                    self.ledger.settle(claim, known, self.clock.now())
            raise
