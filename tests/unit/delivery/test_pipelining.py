"""Pipelining (RFC 2920) against a server that writes down what comes together: never a body before all is answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from mails import SENDER, message
from marketflow.campaigns.delivery import OutgoingMessage, SmtpChannel, SmtpTarget

END = b"\r\n.\r\n"
Answer = Callable[[int], str]


class Scripted:
    """Reads a group of commands, or a body with all that comes with its end, and answers line by line.

    `answer(n)` is the reply to the end of the n-th message, `hang up` to leave without one. Asked for somebody whose
    name is `silence`, it says nothing any more.
    """

    def __init__(self, answer: Answer, *, pipelining: bool = True, greeting: str = "220 hello") -> None:
        self.answer, self.pipelining, self.greeting = answer, pipelining, greeting
        self.groups: list[bytes] = []
        self.bodies: list[bytes] = []
        self.heard = b""
        self.connections = 0
        self.closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.closed.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._listener.accept()
                self.connections += 1
                with one, suppress(OSError):
                    self._talk(one)

    def _talk(self, one: socket.socket) -> None:
        one.settimeout(5)
        one.sendall(self.greeting.encode() + b"\r\n")
        in_body, data = False, b""
        while chunk := one.recv(65536):
            data += chunk
            self.heard += chunk
            if not data.endswith(b"\r\n") or (in_body and END not in data):
                continue
            self.groups.append(data)
            head, found, commands = data.partition(END) if in_body else (b"", b"", data)
            replies = []
            if found:
                self.bodies.append(head)
                replies.append(self.answer(len(self.bodies)))
            replies += [self._reply(command) for command in commands.split(b"\r\n")[:-1]]
            if "hang up" in replies:
                return
            one.sendall("".join(f"{reply}\r\n" for reply in replies).encode())
            in_body, data = replies[-1].startswith("354"), b""

    def _reply(self, command: bytes) -> str:
        if command.startswith(b"ehlo"):
            return "250-test\r\n250-PIPELINING\r\n250 8BITMIME" if self.pipelining else "250 test"
        if b"silence@" in command:
            self.closed.wait(5)
        if command.startswith(b"RCPT") and b"nobody" in command:
            return "550 no such user"
        return "354 go on" if command == b"DATA" else "221 bye" if command.lower() == b"quit" else "250 ok"


@pytest.fixture
def answers() -> dict[int, str]:
    return {}


@pytest.fixture
def server(answers: dict[int, str]) -> Iterator[Scripted]:
    running = Scripted(lambda n: answers.get(n, "250 taken"))
    yield running
    running.close()


def mail_to(name: str, send_id: int) -> OutgoingMessage:
    return message(address=f"{name}@example.com", send_id=send_id, message_id=f"m{send_id}@example.com")


def channel(server: Scripted, timeout: float = 5.0) -> SmtpChannel:
    return SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender=SENDER, timeout=timeout)


def send_all(over: SmtpChannel, messages: list[OutgoingMessage]) -> list[str]:
    states = []
    for index, one in enumerate(messages):
        over.foresee(messages[index + 1] if index + 1 < len(messages) else None)
        outcome = over.send(one)
        states.append(outcome.reason or outcome.state)
    return states


def test_the_next_envelope_goes_out_with_the_end_of_this_message_and_its_body_after_the_answer(
    server: Scripted,
) -> None:
    with channel(server) as over:
        assert send_all(over, [mail_to(name, n) for n, name in enumerate("abc")]) == ["sent"] * 3
    groups = [group for group in server.groups if not group.lower().startswith((b"ehlo", b"quit"))]
    assert [group.rpartition(END)[2].count(b"\r\n") for group in groups] == [3, 3, 3, 0]
    assert b"RCPT TO:<b@example.com>\r\nDATA\r\n" in groups[1].partition(END)[2]
    assert [b"m0@" in body for body in server.bodies] == [True, False, False]
    assert (len(server.bodies), server.connections) == (3, 1)


def test_who_is_held_back_gets_nothing_and_the_next_one_does(server: Scripted) -> None:
    with channel(server) as over:
        over.foresee(mail_to("held", 2))
        assert over.send(mail_to("a", 1)).state == "sent"
        over.foresee(None)
        assert over.send(mail_to("c", 3)).state == "sent"
    assert [b"m1@" in body or b"m3@" in body for body in server.bodies] == [True, True]
    assert server.connections == 2


def test_a_run_that_ends_with_an_envelope_said_ahead_says_nothing_more(server: Scripted) -> None:
    with channel(server) as over:
        over.foresee(mail_to("held", 2))
        assert over.send(mail_to("a", 1)).state == "sent"
    assert len(server.bodies) == 1
    assert b"quit" not in server.heard.lower()  # it would be the first line of a body


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("452 out of disk", ["smtp_452", "sent", "sent"]),
        ("554 no", ["smtp_554", "sent", "sent"]),
        ("hang up", ["no_reply", "sent", "sent"]),
        ("what?", ["odd_reply", "sent", "sent"]),
        ("421 later", ["smtp_421", "sent", "sent"]),
    ],
)
def test_what_happens_to_one_message_happens_to_it_alone(
    server: Scripted, answers: dict[int, str], first: str, expected: list[str]
) -> None:
    answers[1] = first
    with channel(server) as over:
        assert send_all(over, [mail_to(name, n) for n, name in enumerate("abc")]) == expected
    assert [body.count(b"Message-ID") for body in server.bodies] == [1, 1, 1]


def test_a_refused_recipient_said_ahead_is_alone(server: Scripted) -> None:
    """The server of this test says 354 to a DATA without recipients, as RFC 2920 allows: nothing must go into it."""
    people = ["a", "nobody", "c", "nobody", "nobody", "f"]
    with channel(server) as over:
        states = send_all(over, [mail_to(name, n) for n, name in enumerate(people)])
    assert states == ["sent", "smtp_550", "sent", "smtp_550", "smtp_550", "sent"]
    assert len(server.bodies) == 3
    assert b"RSET" not in server.heard  # nor would that be a command
    assert all(b"\r\nDATA" not in body and body.count(b"Message-ID") == 1 for body in server.bodies)


def test_a_server_without_pipelining_hears_one_command_at_a_time() -> None:
    plain = Scripted(lambda _: "250 taken", pipelining=False)
    with channel(plain) as over:
        assert send_all(over, [mail_to(name, n) for n, name in enumerate("ab")]) == ["sent"] * 2
    assert all(END in group or group.count(b"\r\n") == 1 for group in plain.groups)
    assert all(group.endswith(END) for group in plain.groups if END in group)
    plain.close()


@pytest.mark.parametrize(("greeting", "reason"), [("SSH-2.0-shell", "odd_reply"), ("554 not you", "smtp_554")])
def test_a_server_that_does_not_greet_as_it_should_gets_nothing(greeting: str, reason: str) -> None:
    unkind = Scripted(lambda _: "250 taken", greeting=greeting)
    with channel(unkind) as over:
        outcome = over.send(mail_to("a", 1))
    assert (outcome.state, outcome.reason, unkind.bodies) == ("deferred", reason, [])
    unkind.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_server_that_looks_long_at_a_message_is_waited_for_there_and_nowhere_else(*, pipelining: bool) -> None:
    """A scanner takes its time between the end of the message and the answer: RFC 5321 allows for ten minutes."""

    def slow(_: int) -> str:
        time.sleep(0.9)  # what the scanner takes: three times what any other reply may
        return "250 taken"

    thorough = Scripted(slow, pipelining=pipelining)
    with channel(thorough, timeout=0.3) as over:
        assert send_all(over, [mail_to("a", 1)]) == ["sent"]
        began = time.monotonic()
        assert over.send(mail_to("silence", 2)).state == "deferred"
        assert time.monotonic() - began < 3
    thorough.close()
