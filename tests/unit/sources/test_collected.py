"""From the collector's log to rows: every message one row, or one bad record with its reason."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_shop import RING
from collector_events import RECEIVED, read, read_messages, read_requests, request, segment, track
from edge_process import RING_JSON
from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.shared import SourceError
from marketflow.sources.errors import ContentChanged
from marketflow.sources.mapping.json_values import json_fault
from marketflow.sources.places.collector import CollectorPlace
from marketflow.sources.readers.collected import CollectedReader
from marketflow.sources.readers.messages import CALLS
from marketflow.sources.readers.scrub import _CONTEXT

NAME = "20261122T090000000000-00000000.events"


def test_a_track_call(tmp_path: Path) -> None:
    message = track(
        anonymousId="device", context={"page": {"path": "/games"}, "campaign": {"id": "c7", "name": "spring"}}
    )
    found = read_messages(tmp_path, message)
    [row] = found.rows
    assert found.numbers == [1]
    assert row | {"properties": None} == dict.fromkeys(row) | {
        "event_id": "m-1", "message_id": "m-1", "type": "track", "event_type": "product_viewed", "user_id": "c1", "anonymous_id": "device",
        "campaign_id": "c7", "product_id": "p1", "occurred_at": RECEIVED.isoformat(),
        "received_at": RECEIVED.isoformat(), "write_key": "shop", "identifies": "false",
    }  # fmt: skip
    assert found.properties() == {
        "product_id": "p1", "price": 2.5,
        "_collected": {"event": "Product Viewed", "page": {"path": "/games"}, "campaign": {"id": "c7", "name": "spring"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "page", "name": "Prices"}, {"event_type": "page"}),
        ({"type": "screen", "name": "Start"}, {"event_type": "screen"}),
        (track(event="  购买 完成! "), {"event_type": "购买_完成"}),
        (track(event="!!!"), {"event_type": "!!!"}),
        ({"type": "alias", "previousId": "before"}, {"event_type": "alias", "anonymous_id": "before"}),
        ({"type": "group", "groupId": "g"}, {"event_type": "group"}),
        (track(userId=17), {"user_id": "17"}),
        (track(properties={"sku": 5, "coupon": "TEN"}), {"product_id": "5", "coupon_id": "TEN"}),
        (track(properties={"product_id": "x" * 65}), {"product_id": None}),
    ],
)
def test_other_calls(tmp_path: Path, message: dict[str, Any], expected: dict[str, str]) -> None:
    found = read_messages(tmp_path, {"userId": "u", "messageId": "m"} | message)
    assert {name: found.rows[0][name] for name in expected} == expected


def test_an_identify_call_gives_what_a_customers_record_has(tmp_path: Path) -> None:
    traits = {
        "firstName": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "phone": "+41791234567", "gender": "f",
        "birthday": "1815-12-10T00:00:00Z", "address": {"country": "gb", "street": "St James's Square"}, "plan": "gold",
        "loyaltyNumber": 123, "timezone": "Nowhere/City", "language": "en-GB",
    }  # fmt: skip
    found = read_messages(tmp_path, {"type": "identify", "userId": "c1", "messageId": "m", "traits": traits})
    [row] = found.rows
    assert {name: row[name] for name in list(row)[13:]} == {
        "identifies": "true", "email": "ada@example.com", "phone": "+41791234567", "given_name": "Ada",
        "family_name": "Lovelace", "gender": "f", "birth_date": None, "locale": "en-GB", "time_zone": None,
        "country": "GB", "loyalty_number": "123",
    }  # fmt: skip
    properties = row["properties"]
    assert found.properties()["plan"] == "gold"
    assert not any(word in properties for word in ("Ada", "Lovelace", "ada@", "4179", "James"))


def test_a_whole_name_is_split(tmp_path: Path) -> None:
    found = read_messages(tmp_path, {"type": "identify", "userId": "c1", "traits": {"name": "Ada King Lovelace"}})
    assert (found.rows[0]["given_name"], found.rows[0]["family_name"]) == ("Ada", "King Lovelace")


@pytest.mark.parametrize("public", [False, True])
def test_who_reads_a_public_key_changes_nobodys_record(tmp_path: Path, public: bool) -> None:
    message = {"userId": "c1", "traits": {"email": "thief@example.com"}}
    found = read_requests(tmp_path, request(message, call="identify", public=public))
    assert found.rows[0]["identifies"] == ("false" if public else "true")


@pytest.mark.parametrize("traits", [{}, {"plan": "gold"}])
def test_an_identify_call_without_anything_about_the_person_is_an_event_only(
    tmp_path: Path, traits: dict[str, str]
) -> None:
    found = read_messages(tmp_path, {"type": "identify", "userId": "c1", "traits": traits})
    assert found.rows[0]["identifies"] == "false"


def test_an_address_as_user_id_becomes_a_keyed_hash(tmp_path: Path) -> None:
    found = read_messages(
        tmp_path, track(userId="Ada@Example.com"), track(userId="ada@example.com "), track(userId="+41 79 123 45 67")
    )
    ids = [row["user_id"] for row in found.rows]
    assert ids[0] == ids[1] == f"mail-{RING.keyed_hash('ada@example.com').hex()[:40]}"
    assert ids[2].startswith("phone-")
    assert "79" not in ids[2][:8]


@pytest.mark.parametrize("name", ["m-1", "public:m-1", "secret:m-1"])
def test_who_reads_a_public_key_cannot_replace_a_servers_event(tmp_path: Path, name: str) -> None:
    """The same key and the same messageId are the same event; another trust is another one, whatever the name."""
    requests = [request(track(messageId=name), public=public) for public in (False, True, False, True)]
    requests.append(request(track(messageId="m-1"), public=True))
    ours, theirs, ours_again, theirs_again, other = (row["event_id"] for row in read_requests(tmp_path, *requests).rows)
    assert (ours, theirs) == (ours_again, theirs_again)
    assert ours not in (theirs, other)
    assert [row["message_id"] for row in read(tmp_path).rows] == [name] * 4 + ["m-1"]


@pytest.mark.parametrize(
    ("message", "ids"),
    [
        (track(anonymousId="device"), ("c1", None)),
        (track(anonymousId="device", userId=None), (None, "device")),
        ({"type": "alias", "userId": "c1", "previousId": "device"}, ("c1", None)),
        ({"type": "identify", "userId": "c1", "anonymousId": "device"}, ("c1", None)),
    ],
)
def test_who_reads_a_public_key_joins_no_visitor_to_a_customer(
    tmp_path: Path, message: dict[str, Any], ids: tuple[str | None, str | None]
) -> None:
    [row] = read_requests(tmp_path, request({"batch": [message]}, call="batch", public=True)).rows
    assert (row["user_id"], row["anonymous_id"]) == ids


@pytest.mark.parametrize(
    "part",
    [
        {"name": "Welcome anna@example.org"},
        {"category": "+44 20 7946 0123"},
        {"groupId": "anna@example.org"},
        {"messageId": "anna@example.org-1"},
        {"messageId": "anna%40example.org-1"},
        {"context": {"campaign": {"id": "anna@example.org"}}},
        {"properties": {"path": "/u/anna%40example.org"}},
        {"properties": {"path": "/u/anna%2540example.org"}},
        {"properties": {"customer_phone": "0207 9460123"}},
        {"properties": {"mobile_no": 442079460123}},
        {"userId": "anna%40example.org"},
    ],
)
def test_nothing_personal_passes_beside_the_properties(tmp_path: Path, part: dict[str, Any]) -> None:
    message = {"type": "page", "userId": "1", "messageId": "m"} | part
    [row] = read_messages(tmp_path, message, {"type": "page", "userId": "neighbour"}).rows[:1]
    stored = "".join(text for text in row.values() if text).replace(" ", "")
    assert not any(word in stored for word in ("anna", "example", "9460123"))


def test_a_message_id_that_is_hashed_is_the_same_each_time_and_no_other(tmp_path: Path) -> None:
    ids = [f"anna@example.org{end}" for end in ("-1", "1", "-1", "", ":1")]
    found = [row["message_id"] for row in read_messages(tmp_path, *(track(messageId=i) for i in ids)).rows]
    assert found[0] == found[2]
    assert len(set(found)) == 4


def test_bad_messages_of_a_batch_do_not_stop_their_neighbours(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    bad = [
        7,
        track(type="x"),
        track(properties={"a": "x" * 40_000}),
        track(properties={"a": deep}),
        track(timestamp="soon"),
    ]
    batch = [track(0)]
    for number, message in enumerate(bad, 1):
        batch += [message, track(number)]
    found = read_messages(tmp_path, *batch)
    assert [row["message_id"] for row in found.rows] == [f"m-{n}" for n in range(6)]
    assert found.numbers == [1, 3, 5, 7, 9, 11]
    assert [b.number for b in found.bad] == [2, 4, 6, 8, 10]
    assert [reason.split(" ")[0] for reason in found.reasons] == ["the", "type:", "the", "the", "timestamp:"]
    assert all(b.payload and b.size for b in found.bad)


def test_a_clock_one_day_ahead_is_corrected_and_noted(tmp_path: Path) -> None:
    found = read_messages(
        tmp_path, track(timestamp="2026-11-23T08:57:00Z"), track(2), sent_at="2026-11-23T09:00:00.000Z"
    )
    assert [row["occurred_at"] for row in found.rows] == ["2026-11-22T08:57:00+00:00", "2026-11-22T09:00:00+00:00"]
    assert found.properties()["_collected"]["clock_ahead_seconds"] == 86_400


def test_without_the_time_of_sending_it_goes_to_quarantine(tmp_path: Path) -> None:
    found = read_messages(tmp_path, track(1, timestamp="2026-11-23T09:00:00Z"), track(2))
    assert [row["message_id"] for row in found.rows] == ["m-2"]
    assert found.reasons == [
        "timestamp: lies 24.0 hours after the arrival, and there is no sentAt by which to correct the clock"
    ]


def test_the_context_of_a_batch_is_that_of_its_messages(tmp_path: Path) -> None:
    body = {
        "batch": [track(1), track(2, context={"locale": "fr-FR"})],
        "context": {"locale": "de-CH", "library": {"name": "x"}},
    }  # fmt: skip
    found = read_requests(tmp_path, request(body, call="batch"))
    assert [found.properties(n)["_collected"]["locale"] for n in (0, 1)] == ["de-CH", "fr-FR"]
    assert found.properties(1)["_collected"]["library"] == {"name": "x"}


def test_a_message_without_an_id_gets_one_that_stays_the_same(tmp_path: Path) -> None:
    messages = [track(), track()]
    for message in messages:
        del message["messageId"]
    assert [row["message_id"] for row in read_messages(tmp_path, *messages).rows] == ["r1-0", "r1-1"]
    assert [row["message_id"] for row in read(tmp_path).rows] == ["r1-0", "r1-1"]


def test_the_character_nul_is_taken_out(tmp_path: Path) -> None:
    found = read_messages(tmp_path, track(messageId="m\0x", userId="c\0", properties={"a": "b\0c"}))
    assert (found.rows[0]["message_id"], found.rows[0]["user_id"]) == ("mx", "c")
    assert found.properties()["a"] == "bc"


def test_what_was_left_out_is_counted_in_the_log_without_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "marketflow"):
        read_messages(tmp_path, track(properties={"email": "ada@example.com", "note": "+41791234567"}))
    assert f"collected/{NAME}: personal values left out of properties: email 1, looks like phone 1" in caplog.text
    assert "ada" not in caplog.text


def test_damage_is_one_bad_record(tmp_path: Path) -> None:
    data = bytearray(segment([request(track(n), sequence=n) for n in range(3)]))
    data[len(data) // 2] ^= 1
    (tmp_path / NAME).write_bytes(data)
    found = read(tmp_path)
    assert [row["message_id"] for row in found.rows] == ["m-0", "m-2"]
    assert found.reasons == ["the collector's log is damaged here: this is no whole record"]


def test_a_record_of_other_keys_among_ours_is_one_bad_record(tmp_path: Path) -> None:
    other = KeyRing.from_json(generate_key_ring())
    ours = segment([request(track(1))])
    (tmp_path / NAME).write_bytes(ours + segment([request(track(2))], other)[8:] + segment([request(track(3))])[8:])
    found = read(tmp_path)
    assert [row["message_id"] for row in found.rows] == ["m-1", "m-3"]
    assert found.reasons == ["the record cannot be decrypted"]


def test_a_request_that_is_no_json_is_one_bad_record(tmp_path: Path) -> None:
    head = request(track()).split(b"\n")[0]
    found = read_requests(tmp_path, request(track(1)), head + b'\n{"n": 1e400}', request(track(2)))
    assert ([row["message_id"] for row in found.rows], found.reasons) == (["m-1", "m-2"], ["the request is not JSON"])


def test_with_the_wrong_keys_nothing_is_taken_for_bad(tmp_path: Path) -> None:
    read_messages(tmp_path, track())
    with pytest.raises(SourceError, match="cannot be decrypted with key version 1"):
        read(tmp_path, KeyRing.from_json(generate_key_ring()))


def test_the_place_gives_closed_segments_in_order(tmp_path: Path) -> None:
    place = CollectorPlace(folder=tmp_path / "collected", keys=RING)
    assert list(place.items()) == []
    place.folder.mkdir()
    for name in ("2.events", "1.events", ".3.events", "4.txt"):
        (place.folder / name).write_bytes(segment([request(track())]))
    assert [item.name for item in place.items()] == ["collected/1.events", "collected/2.events"]
    first = next(place.items())
    assert first.fingerprint().size == (place.folder / "1.events").stat().st_size
    assert first.fingerprint() == first.fingerprint()


def test_a_segment_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(segment([request(track())]))
    [item] = CollectorPlace(folder=tmp_path, keys=RING).items()

    def read_and_write() -> None:
        with item.read() as reader, (tmp_path / NAME).open("ab") as file:
            list(reader.blocks())
            file.write(b"x")

    with pytest.raises(ContentChanged):
        read_and_write()


def test_blocks_are_bounded(tmp_path: Path) -> None:
    many = [request({"batch": [track(n * 100 + i) for i in range(100)]}, call="batch") for n in range(250)]
    (tmp_path / NAME).write_bytes(segment(many))
    [item] = CollectorPlace(folder=tmp_path, keys=RING).items()
    with item.read() as reader:
        sizes = [len(block.numbers) for block in reader.blocks()]
    assert sum(sizes) == 25_000
    assert max(sizes) <= 10_000


MEASURE = """
import re, sys
from pathlib import Path
from marketflow.privacy import KeyRing
from marketflow.sources.places.collector import CollectorPlace
keys = KeyRing.from_json(sys.argv[3])
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
def read(folder):
    largest = total = rows = 0
    for item in CollectorPlace(folder=folder, keys=keys).items():
        with item.read() as reader:
            for block in reader.blocks():
                size = block.rows.nbytes + sum(len(b.payload) for b in block.bad)
                largest, total, rows = max(largest, size), total + size, rows + len(block.numbers) + len(block.bad)
    return largest, total, rows
