"""A sender in a process of its own, as a task of `deliver_messages` is: `python -m benchmarks._sender PORT MESSAGES`.

It takes the warehouse's URI, the key ring and, where mails are signed, the DKIM key from standard input (JSON, one
line), says `ready`, and sends when it is told `go`. It prints what it did as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from benchmarks._mails import KEYS_JSON, SENDER
from benchmarks._peak import peak_mib

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What some senders did side by side: mails, seconds from the first start to the last end, MiB of the largest.

    `cpu`: seconds of processor time that the senders took together, without PostgreSQL's.
    """

    messages: int
    seconds: float
    peak: float
    cpu: float

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.messages / self.seconds


def send(dsn: str, port: int, messages: int, *, senders: int = 1, dkim: str | None = None, **options: Any) -> Sent:
    """`messages` mails of the ledger at `dsn` to the server at `port`, by so many senders with a connection each.

    `dkim`: a private key in PEM, where they are to be signed.
    """
    told = json.dumps({"dsn": dsn, "keys": KEYS_JSON, "dkim": dkim, "options": options})
    with _processes(port, messages, senders, told) as running:
        for process in running:
            assert _stream(process.stdout).readline() == "ready\n"
        for process in running:
            _say(process, "go")
        found = [json.loads(_stream(process.stdout).readline()) for process in running]
    count = sum(f["sent"] for f in found)
    assert count == messages, f"{count} of {messages} were sent: {found}"
    seconds = max(f["ended"] for f in found) - min(f["started"] for f in found)
    return Sent(messages=count, seconds=seconds, peak=max(f["peak"] for f in found), cpu=sum(f["cpu"] for f in found))


@contextmanager
def _processes(port: int, messages: int, senders: int, told: str) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "benchmarks._sender", str(port)]
    running = []
    try:
        for n in range(senders):
            share = messages // senders + (n < messages % senders)
            process = subprocess.Popen(
                [*command, str(share)], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            running.append(process)
            _say(process, told)
        yield running
        for process in running:
            process.wait(30)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _say(process: subprocess.Popen[str], line: str) -> None:
    stream = _stream(process.stdin)
    stream.write(line + "\n")
    stream.flush()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def main() -> None:
    """Be told, wait, send, say what was done."""
    from marketflow.campaigns.delivery import DeliveryOptions, DkimSigner, SmtpChannel, SmtpTarget, deliver
    from marketflow.privacy import KeyRing
    from marketflow.shared import Clock, settings
    from marketflow.warehouse import connect

    port, messages = int(sys.argv[1]), int(sys.argv[2])
    told = json.loads(sys.stdin.readline())
    options = {"batch": settings().delivery_batch, "window": settings().delivery_window, **told["options"]}
    signer = None if told["dkim"] is None else DkimSigner.from_pem(told["dkim"], domain="example.com", selector="bench")
    target = SmtpTarget(host="127.0.0.1", port=port)
    channel = SmtpChannel(target, sender=SENDER, signer=signer)
    print("ready", flush=True)
    sys.stdin.readline()
    started, worked = time.monotonic(), time.process_time()
    summary = deliver(
        lambda: connect(told["dsn"]),
        channel,
        keys=KeyRing.from_json(told["keys"]),
        clock=Clock(time_zone=ZoneInfo("UTC")),
        options=DeliveryOptions(
            edge_url="https://shop.example.com", brand="Bench Shop", max_messages=messages, **options
        ),
    )
    found = {"sent": summary.sent, "started": started, "ended": time.monotonic(), "peak": peak_mib()}
    print(json.dumps(found | {"cpu": time.process_time() - worked}), flush=True)


if __name__ == "__main__":
    main()
