"""The collector's durable log: a thread writes what waits, in groups, and only then lets the requests answer.

While one group is on its way to the disk the next one gathers, so the number of flushes does not grow with the number
of requests. The file is opened with O_DSYNC: one system call writes a group and returns when it is durable.
A segment that is being written has a name that begins with a dot and is locked; it is closed by renaming it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import mmap
import os
import queue
import secrets
import threading
import time
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path

from marketflow.privacy import COLLECTED, KeyRing
from marketflow.shared import Clock
from marketflow.sources.readers.frames import MAGIC, MAX_BODY, SUFFIX, bundle, frame, whole_until

log = logging.getLogger(__name__)
_SEALED = MAX_BODY - 1_024  # bytes of requests in one record, before it is encrypted
# Between two groups, when requests wait: so many seconds, or until they are so many. One that comes alone never waits.
_PAUSE, _ENOUGH = 0.002, 64
_LOOK_SECONDS = 1.0  # between looks at the room on the disk
_REPORTED_SECONDS = 5.0  # that a failed write counts as a problem: only another event can show that the disk is well
Waiting = tuple[bytes, "asyncio.Future[None]"]


class NotDurable(OSError):
    """The event could not be brought to the disk; it counts as not taken."""


@dataclass(kw_only=True)
class _Segment:
    """The file that is being written; `durable` is where its last acknowledged record ends."""

    file: int
    path: Path
    since: float
    durable: int = 0


class EventLog:
    """Append-only, encrypted, in segments below `folder`.

    A segment is closed when it holds `segment_bytes` or is `segment_seconds` old. Nothing is written while the disk has
    less than `reserve_bytes` free, so that a full log never takes the room of the database beside it.
    """

    def __init__(
        self, folder: Path, keys: KeyRing, clock: Clock, *, name: str = "collector",
        segment_bytes: int = 64 << 20, segment_seconds: float = 15.0, reserve_bytes: int = 256 << 20,
    ) -> None:  # fmt: skip
        self.folder, self._keys, self._clock, self._name = folder, keys, clock, name
        self._segment_bytes, self._segment_seconds, self._reserve = segment_bytes, segment_seconds, reserve_bytes
        self._waiting: list[Waiting] = []
        self._is_writing = False
        self._pause: asyncio.TimerHandle | None = None
        self._groups: queue.SimpleQueue[tuple[list[Waiting], bytes] | None] = queue.SimpleQueue()
        self._segment: _Segment | None = None
        self._thread = threading.Thread(target=self._work, name=f"{name}-log", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure, self._failed_at, self._looked_at = "", 0.0, 0.0

    def start(self) -> None:
        """Make the folder, close what a killed collector left, begin to take events. Raises OSError."""
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in missing:
            _sync(folder.parent)  # a segment is as durable as the folders that lead to it
        recover(self.folder)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and close the segment; to be called when no request runs any more."""
        self._groups.put(None)
        self._thread.join()

    @property
    def problem(self) -> str:
        """Why events cannot be taken just now; empty when they can, as far as is known.

        A failed write is told for some seconds: for longer, nobody would send the event that shows that it is over.
        """
        try:
            self._check_room()
        except OSError as error:
            return str(error.strerror)
        return self._failure if time.monotonic() < self._failed_at + _REPORTED_SECONDS else ""

    async def append(self, record: bytes) -> None:
        """Returns when the record is durable; raises NotDurable when it is not and will not be."""
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((record, future))
        if not self._is_writing or (self._pause and len(self._waiting) >= _ENOUGH):
            self._hand_over()
        await future

    def _hand_over(self) -> None:
        """Sealed here, not in the thread: two threads that both compute only hold each other up."""
        if self._pause:
            self._pause.cancel()
        self._pause, group, self._waiting = None, self._waiting, []
        self._is_writing = bool(group)
        if group:
            self._groups.put((group, self._seal([record for record, _ in group])))

    def _seal(self, records: list[bytes]) -> bytes:
        """One encrypted record for all requests of a group, or several when one would be too long."""
        sealed: list[bytes] = []
        together: list[bytes] = []
        size = 0
        for record in records:
            if size + len(record) > _SEALED - 8 * len(together):
                sealed.append(frame(self._keys.encrypt(bundle(together), COLLECTED)))
                together, size = [], 0
            together.append(record)
            size += len(record)
        sealed.append(frame(self._keys.encrypt(bundle(together), COLLECTED)))
        return b"".join(sealed)

    def _settle(self, group: list[Waiting], error: OSError | None) -> None:
        """In the event loop: let the requests of a group answer, and send the next one on its way, soon.

        The short pause makes groups of dozens where there were five: each costs a flush and two switches of threads.
        """
        for _, future in group:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(NotDurable(error.errno, error.strerror))
        if self._loop and 0 < len(self._waiting) < _ENOUGH:
            self._pause = self._loop.call_later(_PAUSE, self._hand_over)
        else:
            self._hand_over()

    def _work(self) -> None:
        """The thread: one group after the other; closes the segment when it is old."""
        while True:
            try:
                found = self._groups.get(timeout=self._patience())
            except queue.Empty:
                self._close_segment()
                continue
            if found is None:
                break
            group, data = found
            error = self._write(data)
            assert self._loop is not None  # who appended has set it
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                self._loop.call_soon_threadsafe(self._settle, group, error)
        self._close_segment()

    def _patience(self) -> float | None:
        if self._segment is None:
            return None
        return max(0.0, self._segment.since + self._segment_seconds - time.monotonic())

    def _write(self, data: bytes) -> OSError | None:
        try:
            if self._failure or time.monotonic() > self._looked_at + _LOOK_SECONDS:
                self._check_room()
                self._looked_at = time.monotonic()
            segment = self._segment = self._segment or self._open_segment()
            _write_all(segment.file, data)
            segment.durable += len(data)
        except OSError as error:
            self._fail(error)
            return error
        self._failure = ""
        if segment.durable >= self._segment_bytes or not self._patience():
            self._close_segment()
        return None

    def _fail(self, error: OSError) -> None:
        """After a failed write or flush the pages are in doubt: cut them off and never write to that file again."""
        if not self._failure:
            log.error("the log '%s' cannot be written (%s); nothing is taken until it can", self._name, error.strerror)
        self._failure, self._failed_at = str(error.strerror), time.monotonic()
        if self._segment is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._segment.file, self._segment.durable)
            self._close_segment()

    def _check_room(self) -> None:
        if (found := os.statvfs(self.folder)).f_bavail * found.f_frsize < self._reserve:
            raise OSError(ENOSPC, "less room on the disk than is kept free")

    def _open_segment(self) -> _Segment:
        """A new file, locked, and still there: a collector that starts might have taken it for a dead one's."""
        while True:
            name = f".{self._clock.now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}{SUFFIX}"
            path = self.folder / name
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:
                    _write_all(file, MAGIC)
                    _sync(self.folder)  # the entry in the folder must be as durable as what the file holds
                    return _Segment(file=file, path=path, since=time.monotonic(), durable=len(MAGIC))
            except OSError:
                path.unlink(missing_ok=True)
                os.close(file)
                raise
            os.close(file)

    def _close_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            _publish(segment.path, segment.durable)
        except OSError as error:
            log.warning("%s was not closed (%s); the next start of the collector does it", segment.path, error.strerror)
        finally:
            os.close(segment.file)


