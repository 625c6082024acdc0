"""Signed links: what was signed comes back; nothing else does, of no kind, for no other message, in no other form."""

from __future__ import annotations

import datetime as dt
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.privacy import (
    ClickLink,
    KeyRing,
    LinkKind,
    MessageLink,
    click_token,
    generate_key_ring,
    is_target,
    message_token,
    read_click_token,
    read_message_token,
    read_unsubscribe_token,
    unsubscribe_token,
)

KEYS, OTHER = (KeyRing.from_json(generate_key_ring()) for _ in range(2))
KINDS: tuple[LinkKind, ...] = get_args(LinkKind)
SENDS = st.integers(1, 2**63 - 1)
DAYS = st.dates(dt.date(1970, 1, 1), dt.date(2149, 1, 1))
URLS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='\\<>"'), min_size=1, max_size=200).map(
    lambda rest: f"https://{rest}"
)
DAY, URL = dt.date(2026, 11, 22), "https://shop.example.com/p?a=1&b=2#c"


@given(st.sampled_from(KINDS), SENDS, DAYS)
def test_a_token_says_what_it_was_made_of(kind: LinkKind, send_id: int, day: dt.date) -> None:
    assert read_message_token(KEYS, kind, message_token(KEYS, kind, send_id, day)) == MessageLink(send_id, day)


@given(SENDS, DAYS, URLS, st.sampled_from(["", "welcome"]))
def test_a_click_says_where_it_leads(send_id: int, day: dt.date, url: str, campaign: str) -> None:
    token, target = click_token(KEYS, send_id, day, url, campaign).split("/")
    assert read_click_token(KEYS, token, target) == ClickLink(send_id, day, url, campaign)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_of_one_kind_is_none_of_another(kind: LinkKind) -> None:
    token = message_token(KEYS, kind, 7, DAY)
    assert [read_message_token(KEYS, k, token) is not None for k in KINDS] == [k == kind for k in KINDS]
    assert read_unsubscribe_token(KEYS, token) is None
    assert read_message_token(KEYS, kind, unsubscribe_token(KEYS, 7)) is None
    assert read_message_token(OTHER, kind, token) is None
    assert read_message_token(KEYS, kind, click_token(KEYS, 7, DAY, URL).split("/")[0]) is None


@given(st.data(), SENDS, DAYS)
def test_no_altered_letter_passes(data: st.DataObject, send_id: int, day: dt.date) -> None:
    """Not the last one either, of which base 64 leaves some bits without a meaning."""
    token, target = click_token(KEYS, send_id, day, URL).split("/")
    letters = st.sampled_from("ABab01-_=+/.% \0é")
    for text, check in (
        (token, lambda t: read_click_token(KEYS, t, target)),
        (target, lambda t: read_click_token(KEYS, token, t)),
    ):
        at = data.draw(st.integers(0, len(text)))
        for other in (
            text[:at] + data.draw(letters) + text[at + 1 :],
            text[:at] + data.draw(letters) + text[at:],
            text[:at],
        ):
            assert other == text or check(other) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_nonsense_is_none_of_ours(token: str, target: str) -> None:
    assert read_click_token(KEYS, token, target) is None
    assert [read_message_token(KEYS, kind, token) for kind in KINDS] == [None] * len(KINDS)


def test_parts_of_two_links_make_no_third() -> None:
    first, second = (click_token(KEYS, n, DAY, f"https://shop.example.com/{n}").split("/") for n in (1, 2))
    assert read_click_token(KEYS, first[0], second[1]) is None
    assert read_click_token(KEYS, second[0], first[1]) is None


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example.com", "/path", "https://", "ftp://shop.example.com", "mailto:a@example.com",
     "https:\\\\evil.example.com", "https://shop.example.com/\r\nLocation: x", "https://shop.example.com/ x", 'https://shop.example.com/"',
     "https://shop.example.com/" + "x" * 2_000, ""],
)  # fmt: skip
def test_no_other_target_is_read_even_when_it_is_signed(url: str) -> None:
    assert not is_target(url)
    assert read_click_token(KEYS, *click_token(KEYS, 1, DAY, url).split("/")) is None
