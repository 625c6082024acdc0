"""Clocks that a sender cannot trust blindly: one that stands still while the machine sleeps, one that is hours off."""

from __future__ import annotations

import datetime as dt
import time

import psycopg

from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import queries

_APART = dt.timedelta(hours=1)


class WrongClockError(MarketflowError):
    """The clock of this machine and the database server's are hours apart."""


class Since:
    """How long something is ago, whatever happens to one of the clocks.

    The monotonic clock stands still while a machine is suspended, the given one may be set back: the larger counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._at, self._ticks = clock, clock.now(), time.monotonic()

    def seconds(self) -> float:
        """Seconds, never too few."""
        return max(time.monotonic() - self._ticks, (self._clock.now() - self._at).total_seconds())


def check_clock(conn: psycopg.Connection, clock: Clock) -> None:
    """Raise WrongClockError when this machine's clock is far from the database server's, whatever time is given.

    A sender whose clock is days ahead would end for good what has days left, and send what is not due.
    """
    row = conn.execute(queries("delivery")["server_clock"]).fetchone()
    assert row is not None  # a SELECT without FROM
    apart = clock.machine() - row[0]
    if abs(apart) > _APART:
        hours = abs(apart) / dt.timedelta(hours=1)
        side = "ahead of" if apart > dt.timedelta(0) else "behind"
        raise WrongClockError(
            f"the clock of this machine is {hours:.0f} hours {side} the database server's: nothing is sent"
            " until they agree"
        )
