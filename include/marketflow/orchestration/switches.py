"""ASGI middleware: after Airflow has switched a campaign's DAG on or off, the warehouse knows it too."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tenacity import Retrying, retry_if_exception_type, wait_fixed

from marketflow.orchestration.connections import warehouse
from marketflow.shared import settings

log = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds between two tries: senders may begin again within them, once the warehouse is back
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
    """Write the switches of campaigns' and journeys' DAGs; a warehouse that is away is told when it is back."""
    _UNTOLD.tell(states)


class _Untold:
    """Switches that the warehouse has not heard of yet, each with its newest state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, bool] = {}
        self._is_patient = False

    def tell(self, states: Mapping[str, bool]) -> None:
        """Try at once; where that fails, a thread goes on until it is done."""
        with self._lock:
            self._states.update(states)
        try:
            self._write()
        except Exception:
            # Airflow's own switch has turned already; the operator must know that the senders have not heard of it.
            log.exception("the switches of %s did not reach activation.campaign_states yet", ", ".join(sorted(states)))
            self._keep_trying()

    def _write(self) -> None:
        from marketflow.campaigns import find_campaigns, set_paused
        from marketflow.campaigns.journeys import find_journeys

        with self._lock:
            names = sorted({*find_campaigns().names, *find_journeys().names} & self._states.keys())
            if names:
                with warehouse() as conn:
                    for name in names:
                        set_paused(conn, name, paused=self._states[name], by="airflow", clock=settings().clock())
            self._states.clear()

    def _keep_trying(self) -> None:
        with self._lock:
            if self._is_patient:
                return
            self._is_patient = True
        threading.Thread(target=self._until_told, name="switches", daemon=True).start()

    def _until_told(self) -> None:
        while self._is_left():
            for attempt in Retrying(wait=wait_fixed(_PAUSE), retry=retry_if_exception_type(Exception)):
                with attempt:
                    self._write()
            log.warning("the switches that had not reached activation.campaign_states have now")

    def _is_left(self) -> bool:
        """Is there anything to tell? If not, the thread ends, and whoever fails after this starts another."""
        with self._lock:
            self._is_patient = bool(self._states)
            return self._is_patient


_UNTOLD = _Untold()
