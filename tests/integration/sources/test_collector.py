"""From the collector's log into raw and core: each event once, bad ones in quarantine with their reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from campaign_shop import RING
from collector_events import CLOCK, request, segment, track
from marketflow.privacy import EMAIL, FAMILY_NAME, GIVEN_NAME, QUARANTINE
from marketflow.shared import Shop
from marketflow.shared.ids import event_id
from marketflow.sources import LoadSummary, forget_drained, load_sources, take_in
from marketflow.sources.places.collector import CollectorPlace
from marketflow.warehouse import build_core

SHOP = Shop(time_zone="UTC", country="US", locale="en-US", currency="USD")
[SOURCE] = [source for source in load_sources() if source.name == "collector"]


class Desk:
    """A folder of segments, and the way from there to core."""

    def __init__(self, folder: Path, conn: psycopg.Connection) -> None:
        self.folder, self.conn = folder, conn
        self.count = 0

    def add(self, *requests: bytes) -> None:
        self.count += 1
        (self.folder / f"20261122T0900{self.count:08}-00000000.events").write_bytes(segment(requests))

    def drain(self) -> LoadSummary:
        place = CollectorPlace(folder=self.folder, keys=RING)
        return take_in(self.conn, SOURCE, place, keys=RING, clock=CLOCK, shop=SHOP)

    def build(self) -> None:
        """As the gate and build_core do; the gate has its own tests."""
        self.conn.execute("UPDATE ops.loads SET state = 'passed' WHERE state = 'loaded'")
        self.conn.commit()
        build_core(self.conn, clock=CLOCK, shop=SHOP)
        self.conn.commit()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.conn.execute(query, values).fetchall()


@pytest.fixture
def desk(tmp_path: Path, conn: psycopg.Connection) -> Desk:
    return Desk(tmp_path, conn)


def batch(*messages: Any, sequence: int = 1, **more: Any) -> bytes:
    return request({"batch": list(messages), **more}, call="batch", sequence=sequence)


def test_events_arrive_once_whatever_comes_twice(desk: Desk) -> None:
    """A client repeats what was not acknowledged: in the same segment, and in a later one."""
    desk.add(batch(track(1), track(2)), batch(track(2), track(3)))
    first = desk.drain()
    assert (first.files, first.read, first.loaded, first.quarantined) == (1, 4, 4, 0)
    desk.build()
    desk.add(batch(track(3), track(4)))
    assert (desk.drain().files, desk.drain().load_id) == (1, None)
    desk.build()
    found = desk.rows("SELECT event_id FROM core.events ORDER BY 1")
    assert sorted(i for (i,) in found) == sorted(event_id("shop", f"m-{n}") for n in range(1, 5))


def test_an_event_as_core_has_it(desk: Desk) -> None:
    desk.add(request(track(1, userId="c9", anonymousId="device")))
    desk.drain()
    desk.build()
    [(kind, source, properties, names)] = desk.rows(
        "SELECT e.event_type, e.source, e.properties, array_agg(i.external_id) FROM core.events AS e"
        " JOIN core.customer_identifiers AS i USING (source, customer_id) GROUP BY e.event_id, 1, 2, 3"
    )
    assert (kind, source) == ("product_viewed", "shop")
    assert sorted(names) == ["anonymous:device", "c9"], "who signs in on a device is who was there before"
    assert (properties["price"], properties["_collected"]["event"]) == (2.5, "Product Viewed")


def test_a_public_key_replaces_nothing_and_joins_nobody(desk: Desk) -> None:
    """Anybody can read the key of a page, and say that they are customer c9."""
    desk.add(
        request(track(1, userId="c9", event="Order Completed")),
        request(track(1, userId="thief", event="Nothing"), sequence=2, public=True),
        request(track(2, userId="c9", anonymousId="thief's device"), sequence=3, public=True),
        request(track(3, userId=None, anonymousId="thief's device"), sequence=4, public=True),
    )
    desk.drain()
    desk.build()
    found = desk.rows(
        "SELECT e.event_type, i.external_id FROM core.events AS e"
        " LEFT JOIN core.customer_identifiers AS i USING (source, customer_id) ORDER BY 1, 2"
    )
    assert found == [
        ("nothing", "thief"), ("order_completed", "c9"), ("product_viewed", "c9"), ("product_viewed", None),
    ]  # fmt: skip


def test_identify_makes_a_customer_whose_data_are_encrypted(desk: Desk) -> None:
    traits = {"firstName": "Ada", "email": "Ada@Mail.Example.com", "phone": "not a number"}
    desk.add(request({"userId": "c1", "messageId": "m-1", "traits": traits}, call="identify"))
    assert desk.drain().records == {"behaviour": 1, "customers": 1}
    [(name, email, hashed, phone, refusal)] = desk.rows(
        "SELECT given_name, email, email_hash, phone, phone_refusal FROM raw.customers"
    )
    assert RING.decrypt_text(name, GIVEN_NAME) == "Ada"
    assert RING.decrypt_text(email, EMAIL) == "ada@mail.example.com"
    assert hashed == RING.keyed_hash("ada@mail.example.com")
    assert (phone, bool(refusal)) == (None, True)
    desk.build()
    assert len(desk.rows("SELECT 1 FROM core.events")) == len(desk.rows("SELECT 1 FROM core.customers")) == 1


def test_nothing_personal_stands_in_clear(desk: Desk) -> None:
    traits = {"name": "Xanthippa Thistlewick", "email": "xanthippa@mail.example.com", "phone": "+41791234567"}
    personal = {"email": "xanthippa@mail.example.com", "note": "+41791234567", "ip": "192.168.7.7"}
    context = {"ip": "192.168.7.7", "userAgent": "Mozilla/5.0", "traits": traits}
    desk.add(
        request({"userId": "xanthippa@mail.example.com", "traits": traits, "context": context}, call="identify"),
        batch(track(2, properties=personal, context=context), track(3, properties=personal, userId={})),
    )
    assert desk.drain().quarantined == 1
    desk.build()
    stored = ""
    tables = desk.rows(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        " AND table_schema IN ('raw', 'core', 'ops', 'privacy')"
    )
    for schema, table in tables:
        name = psycopg.sql.Identifier(schema, table)
        stored += str(desk.conn.execute(psycopg.sql.SQL("SELECT t::text FROM {} AS t").format(name)).fetchall())
    assert "Product Viewed" in stored
    for word in ("anthippa", "histlewick", "791234567", "192.168.7.7", "Mozilla"):
        assert word not in stored


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (track(9, timestamp="2026-11-23T09:00:00Z"),
         "timestamp: lies 24.0 hours after the arrival, and there is no sentAt by which to correct the clock"),
        (track(9, timestamp="2026-11-22T08:00:00"), "timestamp: is not a time with its zone (ISO 8601)"),
        (track(9, userId=None), "userId and anonymousId: both are missing"),
        (track(9, properties={"a": "x" * 33_000}), "the message has 33095 bytes, more than 32768"),
        (track(9, event="e" * 101), "event: its name is longer than 100 characters"),
        ("no message", "the message is not a JSON object"),
        (track(9, messageId="m" * 300), "longer than 200"),
        (track(9, userId="u" * 65), "longer than 64"),
        (track(9, timestamp="1989-01-01T00:00:00Z"), "1990"),
    ],
)  # fmt: skip
def test_bad_events_are_in_quarantine_and_their_neighbours_in_raw(desk: Desk, bad: Any, reason: str) -> None:
    desk.add(batch(track(1), bad, track(2)))
    summary = desk.drain()
    assert (summary.read, summary.loaded, summary.quarantined) == (3, 2, 1)
    assert desk.rows("SELECT event_ref FROM raw.events ORDER BY record_no") == [("m-1",), ("m-2",)]
    [(stored, number, payload)] = desk.rows("SELECT reason, record_no, payload FROM ops.quarantine")
    assert reason in stored
    assert number == 2
    assert RING.decrypt(payload, QUARANTINE)[:1] in (b"{", b'"')


def test_a_day_ahead_with_its_time_of_sending_is_corrected(desk: Desk) -> None:
    desk.add(batch(track(1, timestamp="2026-11-23T08:59:00Z"), sentAt="2026-11-23T09:00:00Z"))
    desk.drain()
    [(at, ahead)] = desk.rows(
        "SELECT occurred_at, (properties -> '_collected' ->> 'clock_ahead_seconds')::int FROM raw.events"
    )
    assert (at.isoformat(), ahead) == ("2026-11-22T08:59:00+00:00", 86_400)


def test_a_damaged_record_costs_itself_only(desk: Desk) -> None:
    desk.add(*(request(track(n), sequence=n) for n in range(5)))
    [path] = desk.folder.glob("*.events")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    summary = desk.drain()
    assert (summary.read, summary.loaded, summary.quarantined) == (5, 4, 1)
    [(reason,)] = desk.rows("SELECT reason FROM ops.quarantine")
    assert reason == "the collector's log is damaged here: this is no whole record"


def test_segments_go_when_core_has_them_and_not_before(desk: Desk) -> None:
    desk.add(batch(track(1)))
    assert forget_drained(desk.conn, desk.folder) == 0
    desk.drain()
    assert forget_drained(desk.conn, desk.folder) == 0
    desk.build()
    desk.add(batch(track(2)))
    (desk.folder / ".open.events").write_bytes(b"")
    assert forget_drained(desk.conn, desk.folder) == 1
    assert sorted(p.name for p in desk.folder.iterdir()) == [".open.events", "20261122T090000000002-00000000.events"]
    assert forget_drained(desk.conn, desk.folder) == 0
    assert (desk.drain().loaded, desk.drain().load_id) == (1, None)


def test_a_refused_load_keeps_its_segments(desk: Desk) -> None:
    desk.add(batch(track(1)))
    desk.drain()
    desk.conn.execute("UPDATE ops.loads SET state = 'refused', reason = 'x'")
    assert forget_drained(desk.conn, desk.folder) == 0


def test_with_other_keys_the_segment_waits_for_the_right_ones(desk: Desk) -> None:
    from marketflow.privacy import KeyRing, generate_key_ring

    desk.add(batch(track(1)))
    wrong = CollectorPlace(folder=desk.folder, keys=KeyRing.from_json(generate_key_ring()))
    summary = take_in(desk.conn, SOURCE, wrong, keys=RING, clock=CLOCK, shop=SHOP)
    assert (summary.refused_files, summary.loaded) == (1, 0)
    assert "cannot be decrypted with key version 1" in desk.rows("SELECT reason FROM ops.landing_files")[0][0]
    assert desk.drain().loaded == 1


def test_json_that_postgresql_would_refuse(desk: Desk) -> None:
    """A NUL in a text, a number beyond all bounds, half of a surrogate pair: the good neighbours must not suffer."""
    raw = (
        b'{"batch":[{"type":"track","userId":"u","messageId":"a","event":"x","properties":{"nul":"a\\u0000b","k\\u0000":1}},'
        b'{"type":"track","userId":"u","messageId":"b","event":"x","properties":{"n":1.5e22,"big":123456789012345678901234567890}},'
        b'{"type":"track","userId":"u","messageId":"c","event":"x","properties":{}}]}'
    )
    desk.add(request({}, call="batch").split(b"\n")[0] + b"\n" + raw)
    loaded = desk.drain().loaded
    assert loaded == 3, desk.rows("SELECT reason FROM ops.quarantine")
    assert desk.rows("SELECT properties -> 'nul' FROM raw.events WHERE event_ref = 'a'") == [("ab",)]
    assert desk.rows("SELECT 1 FROM raw.events WHERE properties @> %s", Jsonb({})) == [(1,)] * 3


def test_an_identify_call_leaves_what_it_does_not_say(desk: Desk) -> None:
    """Two calls in one segment and one in the next: together they are the customer."""
    calls = [{"firstName": "Ada"}, {"email": "ada@mail.example.com"}, {"lastName": "Byron"}]
    requests = [
        request({"userId": "c1", "messageId": f"m-{n}", "traits": traits}, call="identify", sequence=n)
        for n, traits in enumerate(calls)
    ]
    for segment_of in (requests[:2], requests[2:]):
        desk.add(*segment_of)
        desk.drain()
        desk.build()
    [(given, family, address)] = desk.rows(
        "SELECT c.given_name, c.family_name, p.address FROM core.customers AS c JOIN core.current_addresses USING (customer_id)"
        " JOIN core.contact_points AS p USING (contact_point_id)"
    )
    assert RING.decrypt_text(given, GIVEN_NAME) == "Ada"
    assert RING.decrypt_text(family, FAMILY_NAME) == "Byron"
    assert RING.decrypt_text(address, EMAIL) == "ada@mail.example.com"
