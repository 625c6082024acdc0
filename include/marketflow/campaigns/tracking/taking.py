"""Opens and clicks from the journal into activation.tracking_events, each once, with a verdict on who made it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from marketflow.campaigns.delivery import record_delivery_event
from marketflow.campaigns.tracking.journal import Record, take
from marketflow.campaigns.tracking.verdicts import judge
from marketflow.privacy import KeyRing
from marketflow.shared import Clock
from marketflow.warehouse import queries

log = logging.getLogger(__name__)
# A sender's transaction may take half a minute: each has some seven statements, which take tenths of a second.
_BATCH, _STATEMENT_MS = 2_000, 4_000


class _Event(BaseModel):
    """A record of the journal; what a newer edge service says beside it is left out."""

    model_config = ConfigDict(extra="ignore")

    event_id: UUID
    kind: str = Field(pattern="^(open|click|web_version)$")
    send_id: int = Field(ge=1, lt=2**63)
    url: str | None = None
    occurred_at: AwareDatetime
    method: str = Field("GET", pattern="^(GET|HEAD)$")
    client: str | None = Field(None, max_length=40)
    network: str | None = Field(None, pattern="^[0-9a-f]{2,64}$")


@dataclass(frozen=True, kw_only=True)
class TrackingSummary:
    """Counts of a run. `stored` are new; of those the verdicts `proxies` and `scanners`, and of earlier ones, too.

    `unknown_messages` and `malformed` are events that were left out: of messages that the ledger does not have, and
    records that are none. `settled` messages had been unknown and have arrived after all. `problems`: as `Taken`.
    """

    segments: int = 0
    records: int = 0
    stored: int = 0
    proxies: int = 0
    scanners: int = 0
    unknown_messages: int = 0
    malformed: int = 0
    settled: int = 0
    problems: tuple[str, ...] = ()


def take_tracking(conn: psycopg.Connection, folder: Path, keys: KeyRing, clock: Clock) -> TrackingSummary:
    """Take the closed segments of the journal in `folder`; with the rights of the sender or the owner.

    Safe to repeat and to run twice at a time. Raises psycopg.OperationalError and SourceError.
    """
    counts: Counter[str] = Counter()
    taken = take(
        conn, folder, keys, lambda c, records: counts.update(_store(c, records, clock)), batch=_BATCH,
        statement_ms=_STATEMENT_MS,
    )  # fmt: skip
    if left_out := counts["unknown_messages"] + counts["malformed"]:
        log.warning("%d opens or clicks are left out: of no message of the ledger, or no such records", left_out)
    return TrackingSummary(segments=taken.segments, records=taken.records, problems=taken.problems, **counts)


def _store(conn: psycopg.Connection, records: list[Record], clock: Clock) -> Counter[str]:
    """Of one list of records, in the transaction that is open."""
    now = clock.now()
    events = list(_events(records))
    row = conn.execute(queries("tracking")["store"], {**_columns(events), "now": now}).fetchone()
    assert row is not None  # it counts
    counts = Counter(stored=row[0], unknown_messages=row[1], malformed=len(records) - len(events))
    counts.update(judge(conn, [e.event_id for e in events]))
    counts["settled"] = _settle(conn, {e.send_id for e in events}, clock)
    return counts


def _events(records: Iterable[Record]) -> Iterable[_Event]:
    for record in records:
        try:
            event = _Event.model_validate(record)
        except ValidationError:  # its words would show the values
            continue
        if (event.kind == "click") == (event.url is not None):
            yield event


def _columns(events: list[_Event]) -> dict[str, list[Any]]:
    return {
        "event_ids": [e.event_id for e in events],
        "kinds": [e.kind for e in events],
        "send_ids": [e.send_id for e in events],
        "urls": [e.url.replace("\0", "") if e.url else e.url for e in events],
        "times": [e.occurred_at for e in events],
        "methods": [e.method for e in events],
        "clients": [e.client for e in events],
        "networks": [bytes.fromhex(e.network) if e.network else None for e in events],
    }


def _settle(conn: psycopg.Connection, send_ids: set[int], clock: Clock) -> int:
    """What is opened has arrived, whoever opened it."""
    found = conn.execute(queries("tracking")["unsettled"], {"send_ids": sorted(send_ids)}).fetchall()
    for send_id, occurred_at in found:
        record_delivery_event(
            conn, kind="delivered", source="tracking", send_id=send_id, occurred_at=occurred_at, now=clock.now()
        )
    return len(found)
