"""A link's token is what itsdangerous makes, byte by byte: old links stay good, and its reader reads the new ones."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from marketflow.privacy import KeyRing, generate_key_ring, read_unsubscribe_token, unsubscribe_token

KEYS = KeyRing.from_json(generate_key_ring())
LIBRARY = URLSafeSerializer(KEYS.signing, salt="marketflow.unsubscribe")


@given(st.integers(0, 10**11))
@example(0)
@example(10**11)
def test_a_token_is_the_librarys(send_id: int) -> None:
    assert unsubscribe_token(KEYS, send_id) == LIBRARY.dumps(send_id)


@given(st.integers(0, 2**63 - 1))
@example(10**18)  # the library would compress it, and reads it either way
def test_any_token_is_read_and_so_are_those_of_old_mails(send_id: int) -> None:
    assert read_unsubscribe_token(KEYS, unsubscribe_token(KEYS, send_id)) == send_id
    assert read_unsubscribe_token(KEYS, LIBRARY.dumps(send_id)) == send_id
