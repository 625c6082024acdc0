"""May a server's permanent no be believed? Not from one that says it to everybody: that one is misconfigured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from marketflow.campaigns.delivery.channel import Outcome

REFUSES_ALL = "refuses_all"
_SUSPICIOUS = 3  # in a row: may be the fault of the one who says no and of nobody else, until there is a yes
_IN_A_ROW = 10  # after which there is no doubt, whatever was said before

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


@dataclass
class Streak:
    """Noes in a row from one place, and whether it has ever said yes."""

    said_yes: bool = False
    noes: int = 0

    def hear_yes(self) -> None:
        """It does say yes."""
        self.said_yes, self.noes = True, 0

    def hear_no(self) -> None:
        """One more."""
        self.noes += 1

    @property
    def is_believed(self) -> bool:
        """May the last of them be about the one who was refused?"""
        return self.said_yes and self.noes < _SUSPICIOUS

    @property
    def is_over(self) -> bool:
        """It says no to everybody."""
        return self.noes >= (_IN_A_ROW if self.said_yes else _SUSPICIOUS)


class Refusals:
    """What a run has heard so far.

    A refusal is believed when the server accepts something after it, or has before and does not say it to one after
    the other: a server that turns to refusing everybody costs two addresses at most.
    """

    def __init__(self) -> None:
        self._streak = Streak()

    def judge(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of a window, as they are to be settled.

        A refusal that is not believed is put off, with the usual backoff until the message expires: a dead address that
        is alone in its run is found out when it comes together with one that is not.
        """
        for outcome in outcomes:
            self._hear(outcome)
        last = max((i for i, o in enumerate(outcomes) if o.state == "sent"), default=-1)
        return [o if i < last or self._streak.is_believed else _put_off(o) for i, o in enumerate(outcomes)]

    @property
    def stop(self) -> str | None:
        """The reason to stop the run, if the server refuses everybody."""
        return REFUSES_ALL if self._streak.is_over else None

    def _hear(self, outcome: Outcome) -> None:
        if outcome.state == "sent":
            self._streak.hear_yes()
        elif outcome.is_refusal:
            self._streak.hear_no()


def _put_off(outcome: Outcome) -> Outcome:
    return replace(outcome, state="deferred", is_refusal=False, is_bounce=False) if outcome.is_refusal else outcome
