"""The edge service for tests: running on a port of its own, and what it has left in the warehouse."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import psycopg
import uvicorn

from campaign_shop import RING
from conftest import free_port
from marketflow.campaigns import Campaign, load_campaigns
from marketflow.edge import create_app
from marketflow.embedded.postgres import Server
from marketflow.privacy import unsubscribe_token
from marketflow.shared import Clock


def win_back() -> Campaign:
    return next(c for c in load_campaigns() if c.name == "win_back")


def edge_dsn(server: Server, warehouse_dsn: str) -> str:
    return f"postgresql://marketflow_edge:test-only@127.0.0.1:{server.port}/{warehouse_dsn.rsplit('/', 1)[1]}"


class Running:
    """The service as `python -m marketflow.edge` runs it, in a thread."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self.port = free_port()
        app = create_app(dsn, RING, clock, brand="Shop <& Co>")
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, access_log=False, lifespan="off", log_level="info"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> httpx.Client:
        listening = threading.Event()
        startup = self.server.startup

        async def announced(*args: Any, **options: Any) -> None:
            await startup(*args, **options)
            listening.set()

        self.server.startup = announced  # type: ignore[method-assign]
        self.thread.start()
        assert listening.wait(20)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(20)


def link(send_id: int) -> str:
    return f"/u/{unsubscribe_token(RING, send_id)}"


def records(conn: psycopg.Connection) -> tuple[list[Any], list[Any], list[Any]]:
    conn.rollback()
    return (
        conn.execute("SELECT channel, purpose, granted FROM privacy.consents").fetchall(),
        conn.execute("SELECT channel, reason FROM privacy.suppressions").fetchall(),
        conn.execute("SELECT channel, purpose, granted, how, send_id FROM privacy.consent_events").fetchall(),
    )


BEFORE: tuple[list[Any], list[Any], list[Any]] = ([("email", "marketing", True)], [], [])


def after(send_id: int) -> tuple[list[Any], list[Any], list[Any]]:
    event = ("email", "marketing", False, "unsubscribe link", send_id)
    return ([("email", "marketing", False)], [("email", "unsubscribed")], [event])
