"""postfix's own tools: `smtp-sink`, which takes mails and throws them away, and `smtp-source`, which makes them up."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks._tools import await_port, tool
from marketflow.embedded.config import free_port


@contextmanager
def sink() -> Iterator[int]:
    """A running smtp-sink; its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([tool("smtp-sink", "postfix"), *user, f"127.0.0.1:{port}", "1024"])
    try:
        await_port(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def source(port: int, messages: int, *, connections: int, size: int) -> float:
    """Mails a second of smtp-source: `size` bytes each, all over so many kept-open connections (-d)."""
    command = [
        tool("smtp-source", "postfix"), "-d", "-s", str(connections), "-m", str(messages), "-l", str(size),
        "-f", "shop@example.com", "-t", "customer@example.com", f"127.0.0.1:{port}",
    ]  # fmt: skip
    started = time.monotonic()
    subprocess.run(command, check=True)
    return messages / (time.monotonic() - started)
