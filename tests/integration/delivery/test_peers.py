"""The threads in which other systems' users lost or doubled mails, each as a test that it cannot happen here.

The planning side of them is in tests/integration/campaigns/test_peers_planning.py.
"""

from __future__ import annotations

import datetime as dt
import threading
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_fixture import (
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
)
from marketflow.campaigns.delivery import Outcome, OutgoingMessage, SmtpChannel, SmtpTarget, deliver, unknown_sends
from marketflow.campaigns.delivery.ledger import Ledger
from marketflow.warehouse import connect
from smtp_server import SmtpServer


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


def begin_and_die(dsn: str, clock: HandClock, *, claimed: int, begun: int) -> list[int]:
    """A sender that claims, begins some, and is never seen again; the ids of what it had begun."""
    with psycopg.connect(dsn) as conn:
        ledger = Ledger.over(conn, "email", dt.timedelta(seconds=60))
        claim = ledger.claim(claimed, clock.now())
        return sorted(ledger.begin(claim, sorted(claim.send_ids)[:begun], clock.now()))


def test_a_restart_loses_nobody_who_was_fetched_and_not_sent(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect
) -> None:
    """listmonk #3022, #2278, #2591, #2168.

    The mark up to which a campaign has come moved on when a batch was read, not when it was sent: after a kill all who
    had been read and not mailed were passed over, and the campaign called itself finished. Here there is no mark. Who
    was claimed only goes out after the lease; who was begun is listed; the sums are of rows, not of a counter.
    """
    filled, clock, channel = fill(conn, 40), HandClock(), mail()
    begun = begin_and_die(warehouse_dsn, clock, claimed=30, begun=8)
    assert run(opening, channel, clock).sent == 10  # what nobody had fetched
    clock.pass_time(seconds=61)
    assert run(opening, channel, clock).sent == 22  # what the dead one had fetched and not begun
    assert [u.message_id for u in unknown_sends(conn)] == [filled.message_ids[filled.send_ids.index(i)] for i in begun]
    assert sorted([m.send_id for m in channel.messages] + begun) == filled.send_ids
    assert states(conn) == {("sent", None): 32, ("unknown", "sender_lost"): 8}


def test_a_campaign_that_was_paused_goes_on_where_it_was(conn: psycopg.Connection, opening: Connect) -> None:
    """listmonk #2070, #2313.

    The provider hung up after some thousand mails, the campaign paused itself, and each resumption began at the head of
    the list: some had five copies and a third of the list had none. Here the server asks for patience again and again,
    a person pauses and resumes in between, and each has one.
    """
    filled, clock = fill(conn, 60), HandClock()
    answers = Counter[str]()

    def hangs_up_after_seven(_: OutgoingMessage) -> Outcome:
        answers["all"] += 1
        return Outcome(state="deferred", reason="smtp_421", stop=True) if answers["all"] % 8 == 0 else SENT

    channel = mail(hangs_up_after_seven)
    for _ in range(12):
        run(opening, channel, clock)
        pause(conn, "thank_you", is_paused=True)
        clock.pass_time(hours=1)
        assert run(opening, channel, clock).sent == 0
        pause(conn, "thank_you", is_paused=False)
    assert by_state(conn) == {"sent": 60}
    assert sorted(m.send_id for m in channel.messages) == filled.send_ids


def test_runs_at_the_same_time_share_the_work(conn: psycopg.Connection, opening: Connect) -> None:
    """Mautic #2215, #9880, #3669, #11763, #13070.

    A cron job every minute, and a run that takes longer: two processes read the same queue and both send. The advice was
    to start them a minute apart. Here six start in the same moment, on small batches.
    """
    filled, start = fill(conn, 300), threading.Barrier(6)
    channels = [mail() for _ in range(6)]
    errors: list[BaseException] = []

    def one(channel: Any) -> None:
        try:
            start.wait()
            run(opening, channel, batch=7, window=3)
        except BaseException as error:  # noqa: BLE001  (told below)
            errors.append(error)

    threads = [threading.Thread(target=one, args=[c]) for c in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sorted(m.send_id for c in channels for m in c.messages) == filled.send_ids
    assert by_state(conn) == {"sent": 300}
    assert sum(bool(c.messages) for c in channels) > 1, "only one has worked: nothing was shown"


@pytest.mark.parametrize("bad", ["554 the sender is not verified", "malformed"])
def test_one_bad_recipient_neither_stops_nor_repeats_the_others(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, bad: str
) -> None:
    """Mautic #7226, #3865, #1329.

    One refusal (554) in a batch, and the batch was not noted as sent: the others got the same mail with every run until
    somebody stopped the campaign; or an address that is none ended the whole mailing.
    """
    filled, clock = fill(conn, 12), HandClock()
    with SmtpServer(tmp_path / "taken.jsonl") as server:
        if bad == "malformed":
            sealed = KEYS.encrypt("no address at all", "email")
            conn.execute(
                "UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s",
                [sealed, filled.contact_ids[4]],
            )
            conn.commit()
        else:
            server.rules["rcpt"] = {filled.addresses[4].partition("@")[0]: bad}
        for _ in range(4):
            channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender="Shop <shop@example.com>")
            deliver(lambda: connect(warehouse_dsn), channel, keys=KEYS, clock=clock, options=options(window=12))
            clock.pass_time(hours=2)
        others = filled.addresses[:4] + filled.addresses[5:]
        assert Counter(server.recipients) == dict.fromkeys(others, 1)
    refused = row(conn, filled.send_ids[4])
    assert (refused["state"], refused["attempts"]) == ("failed", 1)
    assert refused["reason"] == ("address_malformed" if bad == "malformed" else "smtp_554")


