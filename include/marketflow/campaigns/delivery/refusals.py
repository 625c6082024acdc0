"""May a server's permanent no be believed? Not from one that says it to everybody: that one is misconfigured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from marketflow.campaigns.delivery.channel import Outcome

REFUSES_ALL = "refuses_all"
_SUSPICIOUS = 3  # refusals in a row that may be the server's fault and nobody else's, until it accepts something
_IN_A_ROW = 10  # refusals after which the run stops, whatever was accepted before

# The recipient does not exist, or takes nothing more. Not 5.1.4 (ambiguous), 5.1.7 to 5.1.9 (the sender's address and
# the server's translation), nor 5.7 (policy): these say nothing about the address.
_DEAD = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_DEAD_BASIC = frozenset({550, 551, 553})  # where the server gives no enhanced code
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


def enhanced_code(reply: bytes) -> str | None:
    """The enhanced status code (RFC 3463) at the beginning of a reply; nothing else of it."""
    found = _ENHANCED.match(reply)
    return found[1].decode("ascii") if found else None


def is_dead(code: int, enhanced: str | None) -> bool:
    """Does a permanent refusal of a recipient say that the address is of no use?"""
    return enhanced in _DEAD if enhanced is not None else code in _DEAD_BASIC


class Refusals:
    """What a run has heard so far.

    A refusal is believed when the server accepts something after it, or has before and does not say it to one after
    the other: a server that turns to refusing everybody costs two addresses at most.
    """

    def __init__(self) -> None:
        self._accepted = False
        self._in_a_row = 0

    def judge(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of a window, as they are to be settled.

        A refusal that is not believed is put off, with the usual backoff until the message expires: a dead address that
        is alone in its run is found out when it comes together with one that is not.
        """
        for outcome in outcomes:
            self._hear(outcome)
        last = max((i for i, o in enumerate(outcomes) if o.state == "sent"), default=-1)
        return [o if i < last or self._is_believed else _put_off(o) for i, o in enumerate(outcomes)]

    @property
    def stop(self) -> str | None:
        """The reason to stop the run, if the server refuses everybody."""
        most = _IN_A_ROW if self._accepted else _SUSPICIOUS
        return REFUSES_ALL if self._in_a_row >= most else None

    @property
    def _is_believed(self) -> bool:
        """Those that nothing accepted follows yet."""
        return self._accepted and self._in_a_row < _SUSPICIOUS

    def _hear(self, outcome: Outcome) -> None:
        if outcome.state == "sent":
            self._accepted, self._in_a_row = True, 0
        elif outcome.is_refusal:
            self._in_a_row += 1


def _put_off(outcome: Outcome) -> Outcome:
    return replace(outcome, state="deferred", is_refusal=False, is_bounce=False) if outcome.is_refusal else outcome
