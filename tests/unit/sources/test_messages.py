"""Messages of the Segment protocol: reasons for refusal, depth, and the time that they are given."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_events import RECEIVED, track
from marketflow.sources.readers import messages
from marketflow.sources.readers.messages import (
    MAX_DEPTH,
    MAX_NAME,
    TimeRefused,
    depth,
    may_be_heavy,
    occurred_at,
    refusal,
    verdict,
    weight_refusal,
)
from marketflow.sources.readers.scrub import looks_personal, scrub


def nested(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "message",
    [
        track(),
        track(userId=None, anonymousId="a"),
        track(userId=7),
        {"type": "page", "anonymousId": "a"},
        {"type": "identify", "userId": "u", "traits": {}},
        {"type": "alias", "userId": "u", "previousId": "a"},
        {"type": "group", "userId": "u", "groupId": "g", "traits": None},
        track(userId="u" * 64, anonymousId="a" * 64, messageId="m" * 200),
        track(userId="u" * 64 + "@example.com", messageId="m" * 200 + "@example.com"),
    ],
)
def test_good_messages(message: dict[str, Any]) -> None:
    assert refusal(message) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("text", "the message is not a JSON object"),
        ([], "the message is not a JSON object"),
        (track(type="pay"), "type: is none of track"),
        ({"userId": "u"}, "type: is none of track"),
        (track(type=["track"]), "type: is none of track"),
        (track(userId=None), "userId and anonymousId: both are missing"),
        (track(userId=" ", anonymousId=""), "userId and anonymousId: both are missing"),
        (track(userId={}), "userId and anonymousId: both are missing"),
        (track(userId=True), "userId and anonymousId: both are missing"),
        ({"type": "alias", "userId": "u"}, "userId and previousId: an alias needs both"),
        (track(event=None), "event: the name of what happened is missing"),
        (track(event=3), "event: the name of what happened is missing"),
        (track(event="Mail to ada@example.com"), "event: its name holds a mail address"),
        (track(event="Call +41 79 123 45 67"[5:]), "event: its name holds a mail address, a telephone number or"),
        (track(event="Mail to ada%40example.com"), "event: its name holds a mail address"),
        (track(event="e" * 101), "event: its name is longer than 100 characters"),
        (track(properties=[1]), "properties: is not an object"),
        (track(context="x"), "context: is not an object"),
        (track(messageId=5), "messageId: is not a text"),
        (track(timestamp=1_700_000_000), "timestamp: is not a text"),
        (track(userId="u" * 65), "userId: is longer than 64 characters"),
        (track(anonymousId="a" * 65), "anonymousId: is longer than 64 characters"),
        ({"type": "alias", "userId": "u", "previousId": "p" * 65}, "previousId: is longer than 64 characters"),
        (track(messageId="m" * 201), "messageId: is longer than 200 characters"),
    ],
)
def test_bad_messages_say_why(message: Any, reason: str) -> None:
    found = refusal(message)
    assert found is not None
    assert found.startswith(reason)
    assert "ada@" not in found


@given(
    st.recursive(
        st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    )
)
def test_depth_is_that_of_the_deepest(value: Any) -> None:
    def slow(v: Any) -> int:
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else None
        return 0 if inner is None else 1 + max(map(slow, inner), default=0)

    assert depth(value, 1_000) == slow(value)


def test_a_message_may_be_nested_only_so_deep() -> None:
    fits, deep = track(properties=nested(MAX_DEPTH - 1)), track(properties=nested(MAX_DEPTH))
    assert weight_refusal(fits, {}) is None
    assert weight_refusal(deep, {}) == f"the message is nested deeper than {MAX_DEPTH} levels"
    assert may_be_heavy(b"[" * (MAX_DEPTH + 1))
    assert not may_be_heavy(b"[" * MAX_DEPTH)


def test_a_message_may_have_so_many_bytes() -> None:
    fits, large = track(properties={"a": "x" * 32_000}), track(properties={"a": "x" * 33_000})
    assert weight_refusal(fits, {}) is None
    assert (weight_refusal(large, {}) or "").endswith("more than 32768")
    shared = {"page": {"title": "x" * 900}}
    assert (weight_refusal(fits, shared) or "").endswith("more than 32768, with the context of its batch")
    assert weight_refusal(fits | {"context": {"page": {}}}, shared) is None


def test_the_weight_comes_before_all_that_takes_time() -> None:
    large = {"type": "track", "event": "x" * 40_000}
    assert (verdict(large, is_heavy=True, shared={}) or "").startswith("the message has 40")
    assert (verdict(large, is_heavy=False, shared={}) or "").startswith("userId and anonymousId")


@pytest.mark.parametrize(
    "text",
    ["a@" * 250_000, "a" * 500_000 + " @", "@" * 500_000, "a@" + "b" * 500_000, "a@" + "." * 500_000 + "@",
     "a@b." * 125_000 + " ", "%2540" * 100_000, "%" * 500_000, "a@b.@" * 100_000, "+" + "1" * 500_000],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_no_text_takes_long_to_look_at(text: str) -> None:
    """What a client sends is looked at in the event loop, where everybody else waits."""
    started = time.process_time()
    looks_personal(text)
    refusal(track(event=text))
    scrub({text: text, "list": [text], "https://": f"https://{text}", "/": f"/{text}"}, Counter())
    assert time.process_time() - started < 2


def test_no_name_of_an_event_beyond_its_length_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(messages, "looks_personal", lambda text: seen.append(len(text or "")) or "")
    for size in (MAX_NAME, MAX_NAME + 1, 500_000):
        refusal(track(event="a" * (size - 2) + " @"))
        refusal({"type": "page", "userId": "u", "event": "a" * (size - 2) + " @"})
    assert seen == [MAX_NAME] * 2


def at(**shift: float) -> str:
    return (RECEIVED + dt.timedelta(**shift)).isoformat()


@pytest.mark.parametrize(
    ("message", "sent", "expected", "ahead"),
    [
        ({}, None, 0, 0),
        ({"timestamp": at(minutes=-3)}, None, -180, 0),
        ({"timestamp": at(minutes=-3)}, at(seconds=-1), -179, 0),
        # a clock one day ahead: the event was made three minutes before it was sent
        ({"timestamp": at(days=1, minutes=-3)}, at(days=1), -180, 86_400),
        ({"timestamp": at(days=-400)}, at(days=-400, seconds=10), -10, -400 * 86_400 + 10),
        # the message's own times come before the batch's
        ({"timestamp": at(days=1), "sentAt": at(days=1, seconds=5)}, at(days=9), -5, 86_405),
        ({"originalTimestamp": at(hours=-2), "timestamp": at(hours=-1)}, at(), -7_200, 0),
        # a little in the future is taken for now
        ({"timestamp": at(minutes=4)}, None, 0, 0),
        # a time of sending that is none counts as absent
        ({"timestamp": at(minutes=-3)}, "yesterday", -180, 0),
    ],
)
def test_when_it_happened(message: dict[str, Any], sent: str | None, expected: float, ahead: int) -> None:
    moment, found = occurred_at(message, sent, RECEIVED)
    assert (moment - RECEIVED).total_seconds() == expected
    assert found == ahead


@pytest.mark.parametrize(
    ("message", "sent", "reason"),
    [
        ({"timestamp": at(days=1)}, None, "timestamp: lies 24.0 hours after the arrival, and there is no sentAt"),
        ({"timestamp": at(days=1)}, at(), "timestamp: lies 24.0 hours after the arrival, although sentAt"),
        ({"timestamp": "2026-11-22T09:00:00"}, None, "timestamp: is not a time with its zone"),
        ({"timestamp": "soon"}, at(), "timestamp: is not a time with its zone"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "9999-12-31T23:59:59Z", "timestamp: is beyond all calendars"),
    ],
)
def test_times_that_nobody_believes(message: dict[str, Any], sent: str | None, reason: str) -> None:
    with pytest.raises(TimeRefused) as refused:
        occurred_at(message, sent, RECEIVED)
    assert str(refused.value).startswith(reason)
