"""Where a click leads: the link's own address, with what ties the page to the click."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.edge.tracking import PIXEL, landing

TAGS = {"mf_click": "id", "utm_campaign": "a b&c"}


@pytest.mark.parametrize(
    ("url", "then"),
    [
        ("https://shop.example.com", "https://shop.example.com?mf_click=id&utm_campaign=a%20b%26c"),
        ("https://shop.example.com/p?a=1#top", "https://shop.example.com/p?a=1&mf_click=id&utm_campaign=a%20b%26c#top"),
        ("https://shop.example.com/p?", "https://shop.example.com/p?mf_click=id&utm_campaign=a%20b%26c"),
        ("https://shop.example.com/%E4%B8%AD?q=%26", "https://shop.example.com/%E4%B8%AD?q=%26&mf_click=id&utm_campaign=a%20b%26c"),
        ("https://bücher.example/中?q=ü", "https://xn--bcher-kva.example/%E4%B8%AD?q=%C3%BC&mf_click=id&utm_campaign=a%20b%26c"),
    ],
)  # fmt: skip
def test_the_address_with_its_tags(url: str, then: str) -> None:
    assert landing(url, TAGS) == then


@pytest.mark.parametrize("url", ["https://shop.example.com", "https://shop.example.com/p?a=%20&b#x?y=1"])
def test_without_tags_it_is_as_it_was(url: str) -> None:
    assert landing(url, {}) == url


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60))
def test_a_header_can_hold_it(rest: str) -> None:
    found = landing(f"https://shop.example.com/{rest}", TAGS)
    assert found.isascii()
    assert found.isprintable()


def test_the_picture() -> None:
    assert (len(PIXEL), PIXEL[:6], PIXEL[-1:]) == (43, b"GIF89a", b";")