def test_retries_end(conn: psycopg.Connection, opening: Connect) -> None:
    """Mautic #6971.

    Two attempts were allowed and each hour brought another one, with no end. Here the waiting doubles up to an hour, and
    the message's own expiry ends it, with the last reason.
    """
    filled, clock = fill(conn, 1, lifetime=dt.timedelta(hours=12)), HandClock()
    tried: list[dt.datetime] = []

    def never(_: OutgoingMessage) -> Outcome:
        tried.append(clock.now())
        return Outcome(state="deferred", reason="smtp_451")

    for _ in range(3 * 24 * 2):  # every half an hour for three days
        run(opening, mail(never), clock)
        clock.pass_time(minutes=30)
    ended = row(conn, filled.send_ids[0])
    assert (ended["state"], ended["reason"], ended["attempts"]) == ("expired", "smtp_451", len(tried))
    assert 8 <= len(tried) <= 24
    assert max(tried) < clock.hands[0] - dt.timedelta(days=2)


def test_after_a_long_downtime_nothing_stale_goes_out(conn: psycopg.Connection, opening: Connect) -> None:
    """listmonk #1801.

    A campaign of eight o'clock, a server that was down (or was restored from a snapshot) until one: it went out at one,
    however late. Here what is late beyond its `max_age` is `expired`, and what is not goes out.
    """
    stale = fill(conn, 5, lifetime=dt.timedelta(hours=4))
    fresh = fill(conn, 3, campaign="win_back", lifetime=dt.timedelta(days=2))
    clock, channel = HandClock(), mail()
    clock.pass_time(hours=5)
    summary = run(opening, channel, clock)
    assert (summary.swept_expired, summary.sent) == (5, 3)
    assert sorted(m.send_id for m in channel.messages) == fresh.send_ids
    assert {row(conn, i)["state"] for i in stale.send_ids} == {"expired"}


def test_nothing_is_called_sent_before_the_server_has_said_yes(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect
) -> None:
    """Mautic's `email_stats`: the row is written before the transport is called and taken away again if it fails.

    A crash in between left rows that said "sent" of mails that never were, and those people were never written to. Here
    a row in the transport's hands says `sending`, seen from outside, and after a crash `unknown`.
    """
    filled = fill(conn, 6)
    seen: list[str] = []

    def look(message: OutgoingMessage) -> Outcome:
        with psycopg.connect(warehouse_dsn) as other:
            seen.append(row(other, message.send_id)["state"])
        if message.send_id == filled.send_ids[4]:
            raise KeyboardInterrupt
        return SENT

    with pytest.raises(KeyboardInterrupt):
        run(opening, mail(look), window=1)
    assert seen == ["sending"] * 5
    assert by_state(conn) == {"sent": 4, "unknown": 1, "released": 1}
    clock = HandClock()
    begin_and_die(warehouse_dsn, clock, claimed=1, begun=1)
    clock.pass_time(minutes=2)
    run(opening, mail(), clock)
    assert by_state(conn) == {"sent": 4, "unknown": 2}


def test_who_has_not_got_it_is_one_query(conn: psycopg.Connection, opening: Connect) -> None:
    """listmonk #1802, #2079, #2221, #2616, #934.

    A campaign says 1,255 of 2,194 and nobody can find out who the others are: there is no row per recipient. Here each
    who did not get it stands there with the reason.
    """
    filled, clock = fill(conn, 9), HandClock()
    answers = {
        filled.send_ids[1]: Outcome(state="failed", reason="smtp_550"),
        filled.send_ids[3]: Outcome(state="deferred", reason="smtp_451"),
        filled.send_ids[5]: Outcome(state="unknown", reason="no_reply"),
    }
    conn.execute("UPDATE privacy.consents SET granted = false WHERE contact_point_id = %s", [filled.contact_ids[7]])
    conn.commit()
    channel = mail(lambda m: answers.get(m.send_id, SENT))
    run(opening, channel, clock)
    found = conn.execute(
        "SELECT send_id, state, reason FROM activation.sends WHERE plan_id = %s AND state <> 'sent' ORDER BY send_id",
        [filled.plan_id],
    ).fetchall()
    assert found == [
        (filled.send_ids[1], "failed", "smtp_550"),
        (filled.send_ids[3], "deferred", "smtp_451"),
        (filled.send_ids[5], "unknown", "no_reply"),
        (filled.send_ids[7], "skipped", "no_consent"),
    ]


