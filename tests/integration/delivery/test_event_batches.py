"""Reports in bulk come to the same as reports one by one, and cost little."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import psycopg
import pytest

from ledger_fixture import KEYS, NOW, Filled, fill
from marketflow.campaigns.delivery import (
    DeliveryReport,
    Recorded,
    record_delivery_event,
    record_delivery_events,
)
from marketflow.campaigns.delivery.limits_file import SoftBounces
from marketflow.shared import MarketflowError
from marketflow.warehouse import use_role

KINDS: list[Any] = ["delivered", "bounce_hard", "bounce_soft", "bounce_soft", "complaint"]
STATES = ["sent", "unknown", "failed", "released", "expired", "sending"]
RULE = SoftBounces(in_a_row=2, within_days=30)


def ledger(conn: psycopg.Connection, dice: random.Random) -> list[Filled]:
    """Three messages to each of twelve people, handed over one after the other, in states of all kinds; one never was."""
    filled = [fill(conn, 12)]
    for n in range(2):
        rows = conn.execute(
            "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, purpose, state, send_after,"
            " expires_at, definition_version, message_id, planned_at, released_at)"
            " SELECT campaign, %s, contact_point_id, channel, plan_id, purpose, 'released', send_after, expires_at, 'v1',"
            " md5(%s || message_id) || '@example.com', planned_at, released_at FROM activation.sends WHERE send_id = any(%s)"
            " ORDER BY send_id RETURNING send_id, message_id",
            [f"more {n}", str(n), filled[0].send_ids],
        ).fetchall()
        filled.append(
            Filled(
                plan_id=filled[0].plan_id, send_ids=[r[0] for r in rows], contact_ids=filled[0].contact_ids,
                addresses=filled[0].addresses, message_ids=[r[1] for r in rows],
            )
        )  # fmt: skip
    for send_id in (i for f in filled for i in f.send_ids):
        state, reason = dice.choice(STATES), dice.choice(["given_up", "smtp_550"])
        token = "gen_random_uuid()" if state == "sending" else "NULL"
        conn.execute(
            f"UPDATE activation.sends SET state = %s, reason = %s, sending_at = %s, claim_token = {token}, lease_until = %s"
            " WHERE send_id = %s",
            [state, reason, NOW + dt.timedelta(seconds=send_id), NOW, send_id],
        )
        if dice.random() < 0.3:
            conn.execute(
                "INSERT INTO activation.unknown_decisions (send_id, decision, decided_by, decided_at) VALUES (%s, 'send_again', 'a', %s)",
                [send_id, NOW],
            )
    conn.execute(
        "UPDATE activation.sends SET sending_at = NULL, state = 'released' WHERE send_id = %s", [filled[0].send_ids[0]]
    )
    conn.execute(
        "INSERT INTO privacy.suppressions SELECT channel, address_hash, 'unsubscribed', %s FROM core.contact_points"
        " WHERE contact_point_id = any(%s)",
        [NOW, filled[0].contact_ids[:4]],
    )
    return filled


def reports(filled: list[Filled], dice: random.Random) -> list[DeliveryReport]:
    """Repeated, out of order, unknown, ahead of time, with codes that are none."""
    found = []
    for _ in range(150):
        message, person = dice.choice(filled), dice.randrange(12)
        by_id = dice.random() < 0.5
        found.append(
            DeliveryReport(
                kind=dice.choice(KINDS),
                source=dice.choice(["ses", "mailbox"]),
                occurred_at=NOW + dt.timedelta(hours=dice.randrange(-48, 48)),
                send_id=message.send_ids[person] if by_id else None,
                message_id=None if by_id else f"<{message.message_ids[person]}>",
                key=dice.choice([None, None, f"key {dice.randrange(40)}"]),
                code=dice.choice(["5.1.1", "somebody@example.com", None]),
            )
        )
    found.append(DeliveryReport(kind="complaint", source="ses", occurred_at=NOW, message_id="made-up@example.com"))
    found.append(DeliveryReport(kind="complaint", source="ses", occurred_at=NOW, send_id=2**60))
    return found


def one_by_one(conn: psycopg.Connection, batch: list[DeliveryReport]) -> list[Recorded]:
    order = sorted(range(len(batch)), key=lambda n: (batch[n].kind == "bounce_soft", n))
    done: dict[int, Recorded] = {}
    for n in order:
        r = batch[n]
        done[n] = record_delivery_event(
            conn, kind=r.kind, source=r.source, occurred_at=r.occurred_at, now=NOW + dt.timedelta(hours=1),
            send_id=r.send_id, message_id=r.message_id, key=r.key, code=r.code, soft=RULE,
        )  # fmt: skip
    return [done[n] for n in range(len(batch))]


def what_is_there(conn: psycopg.Connection) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        conn.execute(
            "SELECT event_id, send_id, campaign, channel, kind, occurred_at, recorded_at, handed_over_at, source, code"
            " FROM activation.delivery_events ORDER BY event_id"
        ).fetchall(),
        conn.execute("SELECT * FROM privacy.suppressions ORDER BY address_hash").fetchall(),
        conn.execute(
            "SELECT send_id, state, reason, claim_token IS NULL, lease_until, settled_at FROM activation.sends ORDER BY send_id"
        ).fetchall(),
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_batch_comes_to_the_same_as_its_reports_one_by_one(conn: psycopg.Connection, seed: int) -> None:
    dice = random.Random(seed)
    batch = reports(ledger(conn, dice), dice)
    conn.commit()
    use_role(conn, "sender")
    alone = one_by_one(conn, batch)
    expected = what_is_there(conn)
    conn.rollback()
    use_role(conn, "sender")
    together = record_delivery_events(conn, batch, now=NOW + dt.timedelta(hours=1), soft=RULE)
    assert what_is_there(conn) == expected
    assert [(r.send_id, r.is_new) for r in together] == [(r.send_id, r.is_new) for r in alone]
    assert {r.suppressed for r in together} == {r.suppressed for r in alone} >= {"hard_bounce", "complaint"}
    assert {r.send_id for r in together if r.settled} == {r.send_id for r in alone if r.settled} != set()
    again = record_delivery_events(conn, batch, now=NOW + dt.timedelta(hours=1), soft=RULE)
    assert not any(r.is_new or r.suppressed or r.settled for r in again)
    assert what_is_there(conn) == expected


def test_a_report_that_says_whom_it_is_about_counts_for_nobody_else(conn: psycopg.Connection) -> None:
    filled = fill(conn, 2)
    conn.execute("UPDATE activation.sends SET state = 'sent', sending_at = %s", [NOW])
    made = [
        DeliveryReport(
            kind="bounce_hard", source="mailbox", occurred_at=NOW, message_id=filled.message_ids[n],
            recipient_hash=KEYS.keyed_hash(filled.addresses[0]),
        )
        for n in (0, 1)
    ]  # fmt: skip
    assert [r.send_id for r in record_delivery_events(conn, made, now=NOW)] == [filled.send_ids[0], None]


def test_a_batch_does_not_wait_for_another_that_has_a_report_of_the_same_message(
    conn: psycopg.Connection, warehouse_dsn: str
) -> None:
    """Two that each have stored theirs, and then each wait for the other, would wait for ever."""
    [send_id] = fill(conn, 1).send_ids
    state = "UPDATE activation.sends SET state = %s, reason = 'x', sending_at = %s, claim_token = gen_random_uuid(), lease_until = %s"
    conn.execute(state, ["sending", NOW, NOW])
    conn.commit()
    opened, clicked = (
        [DeliveryReport(kind="delivered", source="ses", occurred_at=NOW, send_id=send_id, key=key)]
        for key in ("opened", "clicked")
    )
    with psycopg.connect(warehouse_dsn) as one, psycopg.connect(warehouse_dsn) as two:
        for each in (one, two):
            use_role(each, "sender")
        assert not record_delivery_events(two, opened, now=NOW)[0].settled  # stored, not committed: it is being sent
        conn.execute(state, ["unknown", NOW, NOW])
        conn.commit()
        one.execute("SET lock_timeout = '5s'")
        assert record_delivery_events(one, clicked, now=NOW)[0].settled
        one.commit()
        two.commit()
    assert conn.execute("SELECT state, reason FROM activation.sends").fetchall() == [("sent", "settled_by_report")]
    assert conn.execute("SELECT count(*) FROM activation.delivery_events").fetchone() == (2,)


def test_what_is_no_report_is_refused(conn: psycopg.Connection) -> None:
    assert record_delivery_events(conn, [], now=NOW) == []
    with pytest.raises(MarketflowError, match="no kind of delivery event"):
        record_delivery_events(
            conn,
            [DeliveryReport(kind="exploded", source="x", occurred_at=NOW, send_id=1)],
            now=NOW,  # type: ignore[arg-type]
        )
    with pytest.raises(MarketflowError, match="send_id or a message_id"):
        record_delivery_events(conn, [DeliveryReport(kind="delivered", source="x", occurred_at=NOW)], now=NOW)


def test_what_names_no_message_is_about_the_last_one_that_went_to_the_address_before(conn: psycopg.Connection) -> None:
    filled = ledger(conn, random.Random(3))
    sent = [f.send_ids[5] for f in filled]  # to one person, days apart
    for n, send_id in enumerate(sent):
        conn.execute(
            "UPDATE activation.sends SET state = 'sent', claim_token = NULL, lease_until = NULL, sending_at = %s"
            " WHERE send_id = %s",
            [NOW - dt.timedelta(days=20 - 5 * n), send_id],
        )
    conn.execute(
        "UPDATE core.contact_points SET address_hash = 'x' WHERE contact_point_id = %s", [filled[0].contact_ids[5]]
    )
    conn.commit()

    def found(days: float) -> int | None:
        report = DeliveryReport(
            kind="bounce_hard", source="a", occurred_at=NOW - dt.timedelta(days=days), recipient_hash=b"x"
        )
        return record_delivery_events(conn, [report], now=NOW)[0].send_id

    assert [found(days) for days in (21, 20, 16, 15, 12, 9, 2.1, 1.9)] == [
        None, sent[0], sent[0], sent[1], sent[1], sent[2], sent[2], None,
    ]  # fmt: skip


def test_thousands_cost_little_when_the_ledger_was_counted_before_anything_went_out(conn: psycopg.Connection) -> None:
    """The first campaign of a shop: PostgreSQL knows of no message that was handed over, and then all were."""
    filled = fill(conn, 100)
    conn.execute(
        "INSERT INTO activation.sends (campaign, occasion, contact_point_id, channel, plan_id, purpose, state, send_after,"
        " expires_at, definition_version, message_id, planned_at, released_at)"
        " SELECT campaign, 'more ' || n, contact_point_id, channel, plan_id, purpose, 'released', send_after, expires_at, 'v1',"
        " md5(n || message_id) || '@example.com', planned_at, released_at"
        " FROM activation.sends, generate_series(1, 199) AS n WHERE send_id = any(%s)",
        [filled.send_ids],
    )
    conn.commit()
    conn.autocommit = True
    conn.execute("ANALYZE activation.sends")
    conn.autocommit = False
    rows = conn.execute(
        "UPDATE activation.sends SET state = 'sent', sending_at = %s RETURNING send_id, message_id", [NOW]
    ).fetchall()
    conn.execute("SET statement_timeout = '6s'")
    conn.commit()
    for named in ([{"send_id": send_id} for send_id, _ in rows], [{"message_id": name} for _, name in rows]):
        reports = [DeliveryReport(kind="delivered", source=f"{list(named[0])}", occurred_at=NOW, **n) for n in named]
        assert sum(one.is_new for one in record_delivery_events(conn, reports, now=NOW)) == 20_000
