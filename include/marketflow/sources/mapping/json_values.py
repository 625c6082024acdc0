"""JSON of a column: an object, not too deep, and such that PostgreSQL's jsonb takes it."""

from __future__ import annotations

import json
import re

MAX_DEPTH = 32
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?')
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_HUGE = re.compile(r"[0-9]{400}|[eE][+-]?[0-9]{3}")  # jsonb's numbers end somewhere behind that


def json_fault(text: str, name: str) -> str | None:
    """What is wrong with the text, in words to store; None: nothing. Takes linear time and no stack for any depth."""
    import orjson

    bare = _STRINGS.sub("", text)
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        return f"{name} is nested more than {MAX_DEPTH} deep"
    if _HUGE.search(bare):
        return f"{name} holds a number that is too large"
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return f"{name} is not JSON"
    if not isinstance(found, dict):
        return f"{name} is not a JSON object"
    return f"{name} holds a NUL character" if _NUL.search(text) else None


def as_json(row: dict[str, str | None]) -> bytes:
    """A row's columns as they are stored in quarantine."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
