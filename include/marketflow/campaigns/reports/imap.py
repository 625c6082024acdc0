"""A mailbox by IMAP (RFC 3501), with what a reader of bounces needs: bounded batches, and mails moved aside."""

from __future__ import annotations

import datetime as dt
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from marketflow.campaigns.reports.parts import MAX_BYTES
from marketflow.shared import MarketflowError

_UID = re.compile(rb"\bUID (\d{1,10})\b")
_NUMBERS = 20_000  # that are asked for at a time: their list must fit into a line, of which imaplib takes a megabyte
T = TypeVar("T")


class MailboxError(MarketflowError):
    """The mailbox cannot be read; the message names the connection and the remedy, never what the server said."""


@dataclass(frozen=True, kw_only=True)
class MailboxTarget:
    """A mailbox. `name` is the connection's, for messages; `keep_days`: how long counted mails are kept, 0 for ever."""

    name: str
    host: str
    port: int | None = None
    username: str = field(repr=False)
    password: str = field(repr=False)
    security: Literal["tls", "starttls", "plain"] = "tls"
    folder: str = "INBOX"
    counted_folder: str = "marketflow-counted"
    unclear_folder: str = "marketflow-unclear"
    keep_days: int = 30
    timeout: float = 60.0


class Mailbox:
    """An open folder. `uid_validity` and `uid_next` as the server gave them."""

    def __init__(self, client: imaplib.IMAP4, target: MailboxTarget) -> None:
        self._client, self._target = client, target
        self.uid_validity, self.uid_next = self._select(target.folder)

    def numbers(self, after: int) -> Iterator[list[int]]:
        """The UIDs of the mails after that one, in order, in lists of some thousands."""
        start = after + 1
        while start < self.uid_next:
            end = min(start + _NUMBERS, self.uid_next) - 1
            data = self._ask("SEARCH", f"UID {start}:{end}")
            yield sorted(n for n in map(int, (data[0] or b"").split()) if start <= n <= end)
            start = end + 1

    def fetch(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The beginning of each mail, MAX_BYTES at most; a mail that is gone is left out. Nothing is marked as read."""
        found: dict[int, bytes] = {}
        data = self._ask("FETCH", ",".join(map(str, uids)), f"(UID BODY.PEEK[]<0.{MAX_BYTES}>)")
        for index, item in enumerate(data):
            if isinstance(item, tuple) and len(item) > 1:
                after = data[index + 1] if index + 1 < len(data) else b""
                uid = _UID.search(item[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
                if uid:
                    found[int(uid[1])] = bytes(item[1])[:MAX_BYTES]
        return found

    def move(self, uids: Sequence[int], folder: str) -> bool:
        """Move mails into a folder, which is made when there is none; False when the server does not allow it."""
        if not uids:
            return True
        numbers = ",".join(map(str, uids))
        if self._moved(numbers, folder):
            return True
        self._call(lambda: self._client.create(_quoted(folder)))
        return self._moved(numbers, folder)

    def delete_older(self, folder: str, day: dt.date, most: int = 10_000) -> int:
        """Delete what came into the folder's mailbox before that day; how many. The folder is then the selected one."""
        if not self._exists(folder):
            return 0
        _, uid_next = self._select(folder)
        gone = 0
        for start in range(1, uid_next, _NUMBERS):
            text = f"UID {start}:{start + _NUMBERS - 1} BEFORE {imaplib.Time2Internaldate(_noon(day))[1:12].strip()}"
            uids = (self._ask("SEARCH", text)[0] or b"").split()[: most - gone]
            if uids:
                self._remove(b",".join(uids).decode())
            gone += len(uids)
        return gone

    def _moved(self, numbers: str, folder: str) -> bool:
        if "MOVE" in self._client.capabilities:
            return self._call(lambda: self._client.uid("MOVE", numbers, _quoted(folder)))[0] == "OK"
        if self._call(lambda: self._client.uid("COPY", numbers, _quoted(folder)))[0] != "OK":
            return False
        self._remove(numbers)
        return True

    def _remove(self, numbers: str) -> None:
        self._ask("STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._client.capabilities:  # without it others' mails that are marked would go, too
            self._ask("EXPUNGE", numbers)

    def _exists(self, folder: str) -> bool:
        status, data = self._call(lambda: self._client.list('""', _quoted(folder)))
        return status == "OK" and any(data)

    def _select(self, folder: str) -> tuple[int, int]:
        status, _ = self._call(lambda: self._client.select(_quoted(folder)))
        if status != "OK":
            raise MailboxError(
                f"the mailbox of the Airflow connection {self._target.name!r} has no folder {folder!r} that can be"
                " opened: give its name as `folder` in the connection's extras"
            )
        validity, following = (self._client.response(name)[1] for name in ("UIDVALIDITY", "UIDNEXT"))
        if not (validity and validity[0] and following and following[0]):
            raise MailboxError(
                f"the mail server of the Airflow connection {self._target.name!r} gives its mails no lasting numbers"
                " (UIDVALIDITY, UIDNEXT): it cannot be read"
            )
        return int(validity[0]), int(following[0])

    def _ask(self, command: str, *words: str) -> list[Any]:
        status, data = self._call(lambda: self._client.uid(command, *words))
        if status != "OK":
            raise MailboxError(
                f"the mail server of the Airflow connection {self._target.name!r} refuses {command}; the next run tries"
                " again"
            )
        return data

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(
                f"the connection to the mailbox of {self._target.name!r} was lost ({type(error).__name__}); the next"
                " run goes on where this one ended"
            ) from None


@contextmanager
def opened(target: MailboxTarget) -> Iterator[Mailbox]:
    """The mailbox, logged in. Raises MailboxError."""
    client = _connected(target)
    try:
        try:
            client.login(target.username, target.password)
            client.capabilities = _capabilities(client)
        except imaplib.IMAP4.abort:
            raise _unreachable(target, "it hung up") from None
        except (imaplib.IMAP4.error, UnicodeError):
            raise MailboxError(
                f"the mail server refuses the login of the Airflow connection {target.name!r}: check its login and"
                " password; many providers want IMAP to be switched on, and a password for applications"
            ) from None
        yield Mailbox(client, target)
    finally:
        _leave(client)


def _connected(target: MailboxTarget) -> imaplib.IMAP4:
    try:
        if target.security == "tls":
            context = ssl.create_default_context()
            return imaplib.IMAP4_SSL(target.host, target.port or 993, ssl_context=context, timeout=target.timeout)
        client = imaplib.IMAP4(target.host, target.port or 143, timeout=target.timeout)
        if target.security == "starttls":
            client.starttls(ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        raise _unreachable(target, "its certificate is not valid for this name") from None
    except socket.gaierror:
        raise _unreachable(target, "there is no host of that name") from None
    except (OSError, imaplib.IMAP4.error) as error:
        raise _unreachable(target, getattr(error, "strerror", None) or type(error).__name__) from None
    return client


def _unreachable(target: MailboxTarget, why: str) -> MailboxError:
    return MailboxError(
        f"the mailbox of the Airflow connection {target.name!r} cannot be reached ({why}): check its host, its port and"
        " `use_ssl` in its extras"
    )


def _capabilities(client: imaplib.IMAP4) -> tuple[str, ...]:
    """What it can do for who has logged in: more than before."""
    status, data = client.capability()
    return tuple(data[-1].decode("ascii", "replace").upper().split()) if status == "OK" and data[-1] else ()


def _leave(client: imaplib.IMAP4) -> None:
    try:
        client.logout()
    except (OSError, imaplib.IMAP4.error):
        client.shutdown()


def _quoted(folder: str) -> str:
    r"""A folder's name as a quoted string, in the modified UTF-7 of RFC 3501, 5.1.3."""
    text = re.sub(r"[^\x20-\x7e]+", _utf7, folder.replace("&", "&-"))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(found: re.Match[str]) -> str:
    import base64

    return "&" + base64.b64encode(found[0].encode("utf-16-be")).rstrip(b"=").decode().replace("/", ",") + "-"


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)
