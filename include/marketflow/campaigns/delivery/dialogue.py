"""The words of SMTP (RFC 5321) once a connection stands: envelope, body, end; as few and as large packets as may be.

Where the server offers PIPELINING (RFC 2920), sender, recipient and DATA go out together, and with the end of the
message before where there is one: one round trip for a message, not four.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import Final

_LONGEST_LINE = 8_192
_MORE: Final = getattr(socket, "MSG_MORE", 0)  # Linux: the rest follows at once


class Dialogue:
    """Over a connection that smtplib has opened, secured and logged in. Raises OSError or SMTPException."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        if smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self._sock = smtp.sock
        self._file = smtp.file or smtp.sock.makefile("rb")  # with what it has read ahead
        self.pipelines = smtp.has_extn("pipelining")
        self.words = b""  # of the last reply: only its enhanced status code may leave this room
        self._flags = 0 if isinstance(smtp.sock, ssl.SSLSocket) else _MORE

    def say(self, *commands: str) -> None:
        """Commands, in one packet."""
        self._sock.sendall("".join(f"{command}\r\n" for command in commands).encode("ascii"))

    def body(self, data: bytes) -> None:
        """All of a message but its end (its lines that begin with a dot have got another). It may wait for the end."""
        self._sock.sendall(data, self._flags) if self._flags else self._sock.sendall(data)

    def end(self, *commands: str) -> None:
        """The end of the message: from here on the server may have it. `commands` go out with it."""
        self.say(".", *commands)

    def final_reply(self, patience: float) -> int:
        """The reply to the end of a message, which may take `patience` seconds: it is what the server answers for."""
        usual = self._sock.gettimeout()
        self._sock.settimeout(patience)
        code = self.reply()
        self._sock.settimeout(usual)
        return code

    def reply(self) -> int:
        """The code of the next reply, of one line or more; -1 where it has none."""
        while True:
            line = self._file.readline(_LONGEST_LINE + 1)
            if not line or len(line) > _LONGEST_LINE:
                raise smtplib.SMTPServerDisconnected("the server hung up, or talks too much")
            if not line[:3].isdigit():
                return -1
            if line[3:4] != b"-":
                self.words = line[4:]
                return int(line[:3])


def stuffed(message: bytes) -> bytes:
    """The message with another dot before each line that begins with one (RFC 5321, 4.5.2); its lines end with CRLF."""
    data = message.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data
