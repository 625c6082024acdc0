"""ASGI middleware: after Airflow has switched a campaign's DAG on or off, the warehouse knows it too."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketflow.orchestration.connections import warehouse
from marketflow.shared import settings

log = logging.getLogger(__name__)

_SWITCH = re.compile(r"^/api/v2/dags(/[\w.\-]+)?/?$")


class SwitchMirror:
    """Watches the answers to `PATCH /api/v2/dags[/{dag_id}]`; everything else passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, and mirror what Airflow answers."""
        if scope["type"] != "http" or scope["method"] != "PATCH" or not _SWITCH.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        # The answer is to be read here, so it must not come compressed.
        scope = {**scope, "headers": [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]}
        body, status = bytearray(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            body.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body") and status == 200:
                # before the last byte of the answer: who sees the switch turn, sees what the senders see
                await run_in_threadpool(mirror, switched(bytes(body)))
            await send(message)

        await self.app(scope, receive, watch)


def switched(answer: bytes) -> dict[str, bool]:
    """DAG id → is it paused, from Airflow's answer about one DAG or many."""
    try:
        parsed: Any = json.loads(answer)
    except ValueError:
        return {}
    dags = parsed.get("dags", [parsed]) if isinstance(parsed, dict) else []
    return {d["dag_id"]: bool(d["is_paused"]) for d in dags if "dag_id" in d and "is_paused" in d}


def mirror(states: dict[str, bool]) -> None:
    """Write the switches of those DAGs that are campaigns."""
    from marketflow.campaigns import find_campaigns, set_paused

    names = set(find_campaigns().names) & states.keys()
    try:
        with warehouse() as conn:
            for name in sorted(names):
                set_paused(conn, name, paused=states[name], by="airflow", clock=settings().clock())
    except Exception:
        # Airflow's own switch has turned already; the operator must know that the senders have not heard of it.
        log.exception("the switches of %s did not reach activation.campaign_states", ", ".join(sorted(names)))
