"""The edge service as a process of its own, as `make up` and the container run it, to be talked to and to be killed."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from campaign_shop import RING
from conftest import free_port

WEB, SERVER = "public-web-key", "secret-server-key"
NO_WAREHOUSE = "postgresql://nobody:secret-word@127.0.0.1:1/none"
RING_JSON = json.dumps({
    "encryption": {"1": base64.b64encode(RING.encryption[1]).decode()},
    "hashing": base64.b64encode(RING.hashing).decode(), "signing": base64.b64encode(RING.signing).decode(),
})  # fmt: skip


class EdgeProcess:
    """`settings` are those of MARKETFLOW_*, in lower case. Its log of events is `folder`, what it says `log`."""

    def __init__(self, home: Path, *, dsn: str = NO_WAREHOUSE, **settings: Any) -> None:
        self.folder, self.log, self.port = home / "collected", home / "edge.log", free_port()
        self.program = ["-m", "marketflow.edge"]
        self._process: subprocess.Popen[bytes] | None = None
        found = {
            "warehouse_dsn": dsn, "keys": RING_JSON, "edge_port": self.port, "collector_log": self.folder,
            "write_keys": f"web:public={WEB},server={SERVER}", "collector_reserve_mib": 0, "collector_rate": 0,
        } | settings  # fmt: skip
        self._environment = os.environ | {f"MARKETFLOW_{name.upper()}": str(value) for name, value in found.items()}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, *self.program], env=self._environment, stdout=out, stderr=out
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def stop(self) -> None:
        """End it as a supervisor does; its open segment is closed."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    @property
    def memory(self) -> int:
        """Bytes of its resident set."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def post(self, call: str, body: Any, *, key: str | None = SERVER, **headers: str) -> httpx.Response:
        """A request of its own connection; `body` is JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        auth = (key, "") if key else None
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/{call}", content=content, auth=auth, headers=headers, timeout=20
        )

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def head(call: str = "track", *more: str, key: str = SERVER) -> bytes:
    """The beginning of a request, without the empty line."""
    user = base64.b64encode(f"{key}:".encode()).decode()
    lines = [f"POST /v1/{call} HTTP/1.1", "Host: x", f"Authorization: Basic {user}", *more]
    return ("\r\n".join(lines) + "\r\n").encode()


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionResetError:
        pass
    return found
