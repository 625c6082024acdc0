"""Addresses that bounce are shut out; a server that refuses everybody is not believed; too many bounces stop a campaign."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_fixture import (
    KEYS,
    NOW,
    Filled,
    HandClock,
    fill,
    options,
    row,
    states,
)  # fmt: skip
from marketflow.campaigns import set_paused
from marketflow.campaigns.delivery import (
    DeliverySummary,
    SmtpChannel,
    SmtpTarget,
    bounced_send,
    campaign_stop,
    channel_stop,
    deliver,
    record_delivery_event,
    switch_channel,
)
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.campaigns.delivery.limits_file import ChannelRules, SoftBounces, StopRule
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.shared import MarketflowError
from marketflow.warehouse import connect, use_role
from smtp_server import SmtpServer

SENDER = "Test Shop <shop@example.com>"
STOP = ChannelRules(stop=StopRule(bounces_percent=5, at_least=100, at_least_reports=5))
GONE = "550 5.1.1 <somebody@example.com> does not exist"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmtpServer]:
    with SmtpServer(tmp_path / "accepted.jsonl") as running:
        yield running


def run(dsn: str, server: SmtpServer, clock: HandClock | None = None, **changes: Any) -> DeliverySummary:
    channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender=SENDER, timeout=5.0)
    return deliver(lambda: connect(dsn), channel, keys=KEYS, clock=clock or HandClock(), options=options(**changes))


def refuse(server: SmtpServer, addresses: list[str], reply: str = GONE) -> None:
    server.rules.setdefault("rcpt", {}).update({a.partition("@")[0]: reply for a in addresses})


def suppressed(conn: psycopg.Connection) -> dict[int, str]:
    """Contact points that are shut out, with the reason."""
    rows = conn.execute(
        "SELECT contact_point_id, reason FROM privacy.suppressions INNER JOIN core.contact_points"
        " USING (channel, address_hash)"
    ).fetchall()
    conn.rollback()
    return dict(rows)


def events(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    rows = conn.execute(
        "SELECT send_id, kind, source, code FROM activation.delivery_events ORDER BY send_id"
    ).fetchall()
    conn.rollback()
    return rows


def again(conn: psycopg.Connection, filled: Filled, campaign: str = "thank_you") -> list[int]:
    """Another message of another occasion to the same people."""
    rows = conn.execute(
        "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, purpose, state, send_after,"
        " expires_at, definition_version, message_id, planned_at, released_at)"
        " SELECT %s, gen_random_uuid()::text, contact_point_id, channel, plan_id, purpose, 'released', %s, %s, 'v1',"
        " gen_random_uuid()::text, %s, %s FROM activation.sends WHERE send_id = any(%s) RETURNING send_id",
        [campaign, NOW, NOW + dt.timedelta(days=60), NOW, NOW, filled.send_ids],
    ).fetchall()
    conn.commit()
    return [r[0] for r in rows]


def test_a_hard_bounce_shuts_out_at_once_and_the_next_campaign_leaves_it_out(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled = fill(conn, 20)
    refuse(server, [filled.addresses[3]])
    summary = run(warehouse_dsn, server)
    assert (summary.sent, summary.failed, summary.bounced, summary.stopped) == (19, 1, 1, None)
    assert suppressed(conn) == {filled.contact_ids[3]: "hard_bounce"}
    assert events(conn) == [(filled.send_ids[3], "bounce_hard", "server", "5.1.1")]
    later = again(conn, filled, "another")
    assert run(warehouse_dsn, server).skipped == 1
    assert (row(conn, later[3])["state"], row(conn, later[3])["reason"]) == ("skipped", "suppressed")


def test_two_messages_to_one_dead_address_in_one_run(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled = fill(conn, 3)
    again(conn, filled)
    refuse(server, [filled.addresses[2]])
    summary = run(warehouse_dsn, server, window=3)
    assert (summary.sent, summary.bounced, summary.reasons) == (4, 1, {"smtp_550": 1})
    assert states(conn)["skipped", "suppressed"] == 1  # it is heard before the next window, in the same transaction


@pytest.mark.parametrize("reply", ["550 5.7.1 blocked", "552 5.2.2 full", "554 no", "550 5.1.8 sender unknown"])
def test_a_refusal_that_is_not_about_the_address_shuts_nobody_out(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, reply: str
) -> None:
    filled = fill(conn, 10)
    refuse(server, [filled.addresses[3]], reply)
    summary = run(warehouse_dsn, server)
    assert (summary.sent, summary.failed, summary.bounced) == (9, 1, 0)
    assert (suppressed(conn), events(conn)) == ({}, [])


def test_what_a_server_says_of_the_message_shuts_nobody_out(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled = fill(conn, 10)
    server.rules["data"] = {filled.addresses[3].partition("@")[0]: "550 5.1.1 looks like spam"}
    assert run(warehouse_dsn, server).failed == 1
    assert (suppressed(conn), events(conn)) == ({}, [])


@pytest.mark.parametrize("kind", ["rcpt", "data"])
@pytest.mark.parametrize("window", [1, 8, 32])
def test_5xx_for_all_shuts_nobody_out_gives_nobody_up_and_stops(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, kind: str, window: int
) -> None:
    filled, clock = fill(conn, 60), HandClock()
    server.rules[kind] = {"*": GONE}
    for _ in range(5):
        summary = run(warehouse_dsn, server, clock, window=window)
        assert (summary.sent, summary.failed, summary.stopped) == (0, 0, "refuses_all")
        clock.pass_time(hours=2)
    assert (suppressed(conn), events(conn)) == ({}, [])
    assert {s for s, _ in states(conn)} == {"deferred"}
    server.rules.clear()
    assert run(warehouse_dsn, server, clock).sent == 60
    assert sorted(server.recipients) == sorted(filled.addresses)


@pytest.mark.parametrize("window", [1, 4, 8, 32])
def test_a_relay_that_turns_to_5xx_for_all_in_the_middle_of_a_run_shuts_out_two_at_most(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, window: int
) -> None:
    filled, clock = fill(conn, 60), HandClock()
    refuse(server, filled.addresses[13:])
    summary = run(warehouse_dsn, server, clock, window=window)
    assert (summary.sent, summary.stopped) == (13, "refuses_all")
    assert len(suppressed(conn)) == summary.failed <= 2
    server.rules.clear()
    clock.pass_time(hours=2)
    assert run(warehouse_dsn, server, clock).sent == 47 - summary.failed


def test_a_dead_address_is_found_out_when_it_comes_with_one_that_is_not_and_not_tried_for_ever(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    alone, clock = fill(conn, 1, lifetime=dt.timedelta(days=1)), HandClock()
    refuse(server, alone.addresses)
    for _ in range(3):
        summary = run(warehouse_dsn, server, clock)
        assert (summary.stopped, summary.reasons) == (None, {"smtp_550": 1})
        clock.pass_time(hours=2)
    assert (states(conn), suppressed(conn)) == ({("deferred", "smtp_550"): 1}, {})
    fill(conn, 1)
    assert run(warehouse_dsn, server, clock).bounced == 1
    assert suppressed(conn) == {alone.contact_ids[0]: "hard_bounce"}
    lonely = fill(conn, 1, now=clock.now(), lifetime=dt.timedelta(days=1))
    refuse(server, lonely.addresses)
    tries = 0
    while row(conn, lonely.send_ids[0])["state"] != "expired":
        run(warehouse_dsn, server, clock)
        clock.pass_time(minutes=5)
        tries = row(conn, lonely.send_ids[0])["attempts"]
    assert 24 <= tries <= 60  # backed off to an hour


def test_a_campaign_that_bounces_too_much_stops_with_its_reason_and_others_go_on(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = fill(conn, 120, campaign="bad_list"), fill(conn, 300, campaign="good_list", priority=200)
    refuse(server, bad.addresses[1::10])
    clock = HandClock()
    with caplog.at_level(logging.WARNING, logger="marketflow"):
        summary = run(warehouse_dsn, server, clock, rules=STOP, max_messages=112)
    more = again(conn, bad, "bad_list")
    assert run(warehouse_dsn, server, clock, rules=STOP).stops == []
    assert states(conn) == {
        ("sent", None): 112 - 12 + 300,
        ("failed", "smtp_550"): 12,
        ("released", None): 8 + 120,
    }
    assert {row(conn, i)["state"] for i in (*bad.send_ids[112:], *more)} == {"released"}
    assert {row(conn, i)["state"] for i in good.send_ids} == {"sent"}
    why = "bounces: 12 of 112 messages (10.71 %), the limit is 5 %"
    assert summary.stops == [f"campaign bad_list is switched off: {why}"]
    assert summary.stops[0] in caplog.text
    assert campaign_stop(conn, "bad_list") == f"{why} (since 2026-11-22 09:00 UTC)"
    assert campaign_stop(conn, "good_list") is None
    conn.rollback()
    assert "example.com" not in caplog.text


def test_a_stopped_campaign_stays_stopped_until_a_person_resumes_it_and_counts_anew(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    bad, clock = fill(conn, 120), HandClock()
    refuse(server, bad.addresses[::10])
    assert len(run(warehouse_dsn, server, clock, rules=STOP).stops) == 1
    more = again(conn, bad)
    clock.pass_time(hours=1)
    assert run(warehouse_dsn, server, clock, rules=STOP).claimed == 0
    for paused in (True, False):  # off, which it is, and on
        set_paused(conn, "thank_you", paused=paused, by="ada", clock=clock)
        conn.commit()
    clock.pass_time(minutes=5)
    # a bounce of what was sent before comes late: it does not count
    for send_id in bad.send_ids[1:8]:
        record_delivery_event(
            conn, kind="bounce_hard", source="mailbox", send_id=send_id, occurred_at=NOW, now=clock.now()
        )
    conn.commit()
    summary = run(warehouse_dsn, server, clock, rules=STOP)
    assert (summary.stops, summary.sent) == ([], 120 - 12 - 7)
    # but what is sent from now on does
    clock.pass_time(minutes=5)
    for send_id in more[20:80]:
        record_delivery_event(conn, kind="complaint", source="ses", send_id=send_id, occurred_at=NOW, now=clock.now())
    conn.commit()
    stops = run(warehouse_dsn, server, clock, rules=STOP).stops
    assert len(stops) == 1
    assert "complaints: " in stops[0]


@pytest.mark.parametrize(("bounces", "messages"), [(4, 60), (5, 99), (5, 100)])
def test_too_few_say_nothing(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, bounces: int, messages: int
) -> None:
    filled = fill(conn, messages)
    refuse(server, filled.addresses[1 : 1 + bounces])
    assert run(warehouse_dsn, server, rules=STOP).stops == []


def test_what_is_older_than_the_window_does_not_count(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled, clock = fill(conn, 120), HandClock()
    run(warehouse_dsn, server, clock, rules=STOP)
    clock.pass_time(hours=25)
    for send_id in filled.send_ids[:60]:
        record_delivery_event(
            conn, kind="bounce_hard", source="mailbox", send_id=send_id, occurred_at=NOW, now=clock.now()
        )
    conn.commit()
    assert run(warehouse_dsn, server, clock, rules=STOP).stops == []


def test_a_channel_stops_when_all_campaigns_together_bounce_too_much(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    clock = HandClock()
    for n in range(4):  # each too small to say anything on its own
        filled = fill(conn, 40, campaign=f"small_{n}")
        refuse(server, filled.addresses[1::10])
    summary = run(warehouse_dsn, server, clock, rules=STOP)
    assert summary.stops == [
        "the channel email is switched off: bounces: 16 of 160 messages (10.00 %), the limit is 5 %"
    ]
    waiting = fill(conn, 10, campaign="another")
    assert run(warehouse_dsn, server, clock, rules=STOP).claimed == 0
    assert "switched off by auto-stop" in str(channel_stop(conn, "email"))
    clock.pass_time(minutes=10)
    assert switch_channel(conn, "email", paused=False, by="ada", reason=None, clock=clock)
    assert not switch_channel(conn, "email", paused=False, by="ada", reason=None, clock=clock)
    conn.commit()
    summary = run(warehouse_dsn, server, clock, rules=STOP)
    assert (summary.sent, summary.stops) == (len(waiting.send_ids), [])


@pytest.mark.parametrize("campaigns", [1, 4], ids=["a campaign's share", "the channel's share"])
def test_test_messages_stop_nothing(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer, campaigns: int
) -> None:
    """A colleague who mistypes her own address has not worn out a list."""
    clock, wrong = HandClock(), []
    for n in range(campaigns):
        fill(conn, 120 // campaigns, campaign=f"campaign_{n}")
        wrong.append(fill(conn, 10, campaign=f"campaign_{n}"))
        conn.execute("UPDATE activation.sends SET is_test = TRUE WHERE send_id = any(%s)", [wrong[-1].send_ids])
        conn.commit()
        refuse(server, wrong[-1].addresses[:5])  # found out by the server
    summary = run(warehouse_dsn, server, clock, rules=STOP, window=10)
    assert (summary.bounced, summary.stops) == (5 * campaigns, [])
    for filled in wrong:
        for send_id in filled.send_ids[5:]:  # and later
            record_delivery_event(
                conn, kind="complaint", source="mailbox", send_id=send_id, occurred_at=NOW, now=clock.now()
            )
    conn.commit()
    assert run(warehouse_dsn, server, clock, rules=STOP).stops == []
    assert conn.execute("SELECT sum(answered) FROM activation.delivery_counts").fetchone() == (120,)


def test_a_channel_that_is_switched_off_is_felt_before_the_next_window(
    conn: psycopg.Connection, warehouse_dsn: str
) -> None:
    fill(conn, 30)
    with connect(warehouse_dsn) as own:
        ledger = Ledger.over(own, "email", dt.timedelta(minutes=2))
        claim = ledger.claim(30, NOW)
        switch_channel(conn, "email", paused=True, by="ada", reason="the relay moves", clock=HandClock())
        conn.commit()
        assert set(ledger.begin(claim, claim.send_ids, NOW).values()) == {"released"}
        assert ledger.claim(30, NOW).send_ids == []
    assert states(conn) == {("released", "paused"): 30}
    assert channel_stop(conn, "email") == "switched off by ada at 2026-11-22 09:00 UTC (the relay moves)"


def handed_over(conn: psycopg.Connection, count: int, state: str = "sent") -> Filled:
    filled = fill(conn, count)
    conn.execute(
        "UPDATE activation.sends SET state = %s, sending_at = %s, reason = 'sender_lost', settled_at = %s WHERE send_id = any(%s)",
        [state, NOW, NOW, filled.send_ids],
    )
    conn.commit()
    return filled


@pytest.mark.parametrize(("kind", "reason"), [("bounce_hard", "hard_bounce"), ("complaint", "complaint")])
def test_a_report_counts_once_and_shuts_out_at_once(conn: psycopg.Connection, kind: Any, reason: str) -> None:
    filled = handed_over(conn, 2)
    use_role(conn, "sender")
    message_id = f" <{filled.message_ids[0]}>\r\n"
    first = record_delivery_event(
        conn, kind=kind, source="mailbox", message_id=message_id, occurred_at=NOW, now=NOW, key="dsn-1", code="5.1.1"
    )
    assert (first.send_id, first.is_new, first.suppressed) == (filled.send_ids[0], True, reason)
    second = record_delivery_event(
        conn, kind=kind, source="mailbox", send_id=filled.send_ids[0], occurred_at=NOW, now=NOW, key="dsn-1"
    )
    assert (second.send_id, second.is_new, second.suppressed) == (filled.send_ids[0], False, None)
    conn.commit()
    assert suppressed(conn) == {filled.contact_ids[0]: reason}
    assert events(conn) == [(filled.send_ids[0], kind, "mailbox", "5.1.1")]


def test_a_bounce_to_a_messages_own_envelope_sender_finds_it(conn: psycopg.Connection) -> None:
    filled = handed_over(conn, 2, state="unknown")
    to = envelope_sender(KEYS, "bounces@example.com", filled.send_ids[1])
    found = record_delivery_event(
        conn, kind="bounce_hard", source="mailbox", send_id=bounced_send(KEYS, "bounces@example.com", to),
        occurred_at=NOW, now=NOW,
    )  # fmt: skip
    assert (found.send_id, found.suppressed, found.settled) == (filled.send_ids[1], "hard_bounce", True)
    conn.commit()
    assert suppressed(conn) == {filled.contact_ids[1]: "hard_bounce"}


def test_a_report_of_nothing_of_ours_or_of_what_was_never_sent_does_nothing(conn: psycopg.Connection) -> None:
    filled = fill(conn, 1)
    for who in ({"message_id": "made-up@example.com"}, {"send_id": 10**9}, {"send_id": filled.send_ids[0]}):
        found = record_delivery_event(conn, kind="complaint", source="x", occurred_at=NOW, now=NOW, **who)  # type: ignore[arg-type]
        assert found.send_id is None
    assert (suppressed(conn), events(conn)) == ({}, [])
    with pytest.raises(MarketflowError, match="no kind of delivery event; known are delivered"):
        record_delivery_event(conn, kind="exploded", source="x", send_id=1, occurred_at=NOW, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(MarketflowError, match="one of them"):
        record_delivery_event(conn, kind="delivered", source="x", occurred_at=NOW, now=NOW)


def test_a_servers_words_are_not_kept(conn: psycopg.Connection) -> None:
    filled = handed_over(conn, 1)
    record_delivery_event(
        conn, kind="delivered", source="x", send_id=filled.send_ids[0], occurred_at=NOW, now=NOW,
        code="250 ok ada@example.com",
    )  # fmt: skip
    assert events(conn)[0][3] is None


def test_who_unsubscribed_and_bounces_is_shut_out_of_everything(conn: psycopg.Connection) -> None:
    filled = handed_over(conn, 1)
    conn.execute(
        "INSERT INTO privacy.suppressions SELECT channel, address_hash, 'unsubscribed', %s FROM core.contact_points",
        [NOW],
    )
    record_delivery_event(conn, kind="bounce_hard", source="x", send_id=filled.send_ids[0], occurred_at=NOW, now=NOW)
    conn.commit()
    assert suppressed(conn) == {filled.contact_ids[0]: "hard_bounce"}


def test_soft_bounces_in_a_row_shut_out_and_one_that_arrives_breaks_the_row(conn: psycopg.Connection) -> None:
    filled, rule = handed_over(conn, 1), SoftBounces(in_a_row=3, within_days=30)

    def bounce(day: int, kind: Any = "bounce_soft") -> str | None:
        at = NOW + dt.timedelta(days=day)
        [send_id] = again(conn, filled)
        conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s WHERE send_id = %s", [at, send_id])
        found = record_delivery_event(
            conn, kind=kind, source="mailbox", send_id=send_id, occurred_at=at, now=at, soft=rule
        )
        conn.commit()
        return found.suppressed

    assert [bounce(1), bounce(2), bounce(3, "delivered"), bounce(4), bounce(5)] == [None] * 5
    assert [bounce(40), bounce(41)] == [None, None]  # those of day 4 and 5 are too long ago
    assert bounce(42) == "soft_bounces"
    assert suppressed(conn) == {filled.contact_ids[0]: "soft_bounces"}


@pytest.mark.parametrize("kind", ["delivered", "bounce_hard", "bounce_soft", "complaint"])
def test_a_report_settles_what_was_unknown(conn: psycopg.Connection, kind: Any) -> None:
    filled = handed_over(conn, 2, state="unknown")
    found = record_delivery_event(conn, kind=kind, source="x", send_id=filled.send_ids[0], occurred_at=NOW, now=NOW)
    assert found.settled
    conn.commit()
    assert states(conn) == {("sent", "settled_by_report"): 1, ("unknown", "sender_lost"): 1}


def test_a_report_that_was_there_before_the_sweep_is_heard_by_it(
    conn: psycopg.Connection, warehouse_dsn: str, server: SmtpServer
) -> None:
    filled = fill(conn, 2)
    conn.execute(
        "UPDATE activation.sends SET state = 'sending', sending_at = %s, claim_token = gen_random_uuid(), lease_until = %s",
        [NOW, NOW + dt.timedelta(seconds=9)],
    )
    record_delivery_event(conn, kind="delivered", source="x", send_id=filled.send_ids[0], occurred_at=NOW, now=NOW)
    conn.commit()
    clock = HandClock()
    clock.pass_time(seconds=10)
    run(warehouse_dsn, server, clock)
    assert states(conn) == {("sent", "sender_lost"): 1, ("unknown", "sender_lost"): 1}