read(Path(sys.argv[1]))
before = peak()
print(*read(Path(sys.argv[2])), peak() - before)
"""
SMALL = {"type": "track", "event": "a", "userId": "1"}


@pytest.mark.parametrize(
    "body",
    [
        {"batch": [SMALL] * 2_500, "context": {"page": {"title": "t" * 30_000}}},
        {"batch": [SMALL] * 2_500, "context": {"page": {"title": "t" * 390_000}}},
        {"batch": [SMALL] * 2_500,
         "context": {p: dict.fromkeys(ns, "\x01" * 490) for p, ns in _CONTEXT.items()}},
        {"batch": [SMALL | {"context": None}] * 2_500, "context": {"page": {"title": "x" * 900, "url": ["y" * 90_000]}}},
        {"batch": [SMALL | {"properties": {"a": "x" * 400_000}}]},
        {"batch": [[1] * 50_000] * 3},
    ],
)  # fmt: skip
def test_a_hostile_batch_stays_small(tmp_path: Path, body: dict[str, Any]) -> None:
    """What stands once in a request must not be held or stored thousands of times."""
    small, hostile = tmp_path / "small", tmp_path / "hostile"
    read_messages(small, track())
    requests = [request(body, call="batch", sequence=n, public=True) for n in range(4)]
    assert len(requests[0]) < 512_000
    read_requests(hostile, *requests)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, small, hostile, RING_JSON], check=True, capture_output=True, text=True,
    )  # fmt: skip
    largest, total, rows, grown = map(int, done.stdout.split())
    assert rows == 4 * len(body["batch"])
    assert largest < 10 << 20
    assert total < 4 * (12 << 20)
    assert grown < 100 << 20


def test_of_a_message_that_is_too_large_quarantine_keeps_a_sample(tmp_path: Path) -> None:
    [bad] = read_messages(tmp_path, track(properties={"a": "x" * 100_000})).bad
    assert (len(bad.payload), bad.size > 100_000) == (1_024, True)


def test_the_context_of_a_batch_counts_for_the_weight_of_each_message_and_is_not_kept_with_it(tmp_path: Path) -> None:
    body = {
        "batch": [track(1, properties={"a": "x" * 32_200}), track(2)], "context": {"page": {"title": "t" * 700}},
    }  # fmt: skip
    found = read_requests(tmp_path, request(body, call="batch"))
    assert [row["message_id"] for row in found.rows] == ["m-2"]
    assert len(found.properties()["_collected"]["page"]["title"]) == 500
    assert found.reasons == ["the message has 32827 bytes, more than 32768, with the context of its batch"]
    assert b"ttt" not in found.bad[0].payload


WORDS = st.sampled_from(
    [
        "",
        "a@b.ch",
        "+41791234567",
        "1.2.3.4",
        "https://[x",
        "https://a@b?c",
        "\0",
        "?q",
        "2026-11-22T09:00:00Z",
        "ä" * 70,
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        WORDS | st.sampled_from(["email", "name", "address", "product_id", "page", "campaign", "country", "_collected"]), inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
FIELDS = (
    "userId", "anonymousId", "previousId", "messageId", "event", "name", "groupId", "properties", "traits", "context",
    "timestamp", "originalTimestamp", "sentAt",
)  # fmt: skip


@given(
    st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(CALLS)}, optional=dict.fromkeys(FIELDS, ANYTHING)),
        min_size=1,
        max_size=4,
    ),
    ANYTHING,
)
def test_whatever_a_message_holds_is_a_row_or_a_reason(messages: list[dict[str, Any]], sent: Any) -> None:
    """One message that the reader stumbles over would stop all others, at every run again."""
    data = segment([request({"batch": messages, "sentAt": sent, "context": sent}, call="batch")])
    rows = bad = 0
    for block in CollectedReader(data, RING, "x").blocks():
        rows, bad = rows + len(block.numbers), bad + len(block.bad)
        for row in block.rows.to_pylist():
            assert json_fault(row["properties"], "properties") is None
            assert "\0" not in "".join(v for v in row.values() if v)
    assert rows + bad == len(messages)
