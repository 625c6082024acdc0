"""A million events of SendGrid's webhook: signed, verified, on the disk before they are answered; then into the ledger.

The edge service is a process of its own without a database; requests of a thousand events come over one connection,
one after the other. Then its journal is taken, segment by segment: no transaction takes longer than its segment, and
the role of senders may not hold one for 30 s (`transaction_timeout`). What bounds a segment is the size at which it is
closed (2 MiB, some 20,000 reports) and the requests that were written last; 10,000 reports are handed over at a time.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import orjson
import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import Result
from benchmarks._mails import KEYS_JSON, NOW, fill_ledger
from benchmarks._warehouse import fresh_warehouse
from marketflow.campaigns.reports import take_reports
from marketflow.privacy import KeyRing, bounce_token
from marketflow.shared import Clock
from marketflow.shared.ids import PROVIDER_ARGUMENT
from marketflow.warehouse import connect

EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
BATCH, LIMIT = 1_000, 30.0
# of a hundred: most mails arrive, and some of those who got one complain
_KINDS = ["delivered"] * 96 + ["bounce"] * 3 + ["spamreport"]
_HANDED_OVER = "UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s"


def run() -> Result:
    """Seconds of the longest segment, beside the limit; how fast events are answered and taken, and in which memory."""
    with fresh_warehouse() as bench:
        fill_ledger(bench.dsn, EVENTS)
        with connect(bench.dsn) as conn:
            conn.execute(_HANDED_OVER, [NOW - dt.timedelta(hours=1)] * 2)
            conn.commit()
            folder = bench.folder / "collected"
            answered, memory = _send(conn, folder)
        longest, took, recorded = _take(bench.dsn, folder / "reports")
    assert recorded == EVENTS, recorded
    return Result(
        name="webhooks_1m", ours=longest, baseline=LIMIT, unit="s", more_is_better=False,
        what=f"the slowest segment of {EVENTS:,} reports of SendGrid; baseline: a transaction's limit",
        beside={
            "answered, events/s": round(EVENTS / answered), "taken, events/s": round(EVENTS / took),
            "edge service at the start, MiB": round(memory[0], 1), "its peak, MiB": round(memory[1], 1),
        },
    )  # fmt: skip


def _send(conn: psycopg.Connection, folder: Path) -> tuple[float, tuple[float, float]]:
    """Seconds until all are answered, and the service's memory before and at most."""
    key = ec.generate_private_key(ec.SECP256R1())
    with _edge(folder, key) as (port, process), httpx.Client(timeout=60) as client:
        url, before, seconds = f"http://127.0.0.1:{port}/hooks/sendgrid", _memory(process, "VmRSS"), 0.0
        for events in _batches(conn):
            body, told = orjson.dumps(events), str(int(time.time()))
            signature = base64.b64encode(key.sign(told.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
            headers = {
                "X-Twilio-Email-Event-Webhook-Signature": signature,
                "X-Twilio-Email-Event-Webhook-Timestamp": told,
            }
            began = time.perf_counter()
            client.post(url, content=body, headers=headers).raise_for_status()
            seconds += time.perf_counter() - began
        return seconds, (before, _memory(process, "VmHWM"))


def _batches(conn: psycopg.Connection) -> Iterator[list[dict[str, object]]]:
    keys, dice = KeyRing.from_json(KEYS_JSON), random.Random(7)
    with conn.cursor("messages") as cursor:
        cursor.execute("SELECT send_id, message_id FROM activation.sends ORDER BY send_id")
        while rows := cursor.fetchmany(BATCH):
            yield [_event(dice.choice(_KINDS), keys, *row) for row in rows]


def _event(kind: str, keys: KeyRing, send_id: int, message_id: str) -> dict[str, object]:
    named = {} if kind == "spamreport" else {"smtp-id": f"<{message_id}>"}
    more = {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"} if kind == "bounce" else {}
    return {
        "email": f"customer.{send_id}@mail{send_id % 50}.example.com", "timestamp": int(NOW.timestamp()), "event": kind,
        "sg_event_id": f"{send_id:032x}", "sg_message_id": f"{send_id:020x}.filter0001.16648.5515E0B88.0",
        PROVIDER_ARGUMENT: bounce_token(keys, send_id), **named, **more,
    }  # fmt: skip


def _take(dsn: str, folder: Path) -> tuple[float, float, int]:
    """Seconds of the longest segment and of all, and how many reports were recorded; one segment at a time."""
    one, keys, recorded, seconds = folder.with_name("one"), KeyRing.from_json(KEYS_JSON), 0, []
    clock = Clock(time_zone=ZoneInfo("UTC"), offset=NOW - dt.datetime.now(dt.UTC))
    one.mkdir()
    with connect(dsn, "sender") as conn:
        for segment in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
            segment.rename(one / segment.name)
            began = time.perf_counter()
            taken = take_reports(conn, one, keys, clock)
            seconds.append(time.perf_counter() - began)
            assert not taken.problems, taken.problems
            recorded += sum(taken.tally.recorded.values())
    return max(seconds), sum(seconds), recorded


@contextmanager
def _edge(folder: Path, key: ec.EllipticCurvePrivateKey) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The edge service with SendGrid's hook; its journal is closed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    settings = {
        "WAREHOUSE_DSN": "postgresql://nobody@127.0.0.1:1/none", "KEYS": KEYS_JSON, "EDGE_PORT": str(port),
        "COLLECTOR_LOG": str(folder), "SENDGRID_PUBLIC_KEY": base64.b64encode(public).decode(),
    }  # fmt: skip
    environment = os.environ | {f"MARKETFLOW_{name}": value for name, value in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "marketflow.edge"], env=environment)
    try:
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        process.wait(60)


def _memory(process: subprocess.Popen[bytes], name: str) -> float:
    """What a process has (`VmRSS`), or has had at most (`VmHWM`), MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024
