"""How the service is served: its options of uvicorn and of the process, which the benchmark takes over."""

from __future__ import annotations

import gc
import resource
import signal
import sys
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp

from marketflow.edge.collector import EventLog
from marketflow.edge.protocol import GuardedProtocol

_FILES = 4_096
_SWITCH_SECONDS = (
    0.0005  # how long the loop may keep the interpreter from the log's thread; 5 ms would delay each group
)


def serve(app: ASGIApp, *logs: EventLog, host: str, port: int, **options: Any) -> None:
    """Serve until SIGTERM or SIGINT, then let requests finish and close the logs."""
    _tune_process()
    # uvicorn raises the signal again when it has ended: by default the process would be gone, its log not closed
    signal.signal(signal.SIGTERM, _leave)
    for log in logs:
        log.start()
    try:
        uvicorn.run(app, host=host, port=port, **options)
    finally:
        for log in logs:
            log.close()


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def server_options(request_seconds: float = 20.0) -> dict[str, Any]:
    """Options of uvicorn. A request must come within `request_seconds`."""
    GuardedProtocol.request_seconds = request_seconds
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


def _tune_process() -> None:
    """Allow as many open files as there may be connections, and let the log's thread have its turn soon.

    Collect garbage seldom: a request leaves no cycles, and looking for them took 7 % of the time.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
