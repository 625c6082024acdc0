"""Single events over HTTP, answered when they are durable, against an empty handler on the same server.

One process with one set of uvicorn's options serves both (`_collector_server`); one client (`_http_load`) drives them
in turns, with the same request of half a kilobyte over as many kept connections. Ours checks the key and the event,
gives it its time, encrypts it and brings it to the disk before it answers; the baseline reads the body and answers.
What was answered is counted in the log afterwards.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import Result
from marketflow.embedded.config import free_port
from marketflow.sources.readers.frames import SUFFIX

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 8  # the best of each: other work on the machine can only slow things down
CONNECTIONS, SECONDS = 256, 2.0


def run() -> Result:
    """Requests per second."""
    with tempfile.TemporaryDirectory(prefix="marketflow-bench-") as name:
        folder, port = Path(name) / "collected", free_port()
        with _server(port, folder):
            pairs = [(_load(port, "/v1/track"), _load(port, "/empty")) for _ in range(ROUNDS)]
        assert _written(folder) >= sum(ours["all_answers"] for ours, _ in pairs)
    assert not any(found["failed"] for pair in pairs for found in pair)
    return Result(
        name="collector_vs_empty",
        ours=max(ours["answers"] / ours["seconds"] for ours, _ in pairs),
        baseline=max(empty["answers"] / empty["seconds"] for _, empty in pairs),
        unit="requests/s",
        what="single events with durable answers; baseline: an empty handler on the same server",
    )


@contextmanager
def _server(port: int, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks._collector_server", str(port), str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        _await(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server of the benchmark did not start")


def _load(port: int, path: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks._http_load", str(port), path, str(CONNECTIONS), str(SECONDS)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _written(folder: Path) -> int:
    """Requests in the closed segments of the log."""
    from benchmarks._collector_server import KEYS
    from marketflow.sources.places.collector import CollectorPlace

    total = 0
    for item in CollectorPlace(folder=folder, keys=KEYS).items():
        assert item.name.endswith(SUFFIX)
        with item.read() as reader:
            total += sum(len(block.numbers) for block in reader.blocks())
    return total
