"""Other people's servers and tools that benchmarks need: where they are, and whether they answer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time

from marketflow.shared import ConfigurationError

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec/postfix"))


def tool(name: str, package: str) -> str:
    """Where that command is. Raises ConfigurationError, which names the package that has it."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise ConfigurationError(
            f"this benchmark needs {name}: `apt-get install {package}`, or what your system calls it; the mail server"
            " itself need not run"
        )
    return found


def await_port(port: int, process: subprocess.Popen[bytes], seconds: float = 10) -> None:
    """Wait until something listens there. Raises ConfigurationError when it does not, or has ended."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise ConfigurationError("the mail server of the benchmark did not start: its own words stand above")
