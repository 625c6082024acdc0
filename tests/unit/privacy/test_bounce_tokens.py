"""The token of an envelope sender: short, one case, nobody else's."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketflow.privacy import KeyRing, bounce_token, generate_key_ring, read_bounce_token

KEYS = KeyRing.from_json(generate_key_ring())


@given(st.integers(0, 2**63 - 1))
@example(0)
@example(2**63 - 1)
def test_any_id_comes_back_in_any_case(send_id: int) -> None:
    token = bounce_token(KEYS, send_id)
    assert re.fullmatch("[a-z2-7]{18,29}", token)
    assert read_bounce_token(KEYS, token) == read_bounce_token(KEYS, token.upper()) == send_id


@given(st.text(max_size=40))
@example("a" * 18)
@example("\u017f" * 18)
def test_what_we_did_not_make_is_nobodys(token: str) -> None:
    assert read_bounce_token(KEYS, token) is None


@pytest.mark.parametrize("place", range(20))
def test_a_changed_sign_is_noticed(place: int) -> None:
    token = bounce_token(KEYS, 123_456)
    other = "b" if token[place] == "a" else "a"
    assert read_bounce_token(KEYS, token[:place] + other + token[place + 1 :]) is None


def test_another_ring_and_a_link_of_ours_are_not_tokens() -> None:
    assert read_bounce_token(KeyRing.from_json(generate_key_ring()), bounce_token(KEYS, 7)) is None
