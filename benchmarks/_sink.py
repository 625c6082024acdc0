"""postfix's own tools: `smtp-sink`, which takes mails and throws them away, and `smtp-source`, which makes them up."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from marketflow.embedded.config import free_port
from marketflow.shared import ConfigurationError

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec/postfix"))


@contextmanager
def sink() -> Iterator[int]:
    """A running smtp-sink; its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([_tool("smtp-sink"), *user, f"127.0.0.1:{port}", "1024"])
    try:
        _await(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def source(port: int, messages: int, *, connections: int, size: int) -> float:
    """Mails a second of smtp-source: `size` bytes each, all over so many kept-open connections (-d)."""
    command = [
        _tool("smtp-source"), "-d", "-s", str(connections), "-m", str(messages), "-l", str(size),
        "-f", "shop@example.com", "-t", "customer@example.com", f"127.0.0.1:{port}",
    ]  # fmt: skip
    started = time.monotonic()
    subprocess.run(command, check=True)
    return messages / (time.monotonic() - started)


def _tool(name: str) -> str:
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise ConfigurationError(
            f"this benchmark needs {name} of postfix: `apt-get install postfix` (or `dnf install postfix`);"
            " the mail server itself need not run"
        )
    return found


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("smtp-sink did not start")
