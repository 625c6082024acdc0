"""The engine over the real ledger and a channel in memory: what is checked last, what goes back, what is counted."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import psycopg
import pytest

from ledger_fixture import (
    DEFINITION,
    KEYS,
    SENT,
    Connect,
    HandClock,
    by_state,
    fill,
    mail,
    options,
    pause,
    row,
    run,
    states,
    suppress,
    withdraw,
)
from marketflow.campaigns.delivery import MemoryChannel, Outcome, OutgoingMessage
from marketflow.privacy import read_unsubscribe_token
from marketflow.shared import ConfigurationError
from marketflow.warehouse import connect


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


def test_a_message_has_all_that_its_template_asks_for(conn: psycopg.Connection, opening: Connect) -> None:
    conn.execute(
        "INSERT INTO marts.products (product_id, product_ref, product_name, is_recommendable)"
        " VALUES (1, 'p1', 'Tea', true), (2, 'p2', 'Jam', true)"
    )
    filled, channel = fill(conn, 2, names=["Ada", None], product_ids=[2, 1, 99]), mail()
    assert run(opening, channel).sent == 2
    first, second = channel.messages
    assert (first.subject, second.subject) == ("Thank you, Ada", "Thank you")
    assert first.text.startswith("Hello Ada, Jam Tea")
    assert first.address == filled.addresses[0]
    assert first.message_id == filled.message_ids[0]
    assert first.unsubscribe_url is not None
    assert first.unsubscribe_url.startswith("https://edge.test/u/")
    assert read_unsubscribe_token(KEYS, first.unsubscribe_url.rpartition("/")[2]) == filled.send_ids[0]
    assert first.unsubscribe_url in first.text
    assert first.written_at == HandClock().now()
    assert filled.addresses[0] not in repr(first)
    assert "Ada" not in repr(first)


def test_without_consent_or_against_a_suppression_nothing_is_sent(conn: psycopg.Connection, opening: Connect) -> None:
    filled, channel = fill(conn, 10), mail()
    withdraw(conn, filled.contact_ids[2])
    suppress(conn, filled.contact_ids[7])
    summary = run(opening, channel)
    assert (summary.sent, summary.skipped) == (8, 2)
    assert states(conn) == {("sent", None): 8, ("skipped", "no_consent"): 1, ("skipped", "suppressed"): 1}
    assert {filled.addresses[2], filled.addresses[7]}.isdisjoint(m.address for m in channel.messages)


def test_who_never_answered_gets_nothing(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 3, consent=False)
    channel = mail()
    assert run(opening, channel).skipped == 3
    assert channel.messages == []


def test_consent_for_another_purpose_does_not_count(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 1, purpose="newsletter")
    conn.execute("UPDATE privacy.consents SET purpose = 'survey'")
    conn.commit()
    assert run(opening, mail()).skipped == 1


def test_an_unsubscription_after_the_claim_is_heard(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 12)

    def withdraw_the_last(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[0]:  # the whole batch is claimed by now
            withdraw(conn, filled.contact_ids[11])
            suppress(conn, filled.contact_ids[10])
        return SENT

    summary = run(opening, mail(withdraw_the_last), batch=12, window=4)
    assert (summary.claimed, summary.sent, summary.skipped) == (12, 10, 2)
    assert row(conn, filled.send_ids[11])["reason"] == "no_consent"
    assert row(conn, filled.send_ids[10])["reason"] == "suppressed"


def test_a_pause_is_felt_within_the_window_and_nobody_is_lost_by_it(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 20)
    other = fill(conn, 4, campaign="win_back", priority=900)

    def pause_at_the_third(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[2]:
            pause(conn, "thank_you", is_paused=True)
        return SENT

    channel = mail(pause_at_the_third)
    summary = run(opening, channel, batch=20, window=4)
    assert summary.sent == 4 + len(other.send_ids)
    assert states(conn) == {("sent", None): 8, ("released", "paused"): 16}
    pause(conn, "thank_you", is_paused=False)
    assert run(opening, channel).sent == 16
    assert sorted(m.send_id for m in channel.messages) == sorted(filled.send_ids + other.send_ids)
    assert row(conn, filled.send_ids[19])["attempts"] == 1


def test_what_comes_too_late_is_not_sent(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 3, lifetime=dt.timedelta(hours=1))
    clock = HandClock()
    clock.pass_time(hours=1)
    summary = run(opening, mail(), clock)
    assert (summary.claimed, summary.swept_expired) == (0, 3)
    assert by_state(conn) == {"expired": 3}


def test_what_expires_while_it_is_claimed_is_not_sent(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 4, lifetime=dt.timedelta(minutes=1))
    clock = HandClock()

    def slow(_: OutgoingMessage) -> Outcome:
        clock.pass_time(minutes=1)
        return SENT

    assert run(opening, mail(slow), clock, window=1, lease=dt.timedelta(hours=1)).expired == 3
    assert row(conn, filled.send_ids[3])["state"] == "expired"


def test_what_is_not_due_waits(conn: psycopg.Connection, opening: Connect) -> None:
    filled, clock, channel = fill(conn, 2), HandClock(), mail()
    later = clock.now() + dt.timedelta(hours=1)
    conn.execute("UPDATE activation.sends SET send_after = %s WHERE send_id = %s", [later, filled.send_ids[0]])
    conn.commit()
    assert run(opening, channel, clock).sent == 1
    clock.pass_time(hours=1)
    assert run(opening, channel, clock).sent == 1


def test_urgent_first(conn: psycopg.Connection, opening: Connect) -> None:
    late, soon, channel = fill(conn, 3, priority=500), fill(conn, 3, campaign="reset", priority=1), mail()
    run(opening, channel, batch=2)
    assert [m.send_id for m in channel.messages] == soon.send_ids + late.send_ids


def test_other_channels_are_left_alone(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 2, channel="webhook", purpose="post", consent=False)
    assert run(opening, mail()).claimed == 0
    posts = MemoryChannel("webhook")
    assert run(opening, posts).sent == 2  # the shop's own accounts need no consent
    assert posts.messages[0].unsubscribe_url is None
    assert posts.messages[0].address.startswith("account")


def test_a_template_that_breaks_for_one_person_fails_for_one(
    conn: psycopg.Connection, opening: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", logger="marketflow")  # Airflow, once imported, turns the root logger down
    templates = {**DEFINITION["templates"], "text": "{% if given_name == 'Eve' %}{{ 1 // 0 }}{% endif %}Hello"}
    names: list[str | None] = ["Ada", "Eve", "Bob"]
    filled, channel = fill(conn, 3, names=names, definition={**DEFINITION, "templates": templates}), mail()
    summary = run(opening, channel)
    assert (summary.sent, summary.failed, summary.reasons) == (2, 1, {"render_error": 1})
    assert row(conn, filled.send_ids[1])["reason"] == "render_error"
    assert "Eve" not in caplog.text
    assert str(filled.send_ids[1]) in caplog.text


def test_a_value_that_cannot_be_decrypted_fails_alone(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 3)
    conn.execute("UPDATE core.contact_points SET address = '\\x0001' WHERE contact_point_id = %s", [filled.contact_ids[1]])  # fmt: skip
    conn.commit()
    assert run(opening, mail()).reasons == {"decrypt_error": 1}
    assert states(conn) == {("sent", None): 2, ("failed", "decrypt_error"): 1}


def test_a_plan_that_cannot_be_rendered_at_all_stops_no_other(conn: psycopg.Connection, opening: Connect) -> None:
    broken = {**DEFINITION, "templates": {**DEFINITION["templates"], "text": "{{ unknown_word }}"}}
    fill(conn, 3, definition=broken)
    fill(conn, 3, campaign="win_back")
    summary = run(opening, mail())
    assert (summary.sent, summary.deferred, summary.reasons) == (3, 3, {"render_error": 3})


def test_limits_end_a_run_and_what_it_had_claimed_goes_back(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 20)
    channel = mail()
    summary = run(opening, channel, max_messages=5, batch=3, window=2)
    assert (summary.sent, summary.stopped) == (5, "max_messages")
    assert by_state(conn) == {"sent": 5, "released": 15}

    def slow(_: OutgoingMessage) -> Outcome:
        time.sleep(0.6)
        return SENT

    summary = run(opening, mail(slow), max_seconds=1.0, window=2)
    assert (summary.sent, summary.released, summary.stopped) == (2, 13, "max_seconds")
    assert run(opening, channel).sent == 13


def test_a_rate_limit_is_kept(conn: psycopg.Connection, opening: Connect) -> None:
    fill(conn, 30)
    times: list[float] = []

    def note(_: OutgoingMessage) -> Outcome:
        times.append(time.monotonic())
        return SENT

    assert run(opening, mail(note), per_second=40.0, window=4).sent == 30
    assert times[-1] - times[0] >= (30 - 2 * 4) / 40  # a burst of one window, and the last one is complete


def test_no_personal_data_reaches_the_ledger(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 3, names=["Ada", "Zoë", "Li"])
    run(opening, mail(lambda _: Outcome(state="deferred", reason="smtp_451")))
    text = str(conn.execute("SELECT s::text FROM activation.sends AS s").fetchall())
    for secret in ("Ada", "Zoë", *filled.addresses):
        assert secret not in text


def test_the_sender_needs_no_more_rights_than_it_has(conn: psycopg.Connection, warehouse_dsn: str) -> None:
    fill(conn, 3)
    login = warehouse_dsn.replace("marketflow_owner", "marketflow_sender")
    assert run(lambda: connect(login), mail()).sent == 3
    with connect(login) as sender, pytest.raises(psycopg.errors.InsufficientPrivilege):
        sender.execute("DELETE FROM activation.sends")


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"window": 0}, {"per_second": 0.0}, {"lease": dt.timedelta(0)}])
def test_options_that_would_never_send_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        options(**wrong)
