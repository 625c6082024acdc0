"""How much memory the whole stack uses: the sum of proportional set sizes (PSS), so that shared pages count once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import psutil


def pss_mib(roots: Iterable[int]) -> float:
    """PSS in MiB of the given processes and all that they have started."""
    seen: dict[int, psutil.Process] = {}
    for pid in roots:
        try:
            root = psutil.Process(pid)
            seen |= {p.pid: p for p in (root, *root.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    return sum(map(_pss, seen.values())) / 2**20


class PeakMemory:
    """Samples once a second in the background while its block runs; `peak` is in MiB."""

    def __init__(self, roots: Callable[[], Iterable[int]]) -> None:
        self.peak = 0.0
        self._roots = roots
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling."""
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(1.0):
            self.peak = max(self.peak, pss_mib(self._roots()))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
