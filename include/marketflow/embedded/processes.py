"""Processes of the stack: started so that they die with their parent, ended together with all that they started.

Airflow's workers and tasks leave the process group of the scheduler and outlive it, so a group is not enough:
every process carries the stack's mark in its environment, by which its remains are found.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

STACK, PART = "MARKETFLOW_STACK", "MARKETFLOW_PART"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_MAX_LOG = 10 * 2**20


def start(
    command: list[str],
    *,
    part: str,
    home: Path,
    env: Mapping[str, str],
    log: Path,
    dies_by: signal.Signals = signal.SIGTERM,
    identity: Mapping[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, marked, its output appended to `log`; it gets `dies_by` when we die.

    `identity` is as whom to run it (`user`, `group` of subprocess.Popen). Call it in the main thread only: the
    kernel means the parent's thread when it says parent.
    """
    _rotate(log)
    marks = {STACK: str(home), PART: part, "SPT_NOENV": "1"}  # setproctitle would overwrite the environment in /proc
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd="/", env={**env, **marks},
            start_new_session=True, **(identity or {}),
            preexec_fn=_die_with(os.getpid(), dies_by),  # noqa: PLW1509 - the supervisor has one thread
        )  # fmt: skip


def adopt_orphans() -> None:
    """Become the parent of whatever our descendants leave behind, so that no zombie stays (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own: set[int]) -> None:
    """Collect ended children that are not in `own` (those are collected by their Popen)."""
    for child in psutil.Process().children():
        if child.pid not in own and _is_zombie(child):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)


def remains(home: Path, is_meant: Callable[[str], bool], works_in: Path | None = None) -> list[psutil.Process]:
    """Living processes of the stack of `home`: of the parts that are meant, or at work in the folder `works_in`.

    Never this process, nor one that it was started by.
    """
    me = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    return [
        p
        for p in psutil.process_iter()
        if p.pid not in me and not _is_zombie(p) and (is_meant(_mark(p, home)) or _works_in(p, works_in))
    ]


def end(find: Callable[[], list[psutil.Process]], how: signal.Signals, patience: float) -> None:
    """End what `find` finds: send `how` to its heads, wait up to `patience` seconds, kill what is left, until none is.

    A head is a process that no other of them has started: it ends its own children in its own way.
    """
    if how is not signal.SIGKILL:
        found = find()
        _signal([p for p in found if _mark(p) and not any(parent in found for parent in p.parents())], how)
        _wait(found, patience)
    while left := find():  # what was forked meanwhile, too
        _signal(left, signal.SIGKILL)
        _wait(left, 5)


def _wait(found: list[psutil.Process], patience: float) -> None:
    """Until none of them does anything any more; a zombie, which waits for its parent only, counts as ended."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not all(_is_zombie(p) for p in found):
        time.sleep(0.05)


def _signal(processes: list[psutil.Process], how: signal.Signals) -> None:
    for p in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            p.send_signal(how)


def _die_with(parent: int, how: signal.Signals) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return in_child


def _mark(p: psutil.Process, home: Path | None = None) -> str:
    """The name of the part that a process belongs to, empty when it is of no stack, or not of the one of `home`."""
    try:
        env = p.environ()
    except (psutil.Error, OSError):
        return ""
    return env.get(PART, "") if home is None or env.get(STACK) == str(home) else ""


def _works_in(p: psutil.Process, folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        return p.cwd() == str(folder.resolve())
    except (psutil.Error, OSError):
        return False


def _is_zombie(p: psutil.Process) -> bool:
    try:
        return p.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _rotate(log: Path) -> None:
    """Keep one older file: a log that grew beyond 10 MiB starts anew with its part."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _MAX_LOG:
        log.replace(log.with_suffix(".log.1"))
