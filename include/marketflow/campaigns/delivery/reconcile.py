"""Messages of which nobody knows whether they arrived: a person, or the server's log, says so; once.

Every statement is a compare-and-set on the state `unknown`, so two people, or a person and a bounce, never undo each
other. A sender that was only slow is still believed when it says `sent`, until the row is claimed again, and a report
until the row is begun again; after `arrived` they have nothing to add.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg

from marketflow.campaigns.delivery.reports import UnknownSend, unknown_sends
from marketflow.shared import MarketflowError
from marketflow.shared.ids import MESSAGE_ID
from marketflow.warehouse import queries

Decision = Literal["arrived", "send_again", "give_up"]
_DECISIONS = ("arrived", "send_again", "give_up")
_SLICE = 1_000
_MESSAGE_ID = re.compile(MESSAGE_ID)


@dataclass(frozen=True, kw_only=True)
class UnknownSelection:
    """Which unknown messages are meant; all conditions together. Message-IDs stand without brackets."""

    campaign: str | None = None
    begun_before: dt.datetime | None = None
    message_ids: tuple[str, ...] | None = None

    @property
    def is_everything(self) -> bool:
        """Does it leave nothing out?"""
        return (self.campaign, self.begun_before, self.message_ids) == (None, None, None)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a decision has done: messages by the state that they have now, and what was named and is not unknown."""

    states: dict[str, int] = field(default_factory=dict)
    not_unknown: int = 0

    @property
    def count(self) -> int:
        """How many messages were decided."""
        return sum(self.states.values())


def settle_unknown(
    conn: psycopg.Connection,
    selection: UnknownSelection,
    decision: Decision,
    *,
    by: str,
    now: dt.datetime,
    confirmed: bool = False,
) -> Settled:
    """Decide what became of the selected messages: `arrived` → sent, `send_again` → released, `give_up` → failed.

    Who decided what and when stands in activation.unknown_decisions. What is too late to be sent again becomes
    `expired`. Commits after each thousand. Raises MarketflowError when nothing is selected in particular, or when
    messages are to be sent again (somebody may get two) and that was not confirmed.
    """
    if decision not in _DECISIONS:
        raise MarketflowError(f"{decision!r} is no decision; known are {', '.join(_DECISIONS)}")
    if selection.is_everything:
        raise MarketflowError("say which messages: a campaign, an age, or Message-IDs")
    if decision == "send_again" and not confirmed:
        raise MarketflowError("to send again must be confirmed: whoever has the message already would get it twice")
    params = {
        "campaign": selection.campaign,
        "begun_before": selection.begun_before,
        "message_ids": None if selection.message_ids is None else list(selection.message_ids),
        "decision": decision,
        "by": by,
        "now": now,
        "most": _SLICE,
    }
    states: dict[str, int] = {}
    while True:
        with conn.transaction():
            rows = conn.execute(queries("delivery_events")["decide_unknown"], params).fetchall()
        for (state,) in rows:
            states[state] = states.get(state, 0) + 1
        if len(rows) < _SLICE:
            break
    named = len(set(selection.message_ids or ()))
    return Settled(states=states, not_unknown=max(0, named - sum(states.values())))


def reconcile_by_message_id(
    conn: psycopg.Connection,
    message_ids: Sequence[str],
    decision: Decision,
    *,
    by: str,
    now: dt.datetime,
    confirmed: bool = False,
) -> Settled:
    """`settle_unknown` for a list of Message-IDs, such as those that a server's log says it has taken.

    What is not unknown (sent as we thought, or no message of ours) is left alone and counted in `not_unknown`.
    """
    chosen = UnknownSelection(message_ids=tuple(dict.fromkeys(m.strip().strip("<>") for m in message_ids)))
    return settle_unknown(conn, chosen, decision, by=by, now=now, confirmed=confirmed)


def message_ids_in(text: str) -> tuple[str, ...]:
    """The Message-IDs of ours in a text, such as lines of a mail server's log; each once, in their order."""
    return tuple(dict.fromkeys(_MESSAGE_ID.findall(text)))


def unknown_report(conn: psycopg.Connection, *, most: int = 100) -> str:
    """Markdown: the messages that are unknown, the oldest first, by campaign and one by one. Ids only."""
    counts = conn.execute(queries("delivery_events")["unknown_counts"]).fetchall()
    if not counts:
        return "Nothing is unknown: of every message it is known what became of it."
    lines = [
        "| campaign | channel | why | messages | since |",
        "|---|---|---|---:|---|",
        *(f"| {c} | {ch} | {why} | {n:,} | {since:%Y-%m-%d %H:%M} UTC |" for c, ch, why, n, since in counts),
        "",
        "| Message-ID | campaign | since |",
        "|---|---|---|",
        *(_line(send) for send in unknown_sends(conn, limit=most)),
    ]
    total = sum(row[3] for row in counts)
    return "\n".join(lines) + (f"\n\n… and {total - most:,} more" if total > most else "")


def _line(send: UnknownSend) -> str:
    return f"| `{send.message_id}` | {send.campaign} | {send.sending_at:%Y-%m-%d %H:%M} UTC |"
