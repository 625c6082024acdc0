"""SMTP (RFC 5321) over a kept-open connection, exact about the one question that matters: may the server have it?

The body goes out without its end and the end (`.`) after it: whatever breaks before that is written leaves the message
with us (`deferred`); from there on, only the server's reply says what became of it, and no reply is `unknown`. The
envelope of the next message may go out with the end of this one; its body does not before all is answered.
"""

from __future__ import annotations

import enum
import smtplib
import socket
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

from marketflow.campaigns.delivery.channel import (
    SENT,
    UNWRITABLE,
    Outcome,
    OutgoingMessage,
    deferred,
    failed,
    unknown,
    unreachable,
)
from marketflow.campaigns.delivery.channel import refused as refused_for_good
from marketflow.campaigns.delivery.dialogue import Dialogue, stuffed
from marketflow.campaigns.delivery.dkim import DkimSigner
from marketflow.campaigns.delivery.mime import MessageRefused, compose, envelope_address, split_sender
from marketflow.campaigns.delivery.refusals import enhanced_code, is_dead
from marketflow.campaigns.delivery.targets import SmtpTarget

_END_TIMEOUT = 600.0  # seconds that RFC 5321, 4.5.3.2.6, asks for: many servers scan the message before they answer
_BEFORE_LOSSES_STOP = 3  # connections lost in a row: the server is ill, the messages are not


class _Stage(enum.Enum):
    """How far a message has come."""

    CONNECT = enum.auto()
    ENVELOPE = enum.auto()
    RECIPIENT = enum.auto()
    BODY = enum.auto()
    ENDED = enum.auto()


_Envelope = tuple[str, str, str]  # MAIL, RCPT, DATA
_STEPS = (_Stage.ENVELOPE, _Stage.RECIPIENT, _Stage.BODY)


