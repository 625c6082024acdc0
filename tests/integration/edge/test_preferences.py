"""The preference page over HTTP against PostgreSQL: what is shown, saved, refused, and what works without the database."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from campaign_shop import RING, Desk
from conftest import free_port
from edge_service import BEFORE, Running, link, records, win_back
from marketflow.edge.answers import PAGE, Choices, Withdrawal, answer, record
from marketflow.edge.preferences import WrongForm, read_form, topics
from marketflow.privacy import LinkKind, message_token
from marketflow.shared import Clock, Settings

DAY = dt.date(2017, 12, 31)
TOPICS = ("offers", "recommendations", "reminders", "news")
FORM: dict[str, Any] = {
    "action": "save", "shown": list(TOPICS), "topic": list(TOPICS), "shown_channel": "email", "channel": "email",
    "frequency": "any", "language": "",
}  # fmt: skip


def page(send_id: int, kind: LinkKind = "preferences") -> str:
    return f"/p/{message_token(RING, kind, send_id, DAY)}"


def saved(conn: psycopg.Connection) -> list[Any]:
    conn.rollback()
    return conn.execute("SELECT unwanted_topics, max_messages, max_days, language FROM privacy.preferences").fetchall()


def events(conn: psycopg.Connection, table: str = "preference_events") -> int:
    conn.rollback()
    return conn.execute(f"SELECT count(*) FROM privacy.{table}").fetchone()[0]


def test_looking_changes_nothing_and_shows_nobody(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    found = http.get(page(sent))
    assert found.status_code == 200
    assert found.text.count(" checked") == len(TOPICS) + 1, "all topics are wanted, and offers come by mail"
    assert "Offers and discounts" in found.text
    assert "Ada" not in re.sub(r"/[puw]/[\w.-]+", "", found.text)
    assert "@" not in found.text.replace("@media", "")
    assert (saved(conn), records(conn)) == ([], BEFORE)


def test_what_was_chosen_is_saved_shown_and_counted_once(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    form = FORM | {"topic": ["offers", "news"], "frequency": "1_7", "language": "zh"}
    answers = [http.post(page(sent), data=form, follow_redirects=False) for _ in range(3)]
    assert [a.status_code for a in answers] == [200] * 3
    assert "Saved." in answers[0].text
    assert answers[0].text == answers[2].text
    assert answers[0].text.count(" checked") == 3
    assert '<option value="1_7" selected>' in answers[0].text
    assert '<option value="zh" lang="zh" selected>' in answers[0].text
    assert saved(conn) == [(["recommendations", "reminders"], 1, 7, "zh")]
    assert events(conn) == 1
    consents, suppressions, said = records(conn)
    assert (consents, suppressions) == BEFORE[:2], "consent is what it was"
    assert said == [("email", "marketing", True, PAGE, sent)], "and said again, against a no that is still on its way"
    assert http.get(page(sent)).text.count(" checked") == 3


def test_all_of_it_can_be_taken_back(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    http.post(page(sent), data=FORM | {"topic": [], "frequency": "2_30", "language": "en"})
    http.post(page(sent), data=FORM)
    assert saved(conn) == [([], None, None, None)]
    assert events(conn) == 2


def test_a_topic_that_the_form_did_not_show_stays_as_it_was(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    http.post(page(sent), data=FORM | {"topic": ["offers", "recommendations", "reminders"]})
    http.post(page(sent), data=FORM | {"shown": ["offers", "reminders"], "topic": ["reminders"]})
    assert saved(conn) == [(["news", "offers"], None, None, None)]


def test_unsubscribing_from_everything(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    answers = [http.post(page(sent), data={"action": "unsubscribe"}) for _ in range(2)]
    assert [(a.status_code, "unsubscribed from everything" in a.text) for a in answers] == [(200, True)] * 2
    consents, suppressions, said = records(conn)
    assert sorted(consents) == [("email", "marketing", False), ("email", "transactional", False)]
    assert suppressions == [("email", "unsubscribed")]
    assert sorted((p, g, how) for _, p, g, how, _ in said) == [
        ("marketing", False, PAGE), ("transactional", False, PAGE)
    ]  # fmt: skip
    assert saved(conn) == []


def test_no_more_offers_by_mail_and_offers_again(
    http: httpx.Client, conn: psycopg.Connection, sent: int, clock: Clock
) -> None:
    off = {k: v for k, v in FORM.items() if k != "channel"}
    found = http.post(page(sent), data=off)
    assert 'name="channel" value="email">' in found.text, "not checked"
    assert records(conn)[:2] == ([("email", "marketing", False)], [("email", "unsubscribed")])
    assert Desk(conn, clock).plan(win_back(), occasion="another").refusals == {"suppressed": 1}
    assert 'name="channel" value="email" checked>' in http.post(page(sent), data=FORM).text
    http.post(page(sent), data=FORM)
    assert records(conn)[:2] == ([("email", "marketing", True)], [])
    said = conn.execute("SELECT granted, how, consent_text FROM privacy.consent_events ORDER BY occurred_at").fetchall()
    assert said == [(False, PAGE, None), (True, PAGE, "I would like to get offers by mail from Shop <& Co>.")]
    assert Desk(conn, clock).plan(win_back(), occasion="another").planned == 1


def test_who_forbade_everything_and_asks_for_offers_again(
    http: httpx.Client, conn: psycopg.Connection, sent: int
) -> None:
    """It is a yes to messages about orders, too: nothing else on the page could say so."""
    http.post(page(sent), data={"action": "unsubscribe"})
    http.post(page(sent), data=FORM)
    consents, suppressions, said = records(conn)
    assert sorted(consents) == [("email", "marketing", True), ("email", "transactional", True)]
    assert (suppressions, len(said)) == ([], 4)


@pytest.mark.parametrize("reason", ["hard_bounce", "complaint", "manual", "erased"])
def test_who_was_shut_out_for_another_reason_stays_out(
    http: httpx.Client, conn: psycopg.Connection, sent: int, reason: str
) -> None:
    conn.execute("UPDATE privacy.consents SET granted = false")
    conn.execute("INSERT INTO privacy.suppressions SELECT channel, address_hash, %s, '2017-12-01' FROM core.contact_points", [reason])  # fmt: skip
    conn.commit()
    http.post(page(sent), data=FORM)
    assert records(conn)[1] == [("email", reason)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "delete"},
        {"action": ["save", "save"]},
        {"topic": ["offers", "politics"]},
        {"shown": ["offers", "politics"]},
        {"shown": ["offers"], "topic": ["news"]},
        {"frequency": "0_7"},
        {"frequency": "1_999"},
        {"frequency": "1_7; DROP TABLE privacy.preferences"},
        {"frequency": ["1_7", "2_7"]},
        {"language": "xx"},
        {"language": "../../etc/passwd"},
        {"channel": "sms"},
        {"shown_channel": "sms"},
        {"send_id": "1"},
        {"topic": ["offers"] * 200},
        {"topic": "<script>alert(1)</script>"},
    ],
)
def test_what_the_page_does_not_ask_for_is_refused_whole(
    http: httpx.Client, conn: psycopg.Connection, sent: int, wrong: dict[str, Any]
) -> None:
    found = http.post(page(sent), data=FORM | wrong)
    assert found.status_code == 400
    assert "Your choice was not saved" in found.text
    assert "<script" not in found.text
    assert (saved(conn), records(conn)) == ([], BEFORE)


@pytest.mark.parametrize(
    "odd",
    [
        (b'{"action": "save"}', "application/json", 415),
        (b"action=save", "multipart/form-data; boundary=x", 415),
        (b"action=save", "", 415),
        (b"x=" + b"y" * 10_000, "application/x-www-form-urlencoded", 413),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"action=save&topic=%FF%FE", "application/x-www-form-urlencoded", 400),
        (b"action", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
        (b"action=save&language=%00", "application/x-www-form-urlencoded", 400),
        (b"action=unsubscribe&topic=offers", "application/x-www-form-urlencoded", 400),
    ],
)
def test_odd_bodies_are_refused(
    http: httpx.Client, conn: psycopg.Connection, sent: int, odd: tuple[bytes, str, int]
) -> None:
    body, kind, status = odd
    found = http.post(page(sent), content=body, headers={"content-type": kind})
    assert found.status_code == status
    assert "<h1>" in found.text
    assert (saved(conn), records(conn)) == ([], BEFORE)


def test_a_token_of_another_page_opens_nothing(http: httpx.Client, conn: psycopg.Connection, sent: int) -> None:
    others = [
        link(sent).replace("/u/", "/p/"),
        page(sent, "web_version"),
        page(sent, "open"),
        "/p/x",
        "/p/" + "x" * 5000,
    ]
    for path in others:
        assert [http.get(path).status_code, http.post(path, data=FORM).status_code] == [404, 404]
    assert http.get(page(sent + 1000)).status_code == 404
    assert http.post(page(sent + 1000), data=FORM).status_code == 404
    assert saved(conn) == []


@pytest.mark.parametrize(
    ("query", "header", "said"), [("?lang=zh", "en", "保存"), ("", "zh-CN", "保存"), ("?lang=xx", "", "Save")]
)
def test_languages(http: httpx.Client, sent: int, query: str, header: str, said: str) -> None:
    found = http.get(page(sent) + query, headers={"accept-language": header})
    assert said in found.text
    assert f'<html lang="{found.headers["content-language"]}">' in found.text


def test_without_the_warehouse_it_says_so_and_offers_to_leave(clock: Clock, sent: int) -> None:
    with Running(f"postgresql://marketflow_edge:secret-word@127.0.0.1:{free_port()}/gone", clock) as client:
        found = client.get(page(sent))
        assert found.status_code == 200
        assert "cannot show your present choices" in found.text
        assert found.text.count("<form") == 1
        assert 'value="unsubscribe"' in found.text
        assert client.post(page(sent), data=FORM).status_code == 503, "this one has no journal"


def test_topics_of_a_policy_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from marketflow.edge import preferences

    path = tmp_path / "policy.yaml"
    monkeypatch.setattr(preferences, "settings", lambda: Settings(contact_policy=path))
    assert topics() == {}
    path.write_text("topics: {Offers!: {en: x}}")
    assert topics() == {}
    path.write_text("topics: {offers: {en: Offers}}")
    assert topics() == {"offers": {"en": "Offers", "zh": None}}


Applied = Callable[[int, int, str], None]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_answers_that_come_in_any_order_the_newest_counts(
    conn: psycopg.Connection, sent: int, order: tuple[int, int]
) -> None:
    """One waits in the journal, the other is recorded at once."""
    conn.execute("UPDATE privacy.consents SET granted = false")
    then = dt.datetime(2017, 12, 31, 12, tzinfo=dt.UTC)
    early = answer(sent, then, withdrawal=Withdrawal(how=PAGE), choices=Choices(language="zh"))
    late = answer(sent, then + dt.timedelta(minutes=5), consent_text="Yes", choices=Choices(language="en"))
    for number in order:
        record(conn, {1: early, 2: late}[number], then + dt.timedelta(hours=1))
    conn.commit()
    assert saved(conn) == [([], None, None, "en")]
    assert records(conn)[:2] == ([("email", "marketing", True)], [])


def test_the_newest_no_counts_against_a_yes_that_comes_late(conn: psycopg.Connection, sent: int) -> None:
    then = dt.datetime(2017, 12, 31, 12, tzinfo=dt.UTC)
    record(conn, answer(sent, then, withdrawal=Withdrawal()), then)
    record(conn, answer(sent, then - dt.timedelta(minutes=5), consent_text="Yes"), then)
    conn.commit()
    assert records(conn)[:2] == ([("email", "marketing", False)], [("email", "unsubscribed")])


def test_a_form_of_another_shop_says_what_it_is() -> None:
    with pytest.raises(WrongForm):
        read_form(b"action=save&shown=offers", {}, "x")
