"""The click that led to a page: the only thing that is kept of the query of its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marketflow.privacy import CLICK_PARAMETER

_CLICK = re.compile(rf"[?&]{CLICK_PARAMETER}=([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?![^&#])")
_NAMES = ("url", "search")


def click_of(message: Mapping[str, Any]) -> str | None:
    """The id in the address that a message tells in its properties or its page (Segment's `url`, `search`), if any."""
    context = message.get("context")
    for place in (message.get("properties"), context.get("page") if isinstance(context, dict) else None):
        if not isinstance(place, dict):
            continue
        for text in map(place.get, _NAMES):
            if isinstance(text, str) and CLICK_PARAMETER in text and (found := _CLICK.search(text)):
                return found[1]
    return None
