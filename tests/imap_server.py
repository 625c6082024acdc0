"""A mail server that speaks IMAP (pymap), and a connection to it that breaks or hides what the server can do."""

from __future__ import annotations

import contextlib
import imaplib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from conftest import free_port
from marketflow.campaigns.reports import MailboxTarget

USER, PASSWORD = "demouser", "demopass"
# as most servers, it lets a client mark mails with words of its own
_MAIN = """
import sys
from pymap.backend.mailbox import MailboxDataInterface
from pymap.main import main
from pymap.parsing.specials.flag import Recent, Wildcard, get_system_flags
MailboxDataInterface.permanent_flags = property(lambda _: get_system_flags() - {Recent} | {Wildcard})
sys.argv[0] = "pymap"
main()
"""


class Mailboxes:
    """One user's folders on a server that runs."""

    def __init__(self, port: int, user: str = USER, password: str = PASSWORD) -> None:
        self.port, self.user, self.password = port, user, password

    @contextlib.contextmanager
    def client(self) -> Iterator[imaplib.IMAP4]:
        """Logged in."""
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login(self.user, self.password)
            yield client

    def append(self, mails: list[bytes], folder: str = "INBOX", hows: Sequence[bytes] = (b"()",)) -> None:
        """Put mails into a folder, many in one command (RFC 3502).

        `hows`: their flags, and when they came; one after the other, and then from the beginning.
        """
        how = itertools.cycle(hows)
        with self.client() as client:
            for start in range(0, len(mails), 200):
                words = b"".join(b" %b {%d+}\r\n%b" % (next(how), len(m), m) for m in mails[start : start + 200])
                client.send(b"X1 APPEND %b%b\r\n" % (folder.encode(), words))
                while not (line := client.readline()).startswith(b"X1 "):
                    assert line, "the server hung up"
                assert line.startswith(b"X1 OK"), line

    def count(self, folder: str = "INBOX") -> int:
        """How many mails are in a folder; 0 where there is none."""
        with self.client() as client:
            status, data = client.status(folder, "(MESSAGES)")
            return int(data[0].split()[-1].rstrip(b")")) if status == "OK" else 0

    def target(self, **changes: object) -> MailboxTarget:
        """How to get there."""
        found = {
            "name": "bounces", "host": "127.0.0.1", "port": self.port, "username": self.user, "password": self.password,
            "security": "plain", "timeout": 20.0,
        }  # fmt: skip
        return MailboxTarget(**{**found, **changes})  # type: ignore[arg-type]


class ImapServer(Mailboxes):
    """One user with an INBOX, in memory."""

    def __init__(self) -> None:
        super().__init__(free_port())
        options = ["--no-tls", "--host", "127.0.0.1", "--port", str(self.port), "dict"]
        self._process = subprocess.Popen([sys.executable, "-c", _MAIN, *options], stderr=subprocess.PIPE)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        self._process.terminate()
        raise AssertionError(self._process.communicate()[1].decode())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


@dataclass
class Wire:
    """A connection in between: it breaks when the server has said so many bytes, or the client such a word.

    `replace`: what the server says, each time; `replace_once`: the first time. `longest_line`: of the client's.
    """

    port_behind: int
    cut_after: int | None = None
    cut_at: bytes | None = None
    replace: dict[bytes, bytes] = field(default_factory=dict)
    replace_once: dict[bytes, bytes] = field(default_factory=dict)
    longest_line: int | None = None

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                front, _ = self._listener.accept()
            except OSError:
                return
            back = socket.create_connection(("127.0.0.1", self.port_behind))
            for source, sink in ((front, back), (back, front)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._copy, args=(source, sink, source is back), daemon=True).start()

    def _replaced(self, data: bytes) -> tuple[bytes, bytes]:
        """What of it are whole lines, as the client shall see them, and the beginning of the next one."""
        end = data.rfind(b"\n") + 1
        whole = data[:end]
        for old, new in self.replace.items():
            whole = whole.replace(old, new)
        for old in [old for old in self.replace_once if old in whole]:
            whole = whole.replace(old, self.replace_once.pop(old))
        return whole, data[end:]

    def _copy(self, source: socket.socket, sink: socket.socket, is_server: bool) -> None:
        said, line = 0, b""
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                said += len(data)
                if is_server:
                    data, line = self._replaced(line + data)
                too_much = is_server and self.cut_after is not None and said > self.cut_after
                if not is_server and self.longest_line is not None:
                    too_much = max(map(len, (line + data).split(b"\r\n"))) > self.longest_line
                    line = (line + data).rpartition(b"\r\n")[2]
                if too_much or (not is_server and self.cut_at is not None and self.cut_at in data):
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
