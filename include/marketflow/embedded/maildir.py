"""The caught mails and posts on disk: a Maildir (one file per mail, whole or not there), and one JSON file per post."""

from __future__ import annotations

import email
import hashlib
import itertools
import json
import os
import re
import time
import uuid
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import lru_cache
from pathlib import Path
from typing import Any

_ID = re.compile(r"[0-9]{20}\.[0-9]+\.[0-9]+")
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the list shows of a mail; `size` in bytes."""

    id: str
    subject: str
    sender: str
    to: str
    date: str
    size: int
    message_id: str

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """A Maildir; ids are the files' names and grow with time."""

    home: Path

    def prepare(self) -> None:
        """Create the folders, and clear away what an interrupted delivery left."""
        for name in ("tmp", "new", "cur", "posts"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for left in [*(self.home / "tmp").iterdir(), *(self.home / "posts").glob(".*")]:
            left.unlink()

    def add(self, content: bytes, sender: str, recipients: list[str]) -> str:
        """Store one mail with its envelope and return its id; when this returns, it survives a power cut."""
        name = f"{time.time_ns():020d}.{os.getpid()}.{next(_numbers)}"
        envelope = f"X-Envelope-From: {_line(sender)}\r\nX-Envelope-To: {_line(', '.join(recipients))}\r\n"
        passing = self.home / "tmp" / name
        _write(passing, envelope.encode("utf-8", "surrogateescape") + content)
        passing.rename(self.home / "new" / name)
        _sync_folder(self.home / "new")
        return name

    def ids(self) -> list[str]:
        """All mails, newest first."""
        return sorted((f.name for folder in ("new", "cur") for f in (self.home / folder).iterdir()), reverse=True)

    def raw(self, mail_id: str) -> bytes:
        """A mail as it came, with the envelope in front; raises KeyError when there is none."""
        if not _ID.fullmatch(mail_id):
            raise KeyError(mail_id)
        for folder in ("new", "cur"):
            try:
                return (self.home / folder / mail_id).read_bytes()
            except FileNotFoundError:
                continue
        raise KeyError(mail_id)

    def summary(self, mail_id: str) -> Summary:
        """The summary of a mail; raises KeyError when there is none."""
        return _summary(self, mail_id)

    def add_post(self, body: Any, key: str | None) -> bool:
        """Store a post that came by webhook; False when one with this idempotency key is here already."""
        name = hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid.uuid4().hex
        passing, path = self.home / "posts" / f".{uuid.uuid4().hex}", self.home / "posts" / f"{name}.json"
        _write(passing, json.dumps({"received_ns": time.time_ns(), "key": key, "body": body}).encode())
        try:
            os.link(passing, path)  # of two at once with one key the first one wins
        except FileExistsError:
            return False
        finally:
            passing.unlink()
        _sync_folder(path.parent)
        return True

    def posts(self) -> list[dict[str, Any]]:
        """All posts, newest first: received_ns, key, body."""
        found = [json.loads(f.read_text()) for f in (self.home / "posts").glob("[!.]*.json")]
        return sorted(found, key=lambda post: int(post["received_ns"]), reverse=True)


def parse(content: bytes) -> EmailMessage:
    """A mail as an object; never raises, whatever the content."""
    return email.message_from_bytes(content, policy=SMTP)


def header(message: EmailMessage, name: str) -> str:
    """A header as text, empty when it is missing; as it came when it cannot be decoded."""
    try:
        return str(message.get(name, ""))
    except Exception:  # noqa: BLE001 - the parser of the standard library fails in many ways on hostile headers
        return str(dict(message.raw_items()).get(name, ""))


def body(message: EmailMessage, kind: str) -> str | None:
    """The text (`plain`) or `html` body; None when there is none. A wrong charset gives replacement characters."""
    try:
        part = message.get_body((kind,))
        data = part.get_payload(decode=True) if part is not None else None
    except Exception:  # noqa: BLE001 - as above
        return None
    if part is None or not isinstance(data, bytes):
        return None
    try:
        return data.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


@lru_cache(maxsize=10_000)  # a stored mail never changes
def _summary(inbox: Inbox, mail_id: str) -> Summary:
    raw = inbox.raw(mail_id)
    message = parse(raw)
    return Summary(
        id=mail_id,
        subject=header(message, "Subject"),
        sender=header(message, "From"),
        to=header(message, "X-Envelope-To"),
        date=header(message, "Date"),
        size=len(raw),
        message_id=header(message, "Message-ID"),
    )


def _line(text: str) -> str:
    """Without what could begin another header."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
