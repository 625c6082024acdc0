"""Characters that the usual font lacks, such as Chinese, and which fonts of this machine have them."""

from __future__ import annotations

from functools import cache

# Of those that systems ship, sans serif; the first ones are on Linux, the others on Macs and Windows.
_WIDE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Arial Unicode MS",
)  # fmt: skip
_USUAL = "DejaVu Sans"


def families(text: str) -> list[str]:
    """The fonts that together have all characters of a text; the usual one alone where it does, or where none helps."""
    missing = _beyond(text, _USUAL)
    helper = next((family for family in _installed() if not missing & _beyond(text, family)), None) if missing else None
    return [_USUAL, helper] if helper else [_USUAL]


def can_write(text: str) -> bool:
    """Whether each of its characters can be drawn on this machine; a box would stand for the others."""
    return not _beyond(text, _USUAL) or len(families(text)) > 1


def _beyond(text: str, family: str) -> set[str]:
    return {c for c in text if not c.isspace() and ord(c) not in _characters(family)}


@cache
def _installed() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    names = {font.name for font in fontManager.ttflist}
    return tuple(family for family in _WIDE if family in names)


@cache
def _characters(family: str) -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(family)).get_charmap())
