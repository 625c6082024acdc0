"""How the service is served: its options of uvicorn and of the process, which the benchmark takes over."""

from __future__ import annotations

import gc
import resource
import sys
from typing import Any

from marketflow.edge.protocol import GuardedProtocol

_FILES = 4_096
_SWITCH_SECONDS = 0.0005  # how long the loop may keep the interpreter from the log's thread; 5 ms would delay each group


def server_options() -> dict[str, Any]:
    """Arguments of `uvicorn.run` beside application, host and port."""
    return {
        "loop": "uvloop",
        "http": GuardedProtocol,
        "ws": "none",
        "log_level": "info",
        "access_log": False,  # the path of a request is a secret of the mail's reader
        "server_header": False,
        "proxy_headers": False,  # nobody asks where a request came from
        "date_header": True,
        "limit_concurrency": 1_000,
        "timeout_keep_alive": 15,
        "backlog": 2_048,
        "lifespan": "off",
        "timeout_graceful_shutdown": 5,
    }


def tune_process() -> None:
    """Allow as many open files as there may be connections, let the log's thread have its turn soon, and collect
    garbage seldom: a request leaves no cycles, and looking for them took 7 % of the time."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
