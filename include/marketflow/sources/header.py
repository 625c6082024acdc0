"""Is a file what its source file says? Columns that are missing, new, or there twice stop it as a whole."""

from __future__ import annotations

from difflib import get_close_matches

from marketflow.sources.definition import Source
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.scrub import looks_personal

_SHORT = 40
_NAMED = 20  # with more new columns than that, in JSON, keys may be values: persons' names, numbers


def shown(name: str) -> str:
    """A column's name as it may be stored and told: short, and not when it is itself a person's address or number."""
    return "(a name that looks personal)" if looks_personal(name) else name[:_SHORT]


def check_header(source: Source, header: tuple[str, ...]) -> None:
    """Raise HeaderRefused unless `header` has the columns that the source file maps, each once, and no new one.

    A first line may be a person's record by mistake, so its words are repeated only when the header is there.
    """
    missing = [name for name in source.needed_columns if name not in header]
    used = set(source.used_columns)
    new = [] if source.unused == "any" else [n for n in header if n not in used and n not in source.unused]
    twice = sorted({name for name in used if header.count(name) > 1})
    if missing:
        others = f"; it has {len(new)} unknown ones" if new else ""
        near = next((n for m in missing for n in get_close_matches(m, new, n=1, cutoff=0.8)), None)
        hint = f"; did you mean {shown(near)!r}?" if near else ""
        raise HeaderRefused(f"the header lacks the columns {', '.join(missing)}{hint or others}")
    if twice:
        raise HeaderRefused(f"the header names columns twice: {', '.join(twice)}")
    if len(new) > _NAMED:
        raise HeaderRefused(f"{len(new)} columns are new: map them, or list them under unused")
    if new:
        names = ", ".join(repr(shown(name)) for name in new[:5])
        words = f"column {names} is new: map it" if len(new) == 1 else f"columns {names} are new: map them"
        raise HeaderRefused(f"{words}, or list {'it' if len(new) == 1 else 'them'} under unused")
