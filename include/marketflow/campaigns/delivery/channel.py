"""What the engine knows of a transport: a message goes in, one of four outcomes comes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

# `sent`: the other side has taken it. `deferred`: it has certainly not, try again. `failed`: it never will.
# `unknown`: nobody can say; such a message is never sent again on its own.
OutcomeState = Literal["sent", "deferred", "failed", "unknown"]


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One message, ready to go. Its repr shows ids only."""

    send_id: int
    message_id: str
    campaign: str
    occasion: str
    address: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    unsubscribe_url: str | None = field(default=None, repr=False)
    return_path: str | None = None  # the envelope sender, where it is the message's own
    provider_token: str | None = None  # what the mail provider gives back with its reports
    written_at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a message. `reason` is a code for the ledger, never the server's words: they may name people.

    `stop`: the other side asks for patience, or is not there; nothing more is tried in this run.
    `retry_after`: seconds that the other side asks to wait at least.
    `is_tried`: false when the other side was not even reached, which is nothing against the message.
    `is_refusal`: the server answered with a permanent no. `is_bounce`: one that says that the address is of no use.
    `code`: the enhanced status code, or the reply's, for reports.
    """

    state: OutcomeState
    reason: str | None = None
    stop: bool = False
    retry_after: float | None = None
    is_tried: bool = True
    is_refusal: bool = False
    is_bounce: bool = False
    code: str | None = None


SENT = Outcome(state="sent")
UNWRITABLE = "unwritable"  # the reason of a message that was not even begun to be sent, by a fault of ours


def deferred(reason: str, *, stop: bool = False, retry_after: float | None = None) -> Outcome:
    """It has certainly not been taken; try again later."""
    return Outcome(state="deferred", reason=reason, stop=stop, retry_after=retry_after)


def unreachable(reason: str) -> Outcome:
    """The other side was not reached at all."""
    return Outcome(state="deferred", reason=reason, stop=True, is_tried=False)


def failed(reason: str) -> Outcome:
    """It will never be taken."""
    return Outcome(state="failed", reason=reason)


def refused(reason: str, *, code: str, is_bounce: bool) -> Outcome:
    """The server refuses it for good; `is_bounce`: because of the recipient's address."""
    return Outcome(state="failed", reason=reason, is_refusal=True, is_bounce=is_bounce, code=code)


def unknown(reason: str, *, stop: bool = False) -> Outcome:
    """It was handed over and no answer came."""
    return Outcome(state="unknown", reason=reason, stop=stop)


class Channel(Protocol):
    """A transport. `name` is the ledger's channel; a connection is opened when needed and kept until the end."""

    @property
    def name(self) -> str:
        """`email`, `webhook`, `mastodon` ...: what `activation.sends.channel` says."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, message: OutgoingMessage) -> Outcome:
        """Hand over one message. Says `unknown` rather than raise once the other side may have it."""


@runtime_checkable
class Foresees(Protocol):
    """A channel that likes to know who comes next."""

    def foresee(self, message: OutgoingMessage | None) -> None:
        """The message after the one that `send` is given now, if there is one; it may yet be held back."""


class MemoryChannel:
    """A channel for tests and dry ends: keeps what it was given, answers what `answer` says."""

    def __init__(self, name: str = "memory", answer: Callable[[OutgoingMessage], Outcome] = lambda _: SENT) -> None:
        self.name = name
        self.messages: list[OutgoingMessage] = []
        self._answer = answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def send(self, message: OutgoingMessage) -> Outcome:
        """Keep the message when the answer is that it was taken."""
        outcome = self._answer(message)
        if outcome.state in ("sent", "unknown"):
            self.messages.append(message)
        return outcome
