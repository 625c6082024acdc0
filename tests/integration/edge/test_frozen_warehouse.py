"""The warehouse accepts connections and then says nothing, or refuses what is written: answers are kept within seconds."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from campaign_shop import RING
from edge_process import EdgeProcess
from edge_service import after, link, records
from journals import recorded
from marketflow.embedded.postgres import Server
from marketflow.privacy import message_token
from swallowing_proxy import SwallowingProxy

FORM = {"action": "save", "shown_channel": "email", "channel": "email", "frequency": "1_7", "language": "zh"}


@pytest.fixture
def proxy(pg_server: Server) -> Iterator[SwallowingProxy]:
    """Swallows what looks for a message."""
    with SwallowingProxy(pg_server.port, b"activation.sends") as found:
        yield found


@pytest.fixture
def edge(proxy: SwallowingProxy, warehouse_dsn: str, tmp_path: Path) -> Iterator[EdgeProcess]:
    name = warehouse_dsn.rsplit("/", 1)[1]
    dsn = f"postgresql://marketflow_edge:test-only@127.0.0.1:{proxy.port}/{name}?sslmode=disable"
    with EdgeProcess(tmp_path, dsn=dsn) as process:
        yield process


def choices(send_id: int) -> str:
    return f"/p/{message_token(RING, 'preferences', send_id, dt.date(2017, 12, 31))}"


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_answers_are_kept_within_seconds_while_the_warehouse_is_frozen(
    proxy: SwallowingProxy, edge: EdgeProcess, conn: psycopg.Connection, sent: int
) -> None:
    """More people look at pages than there are places for; who leaves does not stand in line with them."""
    address = f"http://127.0.0.1:{edge.port}"
    conn.rollback()
    proxy.swallows.set()
    with ThreadPoolExecutor(40) as pool:
        begun = time.monotonic()
        looks = [pool.submit(httpx.get, address + choices(sent), timeout=60) for _ in range(20)]
        assert proxy.swallowed.acquire(timeout=10)
        leaves = [pool.submit(httpx.post, address + link(sent), timeout=60) for _ in range(15)]
        assert [one.result().status_code for one in leaves] == [200] * 15
        assert time.monotonic() - begun < 12
        assert all("cannot show your present choices" in one.result().text for one in looks)
        later = time.monotonic()
        assert [httpx.post(address + link(sent), timeout=60).status_code for _ in range(3)] == [200] * 3
        assert time.monotonic() - later < 12
        health = httpx.get(address + "/health", timeout=60).json()
    assert health["answers"] == "ok; some wait for the warehouse"
    kept = recorded(edge.folder / "answers")
    assert len(kept) == 18, "the journal has them, and none is lost"
    assert {one["send_id"] for one in kept} == {sent}
    proxy.swallows.clear()
    proxy.break_off()
    until(lambda: not recorded(edge.folder / "answers"))
    consents, suppressions, said = records(conn)
    assert (consents, suppressions) == after(sent)[:2]
    assert said[:1] == after(sent)[2]
    until(lambda: httpx.get(address + "/health", timeout=60).json()["answers"] == "ok")


def test_a_choice_that_waits_is_not_shown_as_saved(edge: EdgeProcess, conn: psycopg.Connection, sent: int) -> None:
    """What is written waits for a lock and is given up; what is read shows the choices of before."""
    page = f"http://127.0.0.1:{edge.port}{choices(sent)}"
    conn.rollback()
    with conn.transaction():
        conn.execute("LOCK TABLE privacy.preferences IN EXCLUSIVE MODE")
        found = httpx.post(page, data=FORM, timeout=60)
    assert found.status_code == 200
    assert "<form" not in found.text
    assert "Saved." not in found.text
    assert "Your choice is kept" in found.text
    until(lambda: '<option value="1_7" selected>' in httpx.get(page, timeout=60).text)


def test_who_fills_the_collector_s_room_leaves_some_for_answers(tmp_path: Path, sent: int) -> None:
    """Anybody has the public key of a site; with the warehouse away nobody could unsubscribe."""
    free = shutil.disk_usage(tmp_path).free >> 20
    with EdgeProcess(tmp_path, collector_reserve_mib=2 * free) as edge:
        assert edge.post("track", {"userId": "1", "event": "x"}).status_code == 503
        assert httpx.post(f"http://127.0.0.1:{edge.port}{link(sent)}", timeout=30).status_code == 200
    (tmp_path / "less").mkdir()
    with EdgeProcess(tmp_path / "less", collector_reserve_mib=20 * free) as edge:
        assert httpx.post(f"http://127.0.0.1:{edge.port}{link(sent)}", timeout=30).status_code == 503
