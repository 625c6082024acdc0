"""Servers from the system's packages that some tests talk to."""

from __future__ import annotations

import os
import shutil

import pytest

REQUIRE = "REQUIRE_SERVERS"  # set by .ci/run
_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"


def program(name: str) -> str | None:
    """Where it is."""
    return shutil.which(name, path=_PLACES)


def require(package: str, *names: str) -> None:
    """Skip the test where the programs are not installed; in CI (REQUIRE_SERVERS=1) fail it."""
    if all(map(program, names)):
        return
    message = f"{package} is not installed: apt-get install {package}"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(message)
    pytest.skip(message)
