"""`python -m marketflow.embedded`: the supervisor in the foreground. `marketflow up` starts it in the background."""

from __future__ import annotations

import fcntl
import os
import sys

from marketflow.embedded.config import Config
from marketflow.embedded.stack import lock_file
from marketflow.embedded.supervisor import Supervisor
from marketflow.shared import MarketflowError


def main() -> int:
    """Hold the stack's lock, so that there is one supervisor, and run it."""
    config = Config.from_env()
    config.make_folders()
    with lock_file(config).open("r+" if lock_file(config).exists() else "w+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another supervisor runs already", file=sys.stderr)
            return 1
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            Supervisor(config).run()
        except MarketflowError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
