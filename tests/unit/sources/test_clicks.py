"""The click that led to a page survives, and nothing else of the query does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector_events import read_messages, track

CLICK = "0f0e0d0c-1111-4222-8333-444455556666"
URL = f"https://shop.example.com/p?q=shoes&mf_click={CLICK}&mail=ada#top"


@pytest.mark.parametrize(
    ("message", "click"),
    [
        ({"properties": {"url": URL}}, CLICK),
        ({"properties": {"search": f"?mf_click={CLICK}"}}, CLICK),
        ({"context": {"page": {"url": URL}}}, CLICK),
        ({"context": {"page": {"search": f"?a=1&mf_click={CLICK}"}}}, CLICK),
        ({"properties": {"url": f"https://shop.example.com/?mf_click={CLICK}0"}}, None),
        ({"properties": {"url": "https://shop.example.com/?mf_click=ada@example.com"}}, None),
        ({"properties": {"url": f"https://shop.example.com/?no_mf_click={CLICK}"}}, None),
        ({"properties": {"url": ["?mf_click="], "search": 7}, "context": {"page": "x"}}, None),
    ],
)
def test_the_id_is_kept(tmp_path: Path, message: dict[str, Any], click: str | None) -> None:
    found = read_messages(tmp_path / "log", track(**message))
    properties = found.properties()
    assert properties.get("_collected", {}).get("click") == click
    assert all(word not in json.dumps(properties) for word in ("shoes", "ada", "mf_click="))
