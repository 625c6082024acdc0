"""The reckoning: each row of the ledger against the mail server's own record, by Message-ID, and each unknown accounted for."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from fire.rules import QUIET_FROM, QUIET_TO
from fire.server import treatment
from fire.stage import Database
from smtp_server import read_record

FAILED = {"gone": "smtp_550", "spam": "smtp_554"}
KNOWN_ZONES = available_timezones()
UNKNOWN = {"sender_lost", "no_reply"}
PUT_OFF = {"smtp_451", "quiet_hours", "domain_limit"}
FIELDS = (
    "message_id", "contact_point_id", "campaign", "state", "reason", "claim_token", "attempts", "sending_at", "time_zone",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Toll:
    """What was done to the machinery, and so what it may cost: `window` messages a kill, one a cut connection.

    `killed`: the names of the senders that were; `senders`: how many there were at a time.
    """

    window: int
    senders: int
    killed: list[str]
    mail_restarts: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the ledger, and what the mail server did with it."""

    message_id: str
    contact_point_id: int
    campaign: str
    state: str
    reason: str | None
    claim_token: Any
    attempts: int
    sending_at: dt.datetime | None
    time_zone: str
    address: str
    is_taken: bool

    @property
    def treatment(self) -> str:
        return treatment(self.address)


def reckon(database: Database, record: Path, addresses: dict[int, str], toll: Toll) -> Counter[tuple[str, str | None]]:
    """Fails unless nobody has two, nobody is lost, and no more is unknown than the toll explains.

    Returns how many rows are in which state for which reason.
    """
    taken = read_record(record)
    got = {a.message_id: a.recipient for a in taken}
    doubled = {m: n for m, n in Counter(a.message_id for a in taken).items() if n > 1}
    assert not doubled, f"{len(doubled)} messages were taken twice"
    # the cap is one mail a week over both campaigns, and none of them lives longer
    assert max(Counter(a.recipient for a in taken).values()) == 1, "somebody has two mails: the cap is broken"
    found = database.ask(
        "SELECT s.message_id, s.contact_point_id, s.campaign, s.state, s.reason, s.claim_token, s.attempts, s.sending_at,"
        " k.time_zone FROM activation.sends AS s INNER JOIN core.customers AS k USING (customer_id)"
    )
    rows = [Row(**dict(zip(FIELDS, r, strict=True)), address=addresses[r[1]], is_taken=r[0] in got) for r in found]
    assert len(rows) == len({r.message_id for r in rows}) == database.ask("SELECT count(*) FROM activation.sends")[0][0]
    assert got.keys() <= {r.message_id for r in rows}, "a mail that no row knows"
    begun = Counter(r.contact_point_id for r in rows if r.attempts)
    for row in rows:
        assert got.get(row.message_id) in (None, row.address), "a mail went to somebody else"
        rivals = begun[row.contact_point_id] - (row.attempts > 0)
        wrong = verdict(row, has_rival=rivals > 0) or night(row)
        assert wrong is None, f"{row.address} is {row.state} ({row.reason}) in {row.campaign}: {wrong}"
    check_unknown(rows, dict(database.ask("SELECT claim_token, sender FROM public.claims_seen")), toll)
    return Counter((r.state, r.reason) for r in rows)


def verdict(row: Row, *, has_rival: bool) -> str | None:
    """What is wrong with a row; None if it says what happened. `has_rival`: another campaign's mail to her was begun."""
    if row.is_taken and row.state not in ("sent", "unknown"):
        return "the server has it, and the ledger does not say so"
    right = {
        "sent": row.is_taken and row.reason is None and row.attempts >= 1,
        "unknown": row.reason in UNKNOWN,
        "failed": FAILED.get(row.treatment) == row.reason,
        "deferred": row.treatment == "never" and row.reason in PUT_OFF,
        "skipped": has_rival
        and (row.reason == "frequency_cap" or (row.treatment, row.reason) == ("gone", "suppressed")),
    }
    return None if right.get(row.state) else "not what the server's record says, or lost"


def night(row: Row) -> str | None:
    """Was it begun in her quiet hours?"""
    if row.sending_at is None:
        return None
    zone = row.time_zone if row.time_zone in KNOWN_ZONES else "UTC"  # the shop's
    hour = row.sending_at.astimezone(ZoneInfo(zone)).hour
    return None if QUIET_TO <= hour < QUIET_FROM else f"begun at {hour} o'clock"


def check_unknown(rows: list[Row], owners: dict[Any, str], toll: Toll) -> None:
    """A killed sender leaves one claim with at most a window; a cut connection one message. A database restart: none.

    A claim that no killed sender held, or a silence that neither the recipient's name nor a restart explains, is ours.
    """
    unknown = [r for r in rows if r.state == "unknown"]
    lost = Counter(r.claim_token for r in unknown if r.reason == "sender_lost")
    left_by = [owners.get(token) for token in lost]
    assert set(left_by) <= set(toll.killed), "a sender that was not killed has left messages behind"
    assert len(left_by) == len(set(left_by)), "a sender has left two claims behind"
    assert max(lost.values(), default=0) <= toll.window, "more than a window was in flight"
    assert lost.total() <= toll.window * len(toll.killed)
    unexplained = [r for r in unknown if r.reason != "sender_lost" and r.treatment not in ("drop", "forget")]
    assert len(unexplained) <= toll.senders * toll.mail_restarts, "silence that no restart explains"
