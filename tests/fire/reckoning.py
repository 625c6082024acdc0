"""The reckoning: each row of the ledger against the mail server's own record, by Message-ID, and each unknown accounted for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fire.server import treatment
from fire.stage import Database
from smtp_server import read_record

FAILED = {"gone": "smtp_550", "spam": "smtp_554"}
UNKNOWN = {"sender_lost", "no_reply"}


@dataclass(frozen=True, kw_only=True)
class Toll:
    """What was done to the machinery, and so what it may cost: `window` messages a kill, one a cut connection.

    `killed`: the names of the senders that were; `senders`: how many there were at a time.
    """

    window: int
    senders: int
    killed: list[str]
    mail_restarts: int


def reckon(database: Database, record: Path, addresses: dict[int, str], toll: Toll) -> Counter[tuple[str, str | None]]:
    """Fails unless nobody has two, nobody is lost, and no more is unknown than the toll explains.

    Returns how many rows are in which state for which reason.
    """
    taken = read_record(record)
    got = {a.message_id: a.recipient for a in taken}
    doubled = {m: n for m, n in Counter(a.message_id for a in taken).items() if n > 1}
    assert not doubled, f"{len(doubled)} messages were taken twice"
    assert max(Counter(a.recipient for a in taken).values()) == 1, "somebody has two mails"
    rows = database.ask(
        "SELECT message_id, contact_point_id, state, reason, claim_token, attempts FROM activation.sends"
    )
    assert len(rows) == len({r[0] for r in rows})
    assert got.keys() <= {r[0] for r in rows}, "a mail that no row knows"
    for message_id, contact, state, reason, _, attempts in rows:
        address = addresses[contact]
        assert got.get(message_id) in (None, address), "a mail went to somebody else"
        wrong = verdict(treatment(address), state, reason, taken=message_id in got, attempts=attempts)
        assert wrong is None, f"{address} is {state} ({reason}): {wrong}"
    owners = dict(database.ask("SELECT claim_token, sender FROM public.claims_seen"))
    check_unknown(rows, addresses, owners, toll)
    return Counter((r[2], r[3]) for r in rows)


def verdict(kind: str, state: str, reason: str | None, *, taken: bool, attempts: int) -> str | None:
    """What is wrong with a row; None if it says what happened."""
    if taken and state not in ("sent", "unknown"):
        return "the server has it, and the ledger does not say so"
    right = {
        "sent": taken and reason is None and attempts >= 1,
        "unknown": reason in UNKNOWN,
        "failed": FAILED.get(kind) == reason,
        "deferred": (kind, reason) == ("never", "smtp_451"),
    }
    return None if right.get(state) else "not what the server's record says, or lost"


def check_unknown(rows: list[tuple[Any, ...]], addresses: dict[int, str], owners: dict[Any, str], toll: Toll) -> None:
    """A killed sender leaves one claim with at most a window; a cut connection one message. A database restart: none.

    A claim that no killed sender held, or a silence that neither the recipient's name nor a restart explains, is ours.
    """
    lost: Counter[Any] = Counter()
    silent = []
    for _, contact, state, reason, token, _ in rows:
        if state == "unknown" and reason == "sender_lost":
            lost[token] += 1
        elif state == "unknown":
            silent.append(treatment(addresses[contact]))
    left_by = [owners.get(token) for token in lost]
    assert set(left_by) <= set(toll.killed), "a sender that was not killed has left messages behind"
    assert len(left_by) == len(set(left_by)), "a sender has left two claims behind"
    assert max(lost.values(), default=0) <= toll.window, "more than a window was in flight"
    assert lost.total() <= toll.window * len(toll.killed)
    unexplained = [kind for kind in silent if kind not in ("drop", "forget")]
    assert len(unexplained) <= toll.senders * toll.mail_restarts, "silence that no restart explains"
