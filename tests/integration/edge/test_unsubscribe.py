"""The unsubscribe link over HTTP against PostgreSQL: GET changes nothing, POST counts at once, a stranger learns nothing."""

from __future__ import annotations

import socket
import threading
from typing import Any

import httpx
import psycopg
import pytest

from campaign_shop import RING, Desk
from edge_service import BEFORE, after, link, records, win_back
from marketflow.privacy import KeyRing, generate_key_ring, message_token, unsubscribe_token
from marketflow.shared import Clock


def test_looking_changes_nothing(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    """Scanners open the links of mails before people do."""
    for _ in range(3):
        page = http.get(link(sent))
        assert page.status_code == 200
    assert 'method="post"' in page.text
    assert "Shop &lt;&amp; Co&gt;" in page.text
    head = http.head(link(sent))
    assert (head.status_code, head.text) == (200, "")
    assert records(conn) == BEFORE


def test_pages_are_private_and_without_scripts(http: httpx.Client, sent: int) -> None:
    for page in (http.get(link(sent)), http.get("/u/nonsense"), http.post(link(sent))):
        assert page.headers["cache-control"] == "no-store"
        assert "noindex" in page.headers["x-robots-tag"]
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert "set-cookie" not in page.headers
        assert "server" not in page.headers or "uvicorn" in page.headers["server"]


def test_one_click_counts_at_once(http: httpx.Client, conn: psycopg.Connection, sent: int, clock: Clock) -> None:
    """RFC 8058: a POST with the one field, no cookie, no redirect."""
    answer = http.post(link(sent), data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert records(conn) == after(sent)
    plan = Desk(conn, clock).plan(win_back(), occasion="another day", approval=False)
    assert (plan.planned, plan.refusals) == (0, {"suppressed": 1})


def test_an_import_that_still_says_yes_does_not_undo_it_and_she_herself_can(
    http: httpx.Client, conn: psycopg.Connection, sent: int, clock: Clock
) -> None:
    http.post(link(sent))
    conn.execute("UPDATE privacy.consents SET granted = true")
    conn.commit()
    assert Desk(conn, clock).plan(win_back(), occasion="another day").refusals == {"suppressed": 1}
    page = f"/p/{message_token(RING, 'preferences', sent, clock.now().date())}"
    assert 'name="channel" value="email">' in http.get(page).text, "the page does not say that offers come"
    form = {"action": "save", "shown_channel": "email", "channel": "email", "frequency": "any", "language": ""}
    assert 'name="channel" value="email" checked>' in http.post(page, data=form).text
    assert Desk(conn, clock).plan(win_back(), occasion="another day").planned == 1


@pytest.mark.parametrize(
    "request_body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\x00 what is this", "headers": {"content-type": "application/json"}},
    ],
)
def test_the_link_alone_is_enough(
    http: httpx.Client, conn: psycopg.Connection, sent: int, request_body: dict[str, Any]
) -> None:
    assert http.post(link(sent), **request_body).status_code == 200
    assert records(conn) == after(sent)


def test_again_is_the_same(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    pages = [http.post(link(sent)) for _ in range(3)]
    assert {(p.status_code, p.text) for p in pages} == {(200, pages[0].text)}
    assert records(conn) == after(sent)


def test_many_at_once_are_one(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(http.post(link(sent)).status_code)) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert codes == [200] * 12
    assert records(conn) == after(sent)


def test_who_came_back_can_leave_again_with_an_old_mail(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    http.post(link(sent))
    conn.execute("DELETE FROM privacy.suppressions")
    conn.execute("UPDATE privacy.consents SET granted = true")
    conn.commit()
    http.post(link(sent))
    consents, suppressions, events = records(conn)
    assert (consents, suppressions, len(events)) == (*after(sent)[:2], 2)


def test_nobody_can_make_a_link(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    token = unsubscribe_token(RING, sent)
    other = KeyRing.from_json(generate_key_ring())
    forged = [
        # not the last letter: two of its bits say nothing, and one in twenty tokens would stay the same
        token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1],
        unsubscribe_token(other, sent),
        str(sent),
        "x" * 5000,
        "%00",
        "..%2f..%2fetc",
        "{{7*7}}",
        "%3Cscript%3E",
    ]
    answers = [http.request(m, f"/u/{t}") for t in forged for m in ("GET", "POST")]
    assert {(a.status_code, a.text) for a in answers} == {(404, http.get("/nowhere").text)}
    assert records(conn) == BEFORE


def test_a_link_to_a_message_that_is_gone(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    assert http.post(link(sent + 1000)).status_code == 404
    assert records(conn) == BEFORE


def test_a_post_on_the_shop_s_own_account_is_not_unsubscribed(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    conn.execute("UPDATE activation.sends SET purpose = 'post'")
    conn.commit()
    assert http.post(link(sent)).status_code == 404
    assert records(conn) == BEFORE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_odd_methods_do_nothing(http: httpx.Client, conn: psycopg.Connection, sent: int, method: str) -> None:
    answer = http.request(method, link(sent))
    assert answer.status_code in (400, 405)
    assert records(conn) == BEFORE


def test_a_large_body_is_refused(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    assert http.post(link(sent), content=b"x" * 10_000).status_code == 413
    assert http.post(link(sent), content=iter([b"x" * 3_000] * 3)).status_code == 413
    assert records(conn) == BEFORE


def test_half_a_request_holds_nobody_up(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as slow:
        slow.sendall(f"POST {link(sent)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        assert http.post(link(sent)).status_code == 200
    assert records(conn) == after(sent)
