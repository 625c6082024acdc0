"""What nobody knows: a person decides once, with her name beside it; a sender that was only slow, and reports, come late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ledger_fixture import NOW, Connect, Filled, HandClock, by_state, fill, mail, pause, row, run, states, withdraw
from marketflow.campaigns import cancel
from marketflow.campaigns.delivery import (
    UnknownSelection,
    message_ids_in,
    reconcile_by_message_id,
    record_delivery_event,
    settle_unknown,
    unknown_report,
)
from marketflow.campaigns.delivery.ledger import Claim, Ledger, Settlement
from marketflow.campaigns.delivery.reconcile import Decision
from marketflow.shared import MarketflowError
from marketflow.warehouse import connect

LEASE = dt.timedelta(seconds=60)
LATER = NOW + dt.timedelta(minutes=5)
ALL = UnknownSelection(campaign="thank_you")


@pytest.fixture
def opening(warehouse_dsn: str) -> Connect:
    return lambda: connect(warehouse_dsn)


@pytest.fixture
def ledger(warehouse_dsn: str) -> Iterator[Ledger]:
    with connect(warehouse_dsn) as own:
        yield Ledger.over(own, "email", LEASE)


def lost(conn: psycopg.Connection, ledger: Ledger, count: int = 3, **options: Any) -> tuple[Filled, Claim]:
    """Messages whose sender went to sleep with them in its hands, and the claim that it still thinks it has."""
    filled = fill(conn, count, **options)
    claim = ledger.claim(count, NOW)
    assert set(ledger.begin(claim, claim.send_ids, NOW).values()) == {"sending"}
    ledger.sweep(NOW + LEASE * 2)
    assert by_state(conn)["unknown"] == count
    return filled, claim


def say(ledger: Ledger, claim: Claim, state: str, now: dt.datetime = LATER) -> dict[int, str]:
    """The sender wakes up and says what became of its messages."""
    reason = None if state == "sent" else "smtp_550"
    retry_at = now if state == "deferred" else None
    return ledger.settle(
        claim, [Settlement(send_id=i, state=state, reason=reason, retry_at=retry_at) for i in claim.send_ids], now
    )


def decide(
    conn: psycopg.Connection, decision: Decision, selection: UnknownSelection = ALL, **more: Any
) -> dict[str, int]:
    done = settle_unknown(conn, selection, decision, by="ada", now=LATER, **{"confirmed": True, **more})
    conn.commit()
    return done.states


@pytest.mark.parametrize(
    ("decision", "state", "reason"),
    [
        ("arrived", "sent", "settled_by_person"),
        ("send_again", "released", "send_again"),
        ("give_up", "failed", "given_up"),
    ],
)
def test_each_decision_and_a_second_one_changes_nothing(
    conn: psycopg.Connection, ledger: Ledger, decision: Decision, state: str, reason: str
) -> None:
    filled, _ = lost(conn, ledger)
    assert decide(conn, decision) == {state: 3}
    assert states(conn) == {(state, reason): 3}
    for other in ("arrived", "send_again", "give_up"):
        assert decide(conn, other) == {}  # type: ignore[arg-type]
    assert states(conn) == {(state, reason): 3}
    noted = conn.execute(
        "SELECT send_id, decision, decided_by, decided_at FROM activation.unknown_decisions ORDER BY send_id"
    ).fetchall()
    assert noted == [(i, decision, "ada", LATER) for i in filled.send_ids]


def test_what_is_to_be_sent_again_is_sent_once_with_the_last_look(
    conn: psycopg.Connection, ledger: Ledger, opening: Connect
) -> None:
    filled, _ = lost(conn, ledger)
    decide(conn, "send_again")
    withdraw(conn, filled.contact_ids[0])
    clock, channel = HandClock(hands=[LATER]), mail()
    summary = run(opening, channel, clock)
    assert (summary.sent, summary.skipped) == (2, 1)
    assert [m.message_id for m in channel.messages] == filled.message_ids[1:]  # the same Message-ID as before
    assert row(conn, filled.send_ids[1])["attempts"] == 2
    assert run(opening, channel, clock).claimed == 0


def test_what_has_expired_is_not_sent_again(conn: psycopg.Connection, ledger: Ledger, opening: Connect) -> None:
    lost(conn, ledger, lifetime=dt.timedelta(minutes=4))
    assert decide(conn, "send_again") == {"expired": 3}
    assert run(opening, mail(), HandClock(hands=[LATER])).claimed == 0


def test_a_paused_campaign_is_not_sent_again_before_it_goes_on(
    conn: psycopg.Connection, ledger: Ledger, opening: Connect
) -> None:
    lost(conn, ledger)
    pause(conn, "thank_you", is_paused=True)
    decide(conn, "send_again")
    assert run(opening, mail(), HandClock(hands=[LATER])).claimed == 0
    pause(conn, "thank_you", is_paused=False)
    assert run(opening, mail(), HandClock(hands=[LATER])).sent == 3


def test_to_send_again_must_be_confirmed_and_something_be_selected(conn: psycopg.Connection, ledger: Ledger) -> None:
    lost(conn, ledger)
    with pytest.raises(MarketflowError, match="confirmed"):
        decide(conn, "send_again", confirmed=False)
    with pytest.raises(MarketflowError, match="say which messages"):
        decide(conn, "arrived", UnknownSelection())
    with pytest.raises(MarketflowError, match="known are arrived, send_again, give_up"):
        decide(conn, "forget")  # type: ignore[arg-type]
    assert by_state(conn) == {"unknown": 3}


def test_only_what_is_selected_is_decided(conn: psycopg.Connection, ledger: Ledger) -> None:
    filled, _ = lost(conn, ledger, 4)
    assert decide(conn, "arrived", UnknownSelection(campaign="another")) == {}
    assert decide(conn, "arrived", UnknownSelection(begun_before=NOW)) == {}
    chosen = UnknownSelection(campaign="thank_you", message_ids=(filled.message_ids[2],))
    assert decide(conn, "arrived", chosen) == {"sent": 1}
    assert row(conn, filled.send_ids[2])["state"] == "sent"
    assert decide(conn, "give_up", UnknownSelection(begun_before=NOW + dt.timedelta(seconds=1))) == {"failed": 3}


def test_nothing_but_the_unknown_is_ever_touched(conn: psycopg.Connection, opening: Connect) -> None:
    filled = fill(conn, 4)
    run(opening, mail(), max_messages=2)
    before = states(conn)
    for decision in ("arrived", "send_again", "give_up"):
        done = reconcile_by_message_id(conn, filled.message_ids, decision, by="ada", now=LATER, confirmed=True)  # type: ignore[arg-type]
        assert (done.states, done.not_unknown) == ({}, 4)
    conn.commit()
    assert states(conn) == before


@pytest.mark.parametrize(
    ("decision", "said", "ends"),
    [
        # the sender has nothing to add
        ("arrived", "sent", "sent"),
        ("arrived", "failed", "sent"),
        ("arrived", "deferred", "sent"),
        # it knows that they arrived: believed, so that nobody gets two
        ("send_again", "sent", "sent"),
        ("give_up", "sent", "sent"),
        # what it says beside that, the person has decided otherwise
        ("send_again", "failed", "released"),
        ("send_again", "deferred", "released"),
        ("give_up", "deferred", "failed"),
        ("give_up", "failed", "failed"),
    ],
)
def test_a_slow_sender_that_comes_back_after_the_decision(
    conn: psycopg.Connection, ledger: Ledger, decision: Decision, said: str, ends: str
) -> None:
    _, claim = lost(conn, ledger)
    decide(conn, decision)
    say(ledger, claim, said)
    assert by_state(conn) == {ends: 3}


def test_a_slow_sender_loses_to_one_that_has_claimed_anew(conn: psycopg.Connection, ledger: Ledger) -> None:
    _, old = lost(conn, ledger)
    decide(conn, "send_again")
    new = ledger.claim(3, LATER)
    assert len(new.send_ids) == 3
    assert say(ledger, old, "sent") == {}
    assert by_state(conn) == {"claimed": 3}


def test_a_slow_sender_that_speaks_before_the_person_wins(conn: psycopg.Connection, ledger: Ledger) -> None:
    _, claim = lost(conn, ledger)
    assert set(say(ledger, claim, "sent").values()) == {"sent"}
    assert decide(conn, "send_again") == {}
    assert by_state(conn) == {"sent": 3}


def test_two_people_at_once_decide_each_message_once(
    conn: psycopg.Connection, ledger: Ledger, opening: Connect
) -> None:
    lost(conn, ledger, 60)

    def person(decision: Decision) -> int:
        with opening() as own:
            return settle_unknown(own, ALL, decision, by=decision, now=LATER, confirmed=True).count

    with ThreadPoolExecutor(3) as people:
        counts = list(people.map(person, ["arrived", "send_again", "give_up"]))  # type: ignore[list-item]
    assert sum(counts) == 60
    assert conn.execute("SELECT count(*), count(DISTINCT send_id) FROM activation.unknown_decisions").fetchall() == [
        (60, 60)
    ]


def report(conn: psycopg.Connection, send_id: int, key: str | None = None, kind: Any = "delivered") -> bool:
    """Somebody says that it was with the other side; is it settled by that?"""
    found = record_delivery_event(conn, kind=kind, source="x", key=key, send_id=send_id, occurred_at=NOW, now=LATER)
    conn.commit()
    return found.settled


@pytest.mark.parametrize("kind", ["delivered", "bounce_hard", "bounce_soft", "complaint"])
@pytest.mark.parametrize("decision", ["send_again", "give_up"])
def test_a_report_that_comes_after_the_decision_is_believed_and_nobody_gets_two(
    conn: psycopg.Connection, ledger: Ledger, opening: Connect, decision: Decision, kind: Any
) -> None:
    filled, _ = lost(conn, ledger, 2)
    decide(conn, decision, UnknownSelection(message_ids=(filled.message_ids[0],)))
    assert report(conn, filled.send_ids[0], kind=kind)
    assert states(conn) == {("sent", "settled_by_report"): 1, ("unknown", "sender_lost"): 1}
    channel = mail()
    run(opening, channel, HandClock(hands=[LATER]))
    assert channel.messages == []


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        # what had put it off since, or ended it, has written a reason of its own over the person's
        ("state = 'deferred', reason = 'quiet_hours', claim_token = NULL", "sent"),
        ("reason = 'lease_expired', claim_token = NULL", "sent"),
        ("state = 'expired'", "sent"),
        ("state = 'skipped', reason = 'frequency_cap'", "sent"),
        ("state = 'cancelled', reason = 'cancelled_by_person'", "sent"),
        # the next try knows better
        ("state = 'failed', reason = 'smtp_550'", "failed"),
        ("state = 'sending', claim_token = gen_random_uuid(), lease_until = send_after", "sending"),
    ],
)
def test_a_report_is_believed_after_send_again_until_the_next_try(
    conn: psycopg.Connection, ledger: Ledger, change: str, ends: str
) -> None:
    filled, _ = lost(conn, ledger, 1)
    decide(conn, "send_again")
    conn.execute(f"UPDATE activation.sends SET {change}")
    assert report(conn, filled.send_ids[0]) is (ends == "sent")
    assert by_state(conn) == {ends: 1}


def test_a_report_takes_a_message_out_of_a_senders_hands_that_has_not_begun_it(
    conn: psycopg.Connection, ledger: Ledger
) -> None:
    filled, _ = lost(conn, ledger, 2)
    decide(conn, "send_again")
    claim = ledger.claim(2, LATER)
    assert report(conn, filled.send_ids[0])
    assert ledger.begin(claim, claim.send_ids, LATER) == {filled.send_ids[1]: "sending"}


def test_a_report_alone_says_nothing_of_what_nobody_has_decided(conn: psycopg.Connection, ledger: Ledger) -> None:
    """The server has put it off: it is tried again, whatever somebody reports."""
    filled = fill(conn, 1)
    claim = ledger.claim(1, NOW)
    ledger.begin(claim, claim.send_ids, NOW)
    say(ledger, claim, "deferred")
    assert not report(conn, filled.send_ids[0])
    assert by_state(conn) == {"deferred": 1}


def test_a_report_that_comes_before_the_sender_knows_settles_what_it_does_not_know(
    conn: psycopg.Connection, ledger: Ledger
) -> None:
    filled = fill(conn, 3)
    claim = ledger.claim(3, NOW)
    ledger.begin(claim, claim.send_ids, NOW)
    for send_id in filled.send_ids[:2]:
        assert not report(conn, send_id)
    said = ["unknown", "failed", "unknown"]
    done = ledger.settle(
        claim,
        [Settlement(send_id=i, state=s, reason="no_reply") for i, s in zip(filled.send_ids, said, strict=True)],
        LATER,
    )
    assert list(done.values()) == ["sent", "failed", "unknown"]
    assert states(conn) == {("sent", "settled_by_report"): 1, ("failed", "no_reply"): 1, ("unknown", "no_reply"): 1}


def test_a_report_and_its_sender_at_the_same_moment_do_not_miss_each_other(
    conn: psycopg.Connection, ledger: Ledger
) -> None:
    """Neither sees what the other has not yet committed: the next sweep does."""
    filled = fill(conn, 2)
    claim = ledger.claim(2, NOW)
    ledger.begin(claim, claim.send_ids, NOW)
    with conn.transaction():
        record_delivery_event(
            conn, kind="delivered", source="x", send_id=filled.send_ids[0], occurred_at=NOW, now=LATER
        )
        assert set(say(ledger, claim, "unknown").values()) == {"unknown"}
    ledger.sweep(LATER)
    assert [row(conn, i)["state"] for i in filled.send_ids] == ["sent", "unknown"]


def test_a_report_that_comes_again_settles_what_it_could_not_before(conn: psycopg.Connection, ledger: Ledger) -> None:
    filled, _ = lost(conn, ledger, 1)
    assert report(conn, filled.send_ids[0], key="r1")
    conn.execute("UPDATE activation.sends SET state = 'unknown'")
    assert report(conn, filled.send_ids[0], key="r1")
    assert by_state(conn) == {"sent": 1}
    assert conn.execute("SELECT count(*) FROM activation.delivery_events").fetchone() == (1,)


@pytest.mark.parametrize("how", ["at once", "swept", "cancelled"])
def test_a_slow_sender_is_believed_about_what_is_too_late_to_be_sent_again(
    conn: psycopg.Connection, ledger: Ledger, how: str
) -> None:
    lifetime = dt.timedelta(minutes=4) if how == "at once" else dt.timedelta(minutes=6)
    _, claim = lost(conn, ledger, lifetime=lifetime)
    decide(conn, "send_again")
    if how == "cancelled":
        cancel(conn, "thank_you", occasion=None, by="ada", clock=HandClock())
        conn.commit()
    else:
        ledger.sweep(NOW + dt.timedelta(minutes=7))
    assert by_state(conn) == {"cancelled" if how == "cancelled" else "expired": 3}
    assert say(ledger, claim, "failed") == {}
    assert set(say(ledger, claim, "sent").values()) == {"sent"}


def test_a_servers_log_says_which_arrived(conn: psycopg.Connection, ledger: Ledger) -> None:
    filled, _ = lost(conn, ledger, 4)
    log = "\n".join(
        f"Nov 22 09:00:0{n} mx postfix/cleanup[7]: 4F: message-id=<{m}>\nNov 22 mx 4F: to=<ada@example.com>, status=sent"
        for n, m in enumerate(filled.message_ids[:2])
    )
    found = message_ids_in(log + "\nmessage-id=<somebody.elses@mail.test>\n" + log)
    assert found == tuple(filled.message_ids[:2])
    done = reconcile_by_message_id(conn, [*found, "0" * 32 + "@example.com"], "arrived", by="ada", now=LATER)
    conn.commit()
    assert (done.states, done.not_unknown) == ({"sent": 2}, 1)
    assert [row(conn, i)["state"] for i in filled.send_ids] == ["sent", "sent", "unknown", "unknown"]


def test_the_list_shows_ids_only(conn: psycopg.Connection, ledger: Ledger) -> None:
    assert "Nothing is unknown" in unknown_report(conn)
    filled, _ = lost(conn, ledger, 5)
    shown = unknown_report(conn, most=2)
    assert "| thank_you | email | sender_lost | 5 | 2026-11-22 09:00 UTC |" in shown
    assert f"| `{filled.message_ids[0]}` | thank_you | 2026-11-22 09:00 UTC |" in shown
    assert shown.endswith("… and 3 more")
    assert not any(address.partition("@")[0] in shown for address in filled.addresses)
