"""The web version of a mail: the same letter without its reader's name, running nothing; and when it cannot be shown."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest

from campaign_shop import RING
from conftest import free_port
from edge_process import EdgeProcess
from edge_service import BEFORE, Running, after, edge_dsn, link, records
from marketflow.campaigns.tracking import take_tracking
from marketflow.edge.web_version import with_main
from marketflow.embedded.postgres import Server
from marketflow.privacy import LinkKind, message_token, read_unsubscribe_token
from marketflow.shared import Clock
from marketflow.warehouse import connect

CLOCK = Clock(time_zone=ZoneInfo("UTC"))
DAY = dt.date(2017, 12, 31)


def page(send_id: int, kind: LinkKind = "web_version") -> str:
    return f"/w/{message_token(RING, kind, send_id, DAY)}"


def templates(conn: psycopg.Connection, **changes: str | None) -> None:
    """Let the plan have been frozen with these."""
    conn.execute(
        "UPDATE activation.plans SET definition = jsonb_set(definition, '{templates}', definition -> 'templates' || %s)",
        [json.dumps({"variants": {}, "text": "x", "html": None, "mjml": None, **changes})],
    )
    conn.commit()


def test_the_mail_without_its_reader_s_name(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    found = http.get(page(sent))
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "We have missed you" in found.text
    assert "Ada" not in re.sub(r"/[puw]/[\w.-]+", "", found.text)
    assert "person1@" not in found.text
    assert "Shop &lt;&amp; Co&gt;" in found.text
    assert found.text.count("<main>") == 1
    assert 'lang="en"' in found.text
    assert records(conn) == BEFORE


def test_who_is_shown_it_gets_one_link_that_can_only_unsubscribe(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    """People pass its address on: it gives away neither the choices of the reader nor what proves a bounce."""
    found = http.get(page(sent)).text
    assert "/p/" not in found
    assert "/w/" not in found, "it is the page that one looks at"
    assert "Choose what you get" not in found
    [leave] = set(re.findall(r"/u/[\w.-]+", found))
    assert leave == f"/u/{message_token(RING, 'leave', sent, dt.datetime.now(dt.UTC).date())}"
    assert read_unsubscribe_token(RING, leave.removeprefix("/u/")) is None
    asked = http.get(leave)
    assert asked.status_code == 200
    assert 'method="post"' in asked.text
    assert "/p/" not in asked.text
    assert "/p/" in http.get(link(sent)).text, "the link in her own mail does"
    assert records(conn) == BEFORE
    for other in ("/p/", "/w/"):
        assert http.get(leave.replace("/u/", other)).status_code == 404
    assert http.post(leave).status_code == 200
    assert records(conn) == after(sent)


def test_a_look_at_it_is_recorded_like_an_opening(
    pg_server: Server, warehouse_dsn: str, conn: psycopg.Connection, sent: int, tmp_path: Path
) -> None:
    hour = dt.timedelta(hours=1)
    conn.execute("UPDATE activation.sends SET sending_at = %(t)s, settled_at = %(t)s", {"t": CLOCK.now() - hour})
    conn.commit()
    with EdgeProcess(tmp_path, dsn=edge_dsn(pg_server, warehouse_dsn), journal_seconds=0.2) as edge:
        address = f"http://127.0.0.1:{edge.port}"
        today = CLOCK.now().date()
        paths = [f"/w/{message_token(RING, 'web_version', sent, today - dt.timedelta(days=n))}" for n in (0, 0, 500)]
        chrome = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"}
        assert [httpx.get(address + path, headers=chrome).status_code for path in paths] == [200] * 3
        assert httpx.head(address + paths[0], headers=chrome).status_code == 200
        conn.execute(
            "UPDATE activation.plans SET definition = jsonb_set(definition, '{campaign,tracking}', '{\"opens\": false}')"
        )
        conn.commit()
        assert httpx.get(address + paths[0], headers=chrome).status_code == 200
    with connect(warehouse_dsn, "sender") as sender:
        assert take_tracking(sender, edge.folder / "tracked", RING, CLOCK).stored == 3
    assert conn.execute("SELECT web_views, opens FROM marts.message_activity").fetchall() == [(2, 0)]
    reasons = conn.execute("SELECT verdict_reason FROM activation.tracking_events WHERE method = 'HEAD'").fetchall()
    assert reasons == [("head_request",)]


def test_of_an_address_that_was_forgotten_nothing_is_shown_or_chosen_and_leaving_works(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    conn.execute("UPDATE core.contact_points SET address = ''")
    conn.commit()
    choices = page(sent, "preferences").replace("/w/", "/p/")
    form = {"action": "save", "shown_channel": "email", "channel": "email", "frequency": "1_7", "language": "zh"}
    assert [http.get(page(sent)).status_code, http.get(choices).status_code] == [410, 404]
    assert http.post(choices, data=form).status_code == 404
    assert conn.execute("SELECT count(*) FROM privacy.preferences").fetchone() == (0,)
    assert records(conn) == BEFORE
    assert http.post(link(sent)).status_code == 200
    assert records(conn) == after(sent)


def test_it_runs_nothing_and_is_found_by_nobody(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    templates(
        conn, html="<html><body><script>alert(1)</script><p onclick='x()'>{{ given_name or 'you' }}</p></body></html>"
    )
    found = http.get(page(sent))
    policy = found.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "script-src" not in policy
    assert found.headers["x-robots-tag"] == "noindex, nofollow"
    assert found.headers["referrer-policy"] == "no-referrer"
    assert found.headers["cache-control"] == "no-store"
    assert "you</p>" in found.text


def test_a_mail_of_text_only_is_text(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    templates(conn, text="Hello {{ given_name or 'you' }}\n<script>alert(1)</script>", subject="Hi")
    found = http.get(page(sent)).text
    assert "Hello you\n&lt;script&gt;alert(1)&lt;/script&gt;" in found
    assert "<h1>Hi</h1>" in found


def test_the_version_that_she_got(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    templates(conn, html="<html><body><p>plain</p></body></html>")
    conn.execute(
        "UPDATE activation.plans SET definition = jsonb_set(definition, '{arms}', jsonb_build_object("
        "'question', definition -> 'templates' || %s))",
        [json.dumps({"html": "<html><body><p>question</p></body></html>"})],
    )
    conn.commit()
    assert "plain" in http.get(page(sent)).text
    conn.execute("UPDATE activation.sends SET variant = 'question'")
    conn.commit()
    assert "question</p>" in http.get(page(sent)).text


def test_in_the_chosen_language(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    conn.execute(
        "INSERT INTO privacy.preferences SELECT contact_point_id, '{}', null, null, 'zh', now() FROM core.contact_points"
    )
    conn.commit()
    assert "我们想您了" in http.get(page(sent)).text


@pytest.mark.parametrize(
    "definition",
    [
        "{}",
        "[]",
        '{"campaign": {"name": "x", "channel": "email"}, "templates": {"text": "{{ nobody }}", "subject": "x", "shared": {}}}',
    ],
)
def test_a_plan_that_cannot_be_read_any_more(
    http: httpx.Client, conn: psycopg.Connection, sent: int, definition: str
) -> None:
    conn.execute("UPDATE activation.plans SET definition = %s", [definition])
    conn.commit()
    found = http.get(page(sent), headers={"accept-language": "zh"})
    assert (found.status_code, found.headers["content-language"]) == (410, "zh")


def test_a_message_that_is_gone_and_one_that_is_no_mail(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    assert http.get(page(sent + 1000)).status_code == 410
    conn.execute("UPDATE activation.sends SET channel = 'webhook'")
    conn.commit()
    assert http.get(page(sent)).status_code == 410


def test_a_token_of_another_page_opens_nothing(http: httpx.Client, sent: int) -> None:
    for path in (
        page(sent, "preferences"),
        page(sent, "open"),
        link(sent).replace("/u/", "/w/"),
        "/w/x",
        "/w/" + "x" * 5000,
    ):
        assert http.get(path).status_code == 404
    assert http.post(page(sent)).status_code == 405


def test_without_the_warehouse(clock: Clock, sent: int) -> None:
    with Running(f"postgresql://marketflow_edge:secret-word@127.0.0.1:{free_port()}/gone", clock) as client:
        found = client.get(page(sent))
        assert (found.status_code, found.headers["retry-after"]) == (503, "120")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<html><body class='x'><p>a</p></body></html>", "<html><body class='x'><main><p>a</p></main></body></html>"),
        ("<BODY>a</BODY >", "<BODY><main>a</main></BODY >"),
        ("<p>no body</p>", "<p>no body</p>"),
        ("<body>never ends", "<body>never ends"),
        ("</body><body>", "</body><body>"),
        ("<body><main>a</main></body>", "<body><main>a</main></body>"),
    ],
)
def test_the_main_part_is_marked(html: str, expected: str) -> None:
    assert with_main(html) == expected
