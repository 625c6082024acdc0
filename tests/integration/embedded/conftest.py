"""A stack of the light parts, on free ports: PostgreSQL, the mail catcher and the edge service are up in two seconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import SCRATCH, free_port
from marketflow.embedded import processes, stack
from marketflow.embedded.config import PORTS, Config

LIGHT = "postgres,mail,edge"


@dataclass
class Light:
    """A stack and what was said while it started."""

    config: Config
    said: list[str] = field(default_factory=list)

    def up(self) -> None:
        stack.up(self.config, self.said.append)

    def pid(self, part: str) -> int:
        (found,) = [s.pid for s in stack.status(self.config) if s.name == part]
        assert found is not None, f"{part} does not run"
        return found

    def states(self) -> dict[str, str]:
        return {s.name: s.state for s in stack.status(self.config)}

    def all_ready(self) -> bool:
        return set(self.states().values()) == {"ready"}

    def is_back(self, part: str, killed: int) -> bool:
        """All are ready, and the part is another process than the one that was killed."""
        found = {s.name: s for s in stack.status(self.config)}
        return all(s.state == "ready" for s in found.values()) and found[part].pid != killed

    def remains(self) -> list[int]:
        data = self.config.home / "postgres" / "data"
        return [p.pid for p in processes.remains(self.config.home, bool, data)]

    def kill(self, part: str) -> int:
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.states()}"
            time.sleep(0.05)


def make(home: Path, parts: str = LIGHT) -> Light:
    ports = {port.variable: str(free_port()) for port in PORTS.values()}
    return Light(Config.from_env({"MARKETFLOW_HOME": str(home), "MARKETFLOW_PARTS": parts, **ports}))


@pytest.fixture
def light(request: pytest.FixtureRequest) -> Iterator[Light]:
    """A stack that does not run yet."""
    made = make(SCRATCH / request.node.name)
    yield made
    stack.stop(made.config)
    assert made.remains() == []