def recover(folder: Path) -> int:
    """Close the segments of collectors that died, without the torn end of their last write; how many there were.

    A segment that a living collector writes is locked and left alone; so is, with a warning, what cannot be opened or
    is none of ours: it must not keep new events from being taken, and a later version may know it.
    """
    found = 0
    for path in sorted(folder.glob(f".*{SUFFIX}")):
        try:
            found += _recovered(path)
        except FileNotFoundError:  # another collector, which started too, has closed it
            continue
        except OSError as error:
            log.warning("%s cannot be closed (%s) and is left as it is", path.name, error.strerror)
    return found


def _recovered(path: Path) -> bool:
    """Close one segment; False when a living collector has it. Raises OSError."""
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        size = os.fstat(file.fileno()).st_size
        end = _whole_until(file.fileno(), size)
        if not end and not _is_torn(file.read(len(MAGIC))):
            log.warning("%s is no segment of a log and is left as it is", path.name)
            return False
        if end < size:
            log.warning("%s: %d bytes of an unfinished write are cut off", path.name, size - end)
            os.ftruncate(file.fileno(), end)
        os.fsync(file.fileno())
        _publish(path, end)
    return True


def _whole_until(file: int, size: int) -> int:
    if size == 0:
        return 0
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as data:
        return whole_until(data)


def _is_torn(beginning: bytes) -> bool:
    """Is this the first line of a segment, or what a crash has left of it: a part, or NULs?"""
    return MAGIC.startswith(beginning.rstrip(b"\0"))


def _publish(path: Path, size: int) -> None:
    """Give a segment its final name; one without a record is removed."""
    if size > len(MAGIC):
        path.rename(path.with_name(path.name[1:]))
    else:
        path.unlink()
    _sync(path.parent)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
