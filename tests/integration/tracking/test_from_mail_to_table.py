"""The whole way: a mail is sent, its link and its picture are followed in it, and the warehouse knows what was done."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest

from edge_process import EdgeProcess
from ledger_fixture import DEFINITION, KEYS, KEYS_JSON, fill, mail, options
from marketflow.campaigns import Renderer
from marketflow.campaigns.delivery import MemoryChannel, deliver
from marketflow.campaigns.tracking import take_tracking
from marketflow.shared import Clock
from marketflow.warehouse import connect

CLOCK = Clock(time_zone=ZoneInfo("UTC"))
LINKS = '<body><a href="https://shop.example.com/offers?a=1&amp;b=2">offers</a> <a href="{{ unsubscribe_url }}">out</a></body>'
TEMPLATES = {**DEFINITION["templates"], "html": LINKS}


@pytest.fixture
def edge(tmp_path: Path) -> Any:
    with EdgeProcess(tmp_path, journal_seconds=0.2, keys=KEYS_JSON) as process:
        yield process


def sent(conn: psycopg.Connection, dsn: str, edge: EdgeProcess, count: int, **campaign: Any) -> list[str]:
    """The HTML of mails that were delivered now, an hour ago as far as the ledger is concerned."""
    definition = {**DEFINITION, "campaign": {**DEFINITION["campaign"], **campaign}, "templates": TEMPLATES}
    fill(conn, count, definition=definition, now=CLOCK.now())
    channel: MemoryChannel = mail()
    url = f"http://127.0.0.1:{edge.port}"
    done = deliver(
        lambda: connect(dsn, "sender"),
        channel,
        keys=KEYS,
        clock=CLOCK,
        options=options(edge_url=url),
        renderer=Renderer,
    )
    assert done.sent == count
    conn.execute(
        "UPDATE activation.sends SET sending_at = sending_at - %(h)s, settled_at = settled_at - %(h)s",
        {"h": dt.timedelta(hours=1)},
    )
    conn.commit()
    return [message.html or "" for message in channel.messages]


def test_a_click_in_a_mail_is_the_persons_once_however_often_it_is_replayed(
    conn: psycopg.Connection, warehouse_dsn: str, edge: EdgeProcess
) -> None:
    mails = sent(conn, warehouse_dsn, edge, 3)
    assert len({re.findall('href="([^"]+)', html)[0] for html in mails}) == 3  # each has links of her own
    link, out = re.findall('href="([^"]+)', mails[0])
    [picture] = re.findall('<img src="([^"]+)', mails[0])
    assert "/u/" in out
    with httpx.Client(headers={"user-agent": "Mozilla/5.0 Firefox/133.0"}) as client:
        assert client.get(picture).status_code == 200
        answers = [client.get(link) for _ in range(5)]
    assert {a.headers["location"].partition("&mf_click")[0] for a in answers} == {
        "https://shop.example.com/offers?a=1&b=2"
    }
    edge.stop()
    with connect(warehouse_dsn, "sender") as sender:
        assert take_tracking(sender, edge.folder / "tracked", KEYS, CLOCK).stored == 6
    [row] = conn.execute(
        "SELECT campaign, opens, clicks, links_clicked, scanner_clicks, first_clicked_at <= last_active_at FROM marts.message_activity"
    ).fetchall()
    assert row == ("thank_you", 1, 5, 1, 0, True)
    ids = {str(i) for (i,) in conn.execute("SELECT click_id FROM marts.click_results WHERE verdict = 'person'")}
    assert ids == {re.findall("mf_click=([0-9a-f-]+)", a.headers["location"])[0] for a in answers}


def test_a_campaign_that_does_not_want_it_has_plain_links(
    conn: psycopg.Connection, warehouse_dsn: str, edge: EdgeProcess
) -> None:
    [html] = sent(conn, warehouse_dsn, edge, 1, tracking={"opens": False, "clicks": False})
    assert re.findall('href="([^"]+)', html)[0] == "https://shop.example.com/offers?a=1&amp;b=2"
    assert "<img" not in html
