"""A mailbox by IMAP (RFC 3501), with what a reader of bounces needs: bounded batches, and mails moved aside.

What is counted gets a mark of ours (a keyword) before it is moved, and only what has it is ever deleted: the folder
that it is moved to may be one in which a person keeps other mails.
"""

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

from marketflow.campaigns.reports.imap_words import plain_name, quoted, sequences
from marketflow.campaigns.reports.parts import MAX_BYTES
from marketflow.shared import ConfigurationError, MarketflowError

MARK = "$MarketflowCounted"
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_NUMBERS = 20_000  # that are asked for at a time: their list must fit into a line, of which imaplib takes a megabyte
T = TypeVar("T")


class MailboxError(MarketflowError):
    """The mailbox cannot be read; the message names the connection and the remedy, never what the server said."""


@dataclass(frozen=True, kw_only=True)
class MailboxTarget:
    """A mailbox. `name` is the connection's, for messages; `keep_days`: how long counted mails are kept, 0 for ever.

    Raises ConfigurationError unless the three folders are three.
    """

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

    def __post_init__(self) -> None:
        """Refuse to move mails to where they came from: they would be read for ever, and deleted there."""
        if len({plain_name(name) for name in (self.folder, self.counted_folder, self.unclear_folder)}) < 3:
            raise ConfigurationError(
                f"the extras of the Airflow connection `{self.name}` are wrong: `folder`, `counted_folder` and"
                " `unclear_folder` must be three different folders; take another name for those that mails are moved to"
            )


class Mailbox:
    """An open folder. `uid_validity` and `uid_next` as the server gave them.

    `keeps_marks`: whether it lets us mark mails; without marks nothing is deleted.
    """

    def __init__(self, client: imaplib.IMAP4, target: MailboxTarget) -> None:
        self._client, self._target = client, target
        self.uid_validity, self.uid_next = self._select(target.folder)
        flags = b" ".join(filter(None, self._client.response("PERMANENTFLAGS")[1] or []))
        self.keeps_marks = not flags or rb"\*" in flags or MARK.lower().encode() in flags.lower()

    def numbers(self, after: int) -> Iterator[list[int]]:
        """The UIDs of the mails after that one, in order, in lists of some thousands."""
        start = after + 1
        while start < self.uid_next:
            end = min(start + _NUMBERS, self.uid_next) - 1
            data = self._ask("SEARCH", f"UID {start}:{end}")
            yield sorted(n for n in map(int, (data[0] or b"").split()) if start <= n <= end)
            start = end + 1

    def fetch(self, uids: Sequence[int]) -> tuple[dict[int, bytes], list[int]]:
        """The beginning of each mail, MAX_BYTES at most; and which of those that are there the server does not give.

        What is missing was asked for once more, each by itself. A mail that is gone is left out. Nothing is marked as
        read. Raises MailboxError when the server refuses all.
        """
        is_refused, found = self._fetched(uids)
        missing = self._there([uid for uid in uids if uid not in found])
        for uid in missing:
            found |= self._fetched([uid])[1]
        if is_refused and missing and not found:
            raise self._refuses("FETCH")
        return found, [uid for uid in missing if uid not in found]

    def move(self, uids: Sequence[int], folder: str, *, is_counted: bool = False) -> bool:
        """Move mails into a folder, which is made when there is none; False when the server does not allow it.

        `is_counted`: they get our mark, by which `delete_older` knows them.
        """
        uids = sorted(uids)
        if is_counted:
            self._mark(uids)
        return all(self._moved_or_made(numbers, folder) for numbers in sequences(uids))

    def delete_older(self, folder: str, day: dt.date, most: int = 10_000) -> int:
        """Delete what we have moved into the folder and came before that day; how many.

        The folder is then the selected one.
        """
        if not self.keeps_marks or not self._exists(folder):
            return 0
        _, uid_next = self._select(folder)
        before = imaplib.Time2Internaldate(_noon(day))[1:12].strip()
        gone = 0
        for start in range(1, uid_next, _NUMBERS):
            text = f"UID {start}:{start + _NUMBERS - 1} KEYWORD {MARK} BEFORE {before}"
            uids = sorted(map(int, (self._ask("SEARCH", text)[0] or b"").split()))[: most - gone]
            for numbers in sequences(uids):
                self._remove(numbers)
            gone += len(uids)
            if gone >= most:
                break
        return gone

    def _fetched(self, uids: Sequence[int]) -> tuple[bool, dict[int, bytes]]:
        """Whether the server refuses (some of) it, and what it gave."""
        found: dict[int, bytes] = {}
        for numbers in sequences(sorted(uids)):
            status, data = self._uid("FETCH", numbers, f"(UID BODY.PEEK[]<0.{MAX_BYTES}>)")
            if status != "OK":
                return True, found
            for index, item in enumerate(data):
                if isinstance(item, tuple) and len(item) > 1:
                    after = data[index + 1] if index + 1 < len(data) else b""
                    uid = _UID.search(item[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
                    if uid:
                        found[int(uid[1])] = bytes(item[1])[:MAX_BYTES]
        return False, found

    def _there(self, uids: Sequence[int]) -> list[int]:
        """Which of these mails somebody else has not deleted meanwhile."""
        found: list[int] = []
        if uids:
            self._call(self._client.noop)  # the server says what is gone
        for numbers in sequences(sorted(uids)):
            found += map(int, (self._ask("SEARCH", f"UID {numbers}")[0] or b"").split())
        return sorted(found)

    def _mark(self, uids: Sequence[int]) -> None:
        for numbers in sequences(uids) if self.keeps_marks else ():
            status, _ = self._uid("STORE", numbers, "+FLAGS.SILENT", f"({MARK})")
            self.keeps_marks = self.keeps_marks and status == "OK"

    def _moved_or_made(self, numbers: str, folder: str) -> bool:
        if self._moved(numbers, folder):
            return True
        self._call(lambda: self._client.create(quoted(folder)))
        return self._moved(numbers, folder)

    def _moved(self, numbers: str, folder: str) -> bool:
        if "MOVE" in self._client.capabilities:
            return self._uid("MOVE", numbers, quoted(folder))[0] == "OK"
        if self._uid("COPY", numbers, quoted(folder))[0] != "OK":
            return False
        self._remove(numbers)
        return True

    def _remove(self, numbers: str) -> None:
        self._ask("STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._client.capabilities:  # without it others' mails that are marked would go, too
            self._ask("EXPUNGE", numbers)

    def _exists(self, folder: str) -> bool:
        status, data = self._call(lambda: self._client.list('""', quoted(folder)))
        return status == "OK" and any(data)

    def _select(self, folder: str) -> tuple[int, int]:
        status, _ = self._call(lambda: self._client.select(quoted(folder)))
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
        status, data = self._uid(command, *words)
        if status != "OK":
            raise self._refuses(command)
        return data

    def _refuses(self, command: str) -> MailboxError:
        return MailboxError(
            f"the mail server of the Airflow connection {self._target.name!r} refuses {command}; the next run tries"
            " again"
        )

    def _uid(self, command: str, *words: str) -> tuple[str, list[Any]]:
        return self._call(lambda: self._client.uid(command, *words))

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


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), dt.UTC)
