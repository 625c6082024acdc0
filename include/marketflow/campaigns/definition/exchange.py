"""Exchange two folders in one step: rename() cannot replace a folder that is not empty, these system calls can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from marketflow.shared import DefinitionError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # Linux, renameat2(2): RENAME_EXCHANGE; macOS, renamex_np(2): RENAME_SWAP
_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def exchange(first: Path, second: Path) -> None:
    """Each gets the other's name, at once. Raises DefinitionError where the file system cannot, else OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    one, two = os.fsencode(first), os.fsencode(second)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(one, two, _RENAME_EXCHANGE)
        else:
            failed = libc.renameat2(_AT_FDCWD, one, _AT_FDCWD, two, _RENAME_EXCHANGE)
    except AttributeError:
        raise DefinitionError(_sorry(second)) from None
    if failed:
        number = ctypes.get_errno()
        if number in _NOT_HERE:
            raise DefinitionError(_sorry(second))
        raise OSError(number, os.strerror(number))


def _sorry(path: Path) -> str:
    return f"{path}: this file system cannot exchange two folders at once; change the files by hand, or with git"
