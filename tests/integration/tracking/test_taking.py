"""Opens and clicks reach their table once, each with a verdict that later events may change."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from campaign_shop import RING
from journals import journal
from ledger_fixture import NOW, HandClock, fill
from marketflow.campaigns.tracking import TrackingSummary, forget_networks, take_tracking
from marketflow.warehouse import connect

Take = Callable[..., TrackingSummary]
HANDED_OVER = NOW - dt.timedelta(hours=1)
LATER = dt.timedelta(minutes=30)


@pytest.fixture
def sends(conn: psycopg.Connection) -> list[int]:
    """Thirty messages that were sent an hour ago."""
    found = fill(conn, 30).send_ids
    conn.execute(
        "UPDATE activation.sends SET state = 'sent', sending_at = %s, settled_at = %s", [HANDED_OVER, HANDED_OVER]
    )
    conn.commit()
    return found


@pytest.fixture
def taken(warehouse_dsn: str, tmp_path: Path) -> Take:
    """Take these events, with the rights of the sender."""

    def take_these(*events: Any) -> TrackingSummary:
        journal(tmp_path, events)
        with connect(warehouse_dsn, "sender") as conn:
            return take_tracking(conn, tmp_path, RING, HandClock())

    return take_these


def event(send_id: int, kind: str = "open", *, after: float = LATER.total_seconds(), **more: Any) -> dict[str, Any]:
    """What the edge service records so many seconds after the message was handed over."""
    at = (HANDED_OVER + dt.timedelta(seconds=after)).isoformat()
    url = f"https://shop.example.com/{more.pop('link', 1)}" if kind == "click" else None
    return {"event_id": str(uuid.uuid4()), "kind": kind, "send_id": send_id, "url": url, "occurred_at": at, "method": "GET",
            "client": "chrome", "network": None} | more  # fmt: skip


def verdicts(conn: psycopg.Connection, *events: dict[str, Any]) -> list[str]:
    """Of these events, in their order: person, or the reason why not."""
    found = dict(
        conn.execute("SELECT event_id, coalesce(verdict_reason, verdict) FROM activation.tracking_events").fetchall()
    )
    conn.rollback()
    return [found[uuid.UUID(e["event_id"])] for e in events]


def test_what_was_recorded_is_in_the_table(conn: psycopg.Connection, taken: Take, sends: list[int]) -> None:
    opened = event(sends[0], network="ab" * 16)
    clicked = event(sends[0], "click", after=1_900)
    found = taken(opened, clicked)
    assert (found.stored, found.records, found.problems) == (2, 2, ())
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM activation.tracking_events ORDER BY occurred_at").fetchall()
    assert [(str(r["event_id"]), r["kind"], r["url"], r["verdict"], r["client"]) for r in rows] == [
        (opened["event_id"], "open", None, "person", "chrome"),
        (clicked["event_id"], "click", "https://shop.example.com/1", "person", "chrome"),
    ]
    assert {(r["send_id"], r["campaign"], r["channel"], r["recorded_at"], r["is_simulated"]) for r in rows} == {
        (sends[0], "thank_you", "email", NOW, False)
    }
    assert bytes(rows[0]["network_hash"]) == b"\xab" * 16


def test_a_segment_that_comes_twice_changes_nothing(conn: psycopg.Connection, taken: Take, sends: list[int]) -> None:
    events = [event(s, "click") for s in sends]
    assert taken(*events).stored == 30
    again = taken(*events, events[0])
    assert (again.stored, again.records, again.scanners) == (0, 31, 0)
    assert conn.execute("SELECT count(*) FROM activation.tracking_events").fetchone() == (30,)


def test_what_is_none_of_ours_is_counted_and_left_out(
    taken: Take, sends: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    broken: list[dict[str, Any]] = [
        {"event_id": "not-an-id"}, {"kind": "purchase"}, {"send_id": "secret"}, {"send_id": 2**70}, {"occurred_at": "2026-11-22T09:00:00"},
        {"url": "https://x.example.com"}, {"method": "POST"}, {"network": "192.0.2.1"}, {"client": "x" * 41},
    ]  # fmt: skip
    found = taken(event(sends[0]), event(987_654_321), *(event(sends[0]) | wrong for wrong in broken))
    assert (found.stored, found.unknown_messages, found.malformed) == (1, 1, len(broken))
    assert "10 opens or clicks are left out" in caplog.text
    assert "secret" not in caplog.text


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("open", {"client": "gmail_proxy"}, "gmail_proxy"),
    ("open", {"client": "apple_mail_proxy"}, "apple_mail_proxy"),
    ("open", {"client": "yahoo_proxy", "after": 0.5}, "yahoo_proxy"),
    ("click", {"client": "gmail_proxy"}, "proxy_clicked"),
    ("open", {"client": "security_program"}, "security_program"),
    ("click", {"client": "robot"}, "robot"),
    ("click", {"client": "unnamed"}, "unnamed_program"),
    ("click", {"method": "HEAD"}, "head_request"),
    ("click", {"after": 4.9}, "right_after_handover"),
    ("click", {"after": -60}, "right_after_handover"),
    ("click", {"after": 5}, "person"),
    ("open", {"after": 1.9}, "right_after_handover"),
    ("open", {"after": 2.1}, "person"),
    ("click", {"client": None}, "person"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{reason}" for n, (_, _, reason) in enumerate(CASES)])
def test_an_event_by_itself(
    conn: psycopg.Connection, taken: Take, sends: list[int], case: tuple[str, dict[str, Any], str]
) -> None:
    kind, more, reason = case
    one = event(sends[0], kind, **more)
    taken(one)
    assert verdicts(conn, one) == [reason]
    [(verdict,)] = conn.execute("SELECT verdict FROM activation.tracking_events").fetchall()
    assert verdict == ("person" if reason == "person" else "proxy" if reason.endswith("_proxy") else "scanner")


def test_many_links_at_once_are_no_persons_also_when_they_come_in_parts(
    conn: psycopg.Connection, taken: Take, sends: list[int]
) -> None:
    burst = [event(sends[0], "click", link=n, after=1_000 + n / 2) for n in range(4)]
    slow = [event(sends[1], "click", link=n, after=1_000 + 3 * n) for n in range(4)]
    twice = [event(sends[2], "click", link=n % 2, after=1_000 + n / 5) for n in range(6)]
    before = event(sends[0], "click", link=1, after=900)
    taken(*burst[:2], *slow, *twice, before)
    assert verdicts(conn, *burst[:2]) == ["person"] * 2
    found = taken(*burst[2:])
    assert found.scanners == 4
    assert verdicts(conn, *burst) == ["many_links_at_once"] * 4
    assert verdicts(conn, before, *slow, *twice) == ["person"] * 11


def test_one_network_in_many_messages_is_no_persons_also_when_they_come_in_parts(
    conn: psycopg.Connection, taken: Take, sends: list[int]
) -> None:
    """Five in one minute of the clock and five in the next are ten within a minute, too."""
    from_one = [event(s, "click", network="01" * 16, after=1_795 + n) for n, s in enumerate(sends[:10])]
    same_hour = [event(s, "click", network="02" * 16, after=1_000 + 60 * n) for n, s in enumerate(sends[:10])]
    nine = [event(s, "click", network="03" * 16, after=2_500) for s in sends[:9]]
    nobody = [event(s, "click", after=2_500) for s in sends]
    taken(
        *from_one[:9],
        *same_hour,
        *nine,
        *nobody,
        *(event(sends[0], "click", network="03" * 16, after=2_501 + n) for n in range(2)),
    )
    assert verdicts(conn, *from_one[:9], *same_hour, *nine, *nobody) == ["person"] * 58
    taken(from_one[9])
    assert verdicts(conn, *from_one) == ["many_messages_at_once"] * 10
    assert verdicts(conn, *same_hour, *nine, *nobody) == ["person"] * 49


def test_what_comes_with_a_scanner_is_the_scanners(conn: psycopg.Connection, taken: Take, sends: list[int]) -> None:
    opened = event(sends[0], network="01" * 16, after=1_000)
    elsewhere = event(sends[0], network="02" * 16, after=1_000)
    other = event(sends[1], network="01" * 16, after=1_000)
    taken(opened, elsewhere, other)
    assert verdicts(conn, opened) == ["person"]
    taken(
        event(sends[0], "click", client="security_program", network="01" * 16, after=1_030),
        later := event(sends[0], network="01" * 16, after=1_080),
    )
    taken(much_later := event(sends[0], network="01" * 16, after=1_130))
    assert verdicts(conn, opened, later) == ["beside_a_scanner"] * 2
    assert verdicts(conn, elsewhere, other, much_later) == ["person"] * 3  # a chain does not spread


def test_what_is_tracked_of_a_simulated_message_is_marked_and_judged_like_any_other(
    conn: psycopg.Connection, taken: Take, sends: list[int]
) -> None:
    conn.execute("UPDATE activation.sends SET is_simulated = true WHERE send_id = %s", [sends[0]])
    conn.commit()
    proxy = event(sends[0], client="gmail_proxy")
    burst = [event(sends[0], "click", link=n, after=1_000.5) for n in range(3)]
    real = event(sends[1], "click", after=1_000)
    taken(proxy, *burst, real)
    assert verdicts(conn, proxy, *burst, real) == ["gmail_proxy", *["many_links_at_once"] * 3, "person"]
    marked = conn.execute("SELECT DISTINCT send_id, is_simulated FROM activation.tracking_events ORDER BY 1").fetchall()
    assert marked == [(sends[0], True), (sends[1], False)]


def test_who_opens_a_message_has_it(conn: psycopg.Connection, taken: Take, sends: list[int]) -> None:
    conn.execute("UPDATE activation.sends SET state = 'unknown', reason = 'lost' WHERE send_id = ANY(%s)", [sends[:2]])
    conn.commit()
    assert taken(event(sends[0], client="gmail_proxy")).settled == 1
    assert taken(event(sends[0])).settled == 0
    states = dict(
        conn.execute("SELECT send_id, state FROM activation.sends WHERE send_id = ANY(%s)", [sends[:2]]).fetchall()
    )
    assert states == {sends[0]: "sent", sends[1]: "unknown"}


def test_pages_and_orders_after_a_click_are_tied_to_it(conn: psycopg.Connection, taken: Take, sends: list[int]) -> None:
    """An order is the last click's before it; a machine's click has none; beyond the window nothing counts."""
    first, last, after_it = (event(sends[0], "click", after=n) for n in (1_000, 2_000, 3_000))
    machine = event(sends[1], "click", client="robot")
    taken(
        first,
        last,
        after_it,
        machine,
        event(sends[1], client="gmail_proxy"),
        event(sends[2], after=1_000),
        event(sends[2], after=1_500),
    )
    conn.execute(
        "UPDATE activation.sends AS s SET customer_id = c.customer_id FROM core.contact_points AS c WHERE s.contact_point_id = c.contact_point_id"
    )
    conn.execute(
        "UPDATE activation.plans SET definition = definition || %s", [Jsonb({"campaign": {"attribution_days": 3}})]
    )
    for n, (send_id, seconds) in enumerate(
        [(sends[0], 2_500), (sends[0], 2_600), (sends[0], 500), (sends[0], 4 * 86_400), (sends[1], 5_000)]
    ):
        conn.execute(
            "INSERT INTO core.orders (source, external_id, customer_id, ordered_at, ordered_on, line_count, revenue, discount, currency, file_id)"
            " SELECT 'shop', %s, customer_id, %s, '2026-11-22', 1, 10, 0, 'EUR', 1 FROM activation.sends WHERE send_id = %s",
            [f"o{n}", HANDED_OVER + dt.timedelta(seconds=seconds), send_id],
        )
    for _ in range(2):
        conn.execute(
            "INSERT INTO core.click_pages VALUES (gen_random_uuid(), %s, 'collector', %s, '2026-11-22')",
            [last["event_id"], HANDED_OVER + dt.timedelta(seconds=2_001)],
        )
    found = {
        str(click): rest
        for click, *rest in conn.execute(
            "SELECT click_id, pages, orders, revenue, attribution_days FROM marts.click_results"
        )
    }
    assert found == {
        first["event_id"]: [0, 0, 0, 3], last["event_id"]: [2, 2, 20, 3], after_it["event_id"]: [0, 0, 0, 3],
        machine["event_id"]: [0, 0, 0, 3],
    }  # fmt: skip
    activity = conn.execute(
        "SELECT send_id, opens, proxy_opens, clicks, links_clicked, scanner_clicks FROM marts.message_activity ORDER BY send_id"
    ).fetchall()
    assert activity == [(sends[0], 0, 0, 3, 1, 0), (sends[1], 0, 1, 0, 0, 1), (sends[2], 2, 0, 0, 0, 0)]


def test_where_somebody_was_is_forgotten_after_thirty_days(
    sends: list[int], taken: Take, conn: psycopg.Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketflow.campaigns.tracking.forgetting._BATCH", 2)
    taken(*(event(send, "click", network="ab" * 8) for send in sends[:5]))
    known = "SELECT count(*) FILTER (WHERE network_hash IS NOT NULL), count(*) FROM activation.tracking_events"
    assert conn.execute(known).fetchone() == (5, 5)
    conn.commit()
    clock = HandClock()
    with connect(warehouse_dsn, "sender") as sender:
        assert forget_networks(sender, clock) == 0
        clock.hands[0] += dt.timedelta(days=31)
        assert forget_networks(sender, clock) == 5
        assert forget_networks(sender, clock) == 0
    assert conn.execute(known).fetchone() == (0, 5)