def test_an_error_is_not_the_end_of_a_message(conn: psycopg.Connection, opening: Connect) -> None:
    """Keila #391, #557.

    Whatever went wrong once, the recipient was `failed` for good, and there was no second try. Here only a permanent
    refusal is; a server that is down, full or busy is asked again.
    """
    filled, clock = fill(conn, 4), HandClock()
    troubles = iter(["connect_failed", "smtp_452", "timeout"])

    def trouble(message: OutgoingMessage) -> Outcome:
        if message.send_id == filled.send_ids[2] and (reason := next(troubles, None)):
            return Outcome(state="deferred", reason=reason, is_tried=reason != "connect_failed")
        return SENT

    channel = mail(trouble)
    for _ in range(4):
        run(opening, channel, clock)
        clock.pass_time(hours=1)
    assert by_state(conn) == {"sent": 4}
    assert row(conn, filled.send_ids[2])["attempts"] == 3


def test_a_campaign_that_is_stuck_can_be_ended_and_holds_up_no_other(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect
) -> None:
    """Keila #464, #467, #389.

    A campaign stands at "is being sent, 0 of 500" for ever, nothing is in the log, and there is no way to end it; later
    ones wait behind it. Here the others go out meanwhile; and a plan that a person cancels leaves no row behind that
    anybody would still send.
    """
    stuck, clock, channel = fill(conn, 20), HandClock(), mail()
    begin_and_die(warehouse_dsn, clock, claimed=10, begun=3)
    other = fill(conn, 5, campaign="win_back", priority=900)
    pause(conn, "thank_you", is_paused=True)
    assert run(opening, channel, clock).sent == 5
    conn.execute("UPDATE activation.plans SET state = 'cancelled' WHERE plan_id = %s", [stuck.plan_id])
    pause(conn, "thank_you", is_paused=False)
    clock.pass_time(minutes=2)
    run(opening, channel, clock)
    assert sorted(m.send_id for m in channel.messages) == other.send_ids
    assert states(conn) == {
        ("sent", None): 5,
        ("unknown", "sender_lost"): 3,
        ("cancelled", "cancelled_by_person"): 17,
    }


def test_what_is_stuck_is_neither_deleted_nor_sent_blindly(
    conn: psycopg.Connection, warehouse_dsn: str, opening: Connect
) -> None:
    """Postal #2869, #645, #1021.

    Messages locked by a worker that died stayed in the queue for weeks; since then those locked for a day are deleted,
    sent or not, as nobody can tell how far they had come. Here the state tells: begun is `unknown` and stays, claimed
    goes out; no row goes away.
    """
    clock, channel = HandClock(), mail()
    filled = fill(conn, 10)
    begun = begin_and_die(warehouse_dsn, clock, claimed=10, begun=4)
    clock.pass_time(days=1, hours=1)
    run(opening, channel, clock)
    kept = conn.execute("SELECT send_id, state FROM activation.sends ORDER BY send_id").fetchall()
    assert kept == [(i, "unknown" if i in begun else "sent") for i in filled.send_ids]
    assert sorted(m.send_id for m in channel.messages) == [i for i in filled.send_ids if i not in begun]


def test_memory_does_not_grow_with_the_audience(conn: psycopg.Connection, opening: Connect) -> None:
    """Odoo #105571, #228446.

    A mailing to 30,000 ended after 2,000 with a MemoryError: each record stayed in memory. Here a batch is all there is;
    that the measure can see it, a batch as large as the audience shows.
    """

    def peak(count: int, batch: int) -> int:
        fill(conn, count)
        channel = mail()
        channel.messages = _Nothing()
        tracemalloc.start()
        try:
            assert run(opening, channel, batch=batch).sent == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100, 50)  # what is loaded once
    few, many, unbounded = peak(200, 50), peak(900, 50), peak(900, 900)
    assert many < 1.3 * few
    assert unbounded > 2 * many


class _Nothing(list[Any]):
    """A channel's memory that keeps nothing."""

    def append(self, _: Any) -> None:
        pass


@pytest.mark.parametrize("later", [dt.timedelta(hours=25), dt.timedelta(days=400)])
def test_however_late_it_is_run_again_nobody_has_two(
    conn: psycopg.Connection, opening: Connect, later: dt.timedelta
) -> None:
    """Dittofeed: who has been written to is looked up among the deliveries of the last 24 hours.

    A batch that is repeated a day later finds nobody there. Here the row itself is what was sent, and it does not age:
    not for the next run, and not for the orphan who comes back with it.
    """
    filled, clock, channel = fill(conn, 6, lifetime=dt.timedelta(days=500)), HandClock(), mail()
    assert run(opening, channel, clock).sent == 6
    clock.pass_time(seconds=later.total_seconds())
    assert run(opening, channel, clock).claimed == 0
    with psycopg.connect(conn.info.dsn, password=conn.info.password) as other:
        ledger = Ledger.over(other, "email", dt.timedelta(seconds=60))
        assert ledger.claim(10, clock.now()).send_ids == []
    assert len(channel.messages) == 6
    assert by_state(conn) == {"sent": len(filled.send_ids)}
