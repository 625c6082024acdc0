"""The memory of the benchmark's own process."""

from __future__ import annotations

from pathlib import Path


def peak_mib() -> float:
    """The most memory that this program has had, MiB. (getrusage counts what its parent had when it was started.)"""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