class SmtpChannel:
    """The channel `email`. Not thread-safe: one per sender."""

    name = "email"

    def __init__(
        self,
        target: SmtpTarget,
        *,
        sender: str,
        signer: DkimSigner | None = None,
        timeout: float = 20.0,
        end_timeout: float = _END_TIMEOUT,
        messages_per_connection: int = 500,
    ) -> None:
        self._target = target
        self._sender = sender
        self._from = split_sender(sender)[1]
        self._signer = signer
        if signer is not None:
            signer.check_sender(self._from)
        self._timeout = timeout  # seconds, of each reply but the one to the end of a message
        self._end_timeout = max(timeout, end_timeout)
        self._limit = messages_per_connection
        self._smtp: smtplib.SMTP | None = None
        self._dialogue: Dialogue | None = None
        self._next: OutgoingMessage | None = None
        self._opened: _Envelope | None = None  # what has been said ahead
        self._used = 0
        self._losses = 0
        self._stage = _Stage.CONNECT

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye; a server that does not answer is left."""
        if self._smtp is not None and self._opened is None and kind is None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
        self._drop()

    def foresee(self, message: OutgoingMessage | None) -> None:
        """Who comes after the message that is sent now."""
        self._next = message

    def send(self, message: OutgoingMessage) -> Outcome:
        """One mail.

        Reasons: `smtp_<code>`, `connect_failed`, `tls_failed`, `auth_failed`, `timeout`, `connection_lost`,
        `no_reply`, `odd_reply`, `address_malformed`, `address_not_ascii`, `unwritable`.
        """
        try:
            envelope = self._envelope(message)
            body = stuffed(compose(message, self._sender, self._signer))
        except MessageRefused as refused:
            return failed(refused.reason)
        except Exception:  # noqa: BLE001  (a setting that no header can hold, a key that cannot sign; it may name people)
            return failed(UNWRITABLE)
        if self._opened not in (None, envelope):
            self._drop()  # who was to come was held back: the server waits for a body that it will not get
        if self._used >= self._limit:
            self.__exit__(None, None, None)
        is_reused = self._smtp is not None
        outcome = self._attempt(envelope, body)
        if is_reused and self._smtp is None and self._stage is _Stage.ENVELOPE:
            # the server had closed an idle connection: nothing of this message has been said yet
            outcome = self._attempt(envelope, body)
        return outcome

    def _envelope(self, message: OutgoingMessage) -> _Envelope:
        recipient = envelope_address(message.address)
        return (f"MAIL FROM:<{message.return_path or self._from}>", f"RCPT TO:<{recipient}>", "DATA")

    def _attempt(self, envelope: _Envelope, body: bytes) -> Outcome:
        self._stage = _Stage.CONNECT
        try:
            dialogue = self._dialogue or self._connect()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:  # UnicodeError: no such host can be
            self._drop()
            return unreachable(_why_no_connection(error))
        try:
            outcome = self._transact(dialogue, envelope, body)
        except (OSError, smtplib.SMTPException) as error:
            return self._lost(error)
        self._losses = 0
        self._used += 1
        if outcome.stop:
            self._drop()
        elif outcome is not SENT and self._opened is None:
            self._reset()
        return outcome

    def _transact(self, dialogue: Dialogue, envelope: _Envelope, body: bytes) -> Outcome:
        self._stage = _Stage.ENVELOPE
        if dialogue.pipelines and self._opened is None:
            dialogue.say(*envelope)
        self._opened = None
        for count, (stage, command) in enumerate(zip(_STEPS, envelope, strict=True), start=1):
            self._stage = stage
            if not dialogue.pipelines:
                dialogue.say(command)
            code = dialogue.reply()
            if code not in ((354,) if stage is _Stage.BODY else (250, 251)):
                outcome = self._refusal(code, dialogue.words)
                if dialogue.pipelines and not outcome.stop:
                    self._hear_out(dialogue, len(_STEPS) - count)
                return outcome
        dialogue.body(body)
        self._stage = _Stage.ENDED
        self._end(dialogue)
        code = dialogue.final_reply(self._end_timeout)
        if code == -1:
            self._drop()  # which reply was it? what follows cannot be told apart
        return SENT if code == 250 else self._refusal(code, dialogue.words)

    def _end(self, dialogue: Dialogue) -> None:
        """The end, and ahead of its time the next message's envelope where the server can take it."""
        self._opened = self._ahead() if dialogue.pipelines and self._used + 1 < self._limit else None
        dialogue.end(*(self._opened or ()))

    def _ahead(self) -> _Envelope | None:
        after, self._next = self._next, None
        try:
            return None if after is None else self._envelope(after)
        except Exception:  # noqa: BLE001  (it is nothing to this message; its own turn will tell)
            return None

    def _hear_out(self, dialogue: Dialogue, count: int) -> None:
        """The replies to what went out with a refused command. None may be yes: then it waits for a message."""
        try:
            codes = [dialogue.reply() for _ in range(count)]
        except (OSError, smtplib.SMTPException):
            codes = [354]
        if 354 in codes:
            self._drop()

    def _refusal(self, code: int, words: bytes) -> Outcome:
        """What a reply other than yes means. 5xx to MAIL is about us, not about this recipient: nobody is given up."""
        reason = f"smtp_{code}"
        if code == 421:
            return deferred(reason, stop=True)
        if 400 <= code < 500:
            return deferred(reason)
        if 500 <= code < 600:
            if self._stage is _Stage.ENVELOPE:
                return deferred(reason, stop=True)
            enhanced = enhanced_code(words)
            is_bounce = self._stage is _Stage.RECIPIENT and is_dead(code, enhanced)
            return refused_for_good(reason, code=enhanced or str(code), is_bounce=is_bounce)
        return unknown("odd_reply") if self._stage is _Stage.ENDED else deferred("odd_reply", stop=True)

    def _lost(self, error: Exception) -> Outcome:
        self._drop()
        self._losses += 1
        stop = self._losses >= _BEFORE_LOSSES_STOP
        if self._stage is _Stage.ENDED:
            return unknown("no_reply", stop=stop)
        # smtplib wraps the time-out of a reply
        is_timeout = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        return deferred("timeout" if is_timeout else "connection_lost", stop=stop)

    def _connect(self) -> Dialogue:
        target = self._target
        # a name of our own for EHLO: smtplib would look the machine's up, which can take seconds
        hello = self._from.rpartition("@")[2]
        context = None if target.security == "plain" else ssl.create_default_context()
        smtp = (
            smtplib.SMTP_SSL(target.host, target.port, hello, timeout=self._timeout, context=context)
            if target.security == "tls"
            else smtplib.SMTP(target.host, target.port, hello, timeout=self._timeout)
        )
        self._smtp, self._used = smtp, 0
        if smtp.sock is not None:
            # the end of a message is three bytes: not to wait for the acknowledgement of the body
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        smtp.ehlo_or_helo_if_needed()
        if target.security == "starttls":
            smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
        if target.username:
            smtp.login(target.username, target.password or "")
        self._dialogue = Dialogue(smtp)
        return self._dialogue

    def _reset(self) -> None:
        """Ready for the next recipient, or a new connection for it."""
        if self._dialogue is None:
            return
        try:
            self._dialogue.say("RSET")
            if self._dialogue.reply() != 250:
                self._drop()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            with suppress(OSError):
                self._smtp.close()
        self._smtp, self._dialogue, self._opened, self._used = None, None, None, 0


def _why_no_connection(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "auth_failed"
    if isinstance(error, (ssl.SSLError, smtplib.SMTPNotSupportedError)):
        return "tls_failed"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"smtp_{error.smtp_code}" if error.smtp_code > 0 else "odd_reply"
    return "connect_failed"
