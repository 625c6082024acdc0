"""The web version of a mail: the same letter without its reader's name, running nothing; and when it cannot be shown."""

from __future__ import annotations

import datetime as dt
import json
import re

import httpx
import psycopg
import pytest

from campaign_shop import RING
from conftest import free_port
from edge_service import BEFORE, Running, link, records
from marketflow.edge.web_version import with_main
from marketflow.privacy import LinkKind, message_token
from marketflow.shared import Clock

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


def test_its_links_lead_to_this_message_s_pages(http: httpx.Client, sent: int) -> None:
    found = http.get(page(sent)).text
    assert f'{link(sent)}"' in found
    assert "/p/" in found
    assert "/w/" not in found, "it is the page that one looks at"


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
