"""The automatic stop: when too many bounce or complain, the campaign is switched off, or the channel, with the reason.

Shares are of what was handed over in a window and since somebody switched the campaign on: late bounces of mails from
before that do not stop it again. Every sender adds what it has sent to one table every few seconds and looks then.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from marketflow.campaigns.delivery.limits_file import StopRule
from marketflow.shared import Clock
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
_EVERY = 2.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Stop:
    """What has been switched off and why, in words with figures; `campaign` is None: the whole channel."""

    channel: str
    campaign: str | None
    reason: str

    def __str__(self) -> str:
        """One line for people."""
        what = f"campaign {self.campaign}" if self.campaign else f"the channel {self.channel}"
        return f"{what} is switched off: {self.reason}"


class Guard:
    """Counts what a run hands over, and looks at the shares. Not thread-safe; `conn` is the ledger's."""

    def __init__(
        self, conn: psycopg.Connection, channel: str, rule: StopRule, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._conn, self._channel, self._rule, self._ticks = conn, channel, rule, ticks
        self._answered: Counter[str] = Counter()
        self._looked_at: float | None = None

    def count(self, campaigns: Iterable[str], now: dt.datetime, *, has_bounces: bool) -> None:
        """Messages that got their answer. Before their bounces are written, so that no share is ever too high."""
        self._answered.update(campaigns)
        if has_bounces:
            self._flush(now)

    def look(self, now: dt.datetime, *, at_once: bool = False) -> list[Stop]:
        """Switch off what has passed its limit; every few seconds only, or `at_once`. Returns what was switched off."""
        if not at_once and self._looked_at is not None and self._ticks() - self._looked_at < _EVERY:
            return []
        self._looked_at = self._ticks()
        self._flush(now)
        return apply_stop(self._conn, self._channel, self._rule, now)

    def _flush(self, now: dt.datetime) -> None:
        if not self._answered:
            return
        names = sorted(self._answered)
        values = {
            "channel": self._channel,
            "now": now,
            "campaigns": names,
            "answered": [self._answered[n] for n in names],
        }
        self._conn.execute(queries("limits")["counts_add"], values)
        self._answered.clear()


def apply_stop(conn: psycopg.Connection, channel: str, rule: StopRule, now: dt.datetime) -> list[Stop]:
    """Switch off the campaigns of the channel, and the channel, that have passed their limit; commits nothing."""
    q = queries("limits")
    params: dict[str, Any] = {
        "channel": channel,
        "now": now,
        "since": now - dt.timedelta(hours=rule.window_hours),
        "bounces_percent": rule.bounces_percent,
        "complaints_percent": rule.complaints_percent,
        "at_least": rule.at_least,
        "reports": rule.at_least_reports,
    }
    stops = [
        Stop(channel=channel, campaign=name, reason=reason)
        for name, reason in conn.execute(q["stop_campaigns"], params).fetchall()
    ]
    stops += [
        Stop(channel=channel, campaign=None, reason=reason)
        for (reason,) in conn.execute(q["stop_channel"], params).fetchall()
    ]
    for stop in stops:
        log.warning("%s", stop)
    return stops


def forget_allowances(conn: psycopg.Connection, clock: Clock) -> dict[str, int]:
    """Delete what no limit and no automatic stop looks at any longer; rows by table."""
    now, q = clock.now(), queries("limits")
    with conn.transaction():
        return {
            "rate_budgets": conn.execute(q["budgets_forget"], {"before": now - dt.timedelta(days=2)}).rowcount,
            "delivery_counts": conn.execute(q["counts_forget"], {"before": now - dt.timedelta(days=8)}).rowcount,
        }


def switch_channel(
    conn: psycopg.Connection, channel: str, *, paused: bool, by: str, reason: str | None, clock: Clock
) -> bool:
    """Turn a channel off or on; was it otherwise before? Turned on, it counts bounces and complaints anew."""
    values = {"channel": channel, "paused": paused, "by": by, "reason": reason, "now": clock.now()}
    with conn.transaction():
        return conn.execute(queries("limits")["channel_switch"], values).fetchone() is not None


def channel_stop(conn: psycopg.Connection, channel: str) -> str | None:
    """Who switched the channel off and why, in words; None: it is on."""
    row = conn.execute(queries("limits")["channel_state"], {"channel": channel}).fetchone()
    return f"switched off by {row[1]} at {row[0]:%Y-%m-%d %H:%M} UTC ({row[2] or 'no reason given'})" if row else None


def campaign_stop(conn: psycopg.Connection, campaign: str) -> str | None:
    """Why a campaign was switched off by itself, in words, and whether a person holds it since; None: it was not."""
    row = conn.execute(queries("limits")["campaign_stop"], {"campaign": campaign}).fetchone()
    if row is None:
        return None
    reason, since, is_held = row
    held = "; it is held with Control campaign, too, and has to be resumed there" if is_held else ""
    return f"{reason} (since {since:%Y-%m-%d %H:%M} UTC{held})"
