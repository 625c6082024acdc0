"""The languages of the pages: their words, and which of them a reader gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request

from marketflow.shared.strict_yaml import read_yaml

LANGUAGES = ("en", "zh")
_QUALITY = re.compile(r"(?:q=([01](?:\.[0-9]{0,3})?))?")  # RFC 9110, 12.4.2
_MOST = 20  # languages of a header that are looked at


@cache
def words(lang: str) -> Mapping[str, str]:
    """All texts of the pages in one of LANGUAGES."""
    data, _ = read_yaml(Path(__file__).with_name("words.yaml"))
    return {str(name): str(text) for name, text in data[lang].items()}


def language(request: Request) -> str:
    """What the address says (`?lang=zh`), else the browser (Accept-Language, RFC 9110 12.5.4), else English."""
    said = request.query_params.get("lang", "")
    return said if said in LANGUAGES else accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> str:
    """The one of LANGUAGES that is liked best; of two that are liked the same the first."""
    liked: dict[str, float] = {}
    for part in header.split(",")[:_MOST]:
        tag, _, quality = part.partition(";")
        lang = tag.strip().lower().partition("-")[0]
        if lang in LANGUAGES:
            liked[lang] = max(liked.get(lang, 0.0), _weight(quality))
    best = max(liked, key=lambda lang: liked[lang], default=LANGUAGES[0])
    return best if liked.get(best, 1.0) > 0 else LANGUAGES[0]


def _weight(quality: str) -> float:
    found = _QUALITY.fullmatch(quality.strip())
    return float(found[1] or 1) if found else 0.0
