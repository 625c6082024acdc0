"""What people answer by the links of their mails, as records: for the warehouse now, or later from a journal.

An answer has the time at which it was asked for. It may be recorded twice, and late: the newest counts.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import psycopg
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from marketflow.campaigns.tracking.journal import Record, Taken, is_waiting, take
from marketflow.edge.collector.log import recover
from marketflow.privacy import KeyRing
from marketflow.shared import Clock, SourceError
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
PAGE: Literal["preference page"] = "preference page"
MARKETING, EVERYTHING = ("marketing",), ("marketing", "transactional")
_BUSY_SECONDS, _LOOK_SECONDS = 60.0, 0.05
_BATCH = 200  # answers in a transaction, each of which holds a lock
Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Withdrawal(_Strict):
    """No more messages of these purposes (None: of that of the message); how it was said."""

    purposes: tuple[str, ...] | None = None
    how: Literal["unsubscribe link", "preference page"] = "unsubscribe link"


class Choices(_Strict):
    """What was chosen on the preference page. `shown_topics`: those that the form asked about."""

    shown_topics: tuple[str, ...] = ()
    unwanted_topics: tuple[str, ...] = ()
    max_messages: int | None = None
    max_days: int | None = None
    language: str | None = None


class Answer(_Strict):
    """One answer to one message. `consent_text`: the words by which somebody asked for offers again."""

    event_id: str
    send_id: int
    asked_at: AwareDatetime
    withdrawal: Withdrawal | None = None
    consent_text: str | None = None
    choices: Choices | None = None


def answer(send_id: int, asked_at: dt.datetime, **said: Any) -> Answer:
    """An answer of somebody who holds the message `send_id`."""
    return Answer(event_id=str(uuid.uuid4()), send_id=send_id, asked_at=asked_at, **said)


def record(conn: psycopg.Connection, said: Answer, now: dt.datetime) -> bool:
    """Write an answer to the warehouse; False when there is no such message, or nobody any more who could choose.

    Recorded again it changes nothing.
    """
    q = queries("edge")
    conn.execute(q["in_turn"], {"send_id": said.send_id})
    common = {"send_id": said.send_id, "asked_at": said.asked_at, "now": now, "page": PAGE}
    found = []
    if said.choices is not None:
        params = said.choices.model_dump() | common
        for name in ("shown_topics", "unwanted_topics"):
            params[name] = list(params[name])
        found.append(conn.execute(q["prefer"], params).fetchone())
    if said.consent_text is not None:
        found.append(conn.execute(q["subscribe"], {**common, "consent_text": said.consent_text}).fetchone())
    if said.withdrawal is not None:
        purposes = said.withdrawal.purposes
        params = {**common, "how": said.withdrawal.how, "purposes": None if purposes is None else list(purposes)}
        found.append(conn.execute(q["unsubscribe"], params).fetchone())
    return any(row is not None and row[0] for row in found)


def take_answers(connect: Connect, folder: Path, keys: KeyRing, clock: Clock) -> int:
    """Write all answers that the journal has to the warehouse; how many there were. Waits for another that does so.

    `connect` opens a connection with the rights of the role `edge`; it is asked for only when something waits. Without
    the journal's folder there is nothing: the service runs elsewhere and takes its answers itself. Raises
    psycopg.Error when the warehouse is away, SourceError when something cannot be taken.
    """
    recover(folder)
    if not is_waiting(folder):
        return 0
    with connect() as conn:
        taken = _take_in_turn(conn, folder, keys, clock)
    if taken.problems and is_waiting(folder):
        raise SourceError(
            f"{'; '.join(taken.problems)}. Somebody has unsubscribed there, so nothing is sent until it can be read: "
            "give the key ring its old keys again; what is lost for good has to be moved out of the journal's folder"
        )
    return taken.records


def _take_in_turn(conn: psycopg.Connection, folder: Path, keys: KeyRing, clock: Clock) -> Taken:
    def handle(conn: psycopg.Connection, records: list[Record]) -> None:
        for one in records:
            record(conn, _read(one), clock.now())

    deadline = time.monotonic() + _BUSY_SECONDS
    while (taken := take(conn, folder, keys, handle, batch=_BATCH)).is_busy:
        if time.monotonic() > deadline:
            raise SourceError(f"the journal {folder.name} is being taken by somebody else, and does not get empty")
        time.sleep(_LOOK_SECONDS)
    return taken


def _read(one: Record) -> Answer:
    try:
        return Answer.model_validate(one)
    except ValidationError:
        raise SourceError("an answer in the journal is of a form that this version does not know") from None
