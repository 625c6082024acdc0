"""The parts that DuckDB statements are put together from: quoted names, quoted texts, conditions."""

from __future__ import annotations

from collections.abc import Iterable

from marketflow.shared import ConfigurationError


def literal(value: str) -> str:
    """A text as it stands in a statement; raises ConfigurationError for one that holds NUL."""
    if "\0" in value:
        raise ConfigurationError("a text within a source file holds a NUL character")
    return "'" + value.replace("'", "''") + "'"


def literals(values: Iterable[str]) -> str:
    """Texts for the brackets of IN."""
    return ", ".join(map(literal, values))


def name(*parts: str) -> str:
    """A quoted name; several parts make one name with points in it, such as "orders.quantity"."""
    return '"' + ".".join(parts).replace('"', '""') + '"'


def fits(text: str, pattern: str) -> str:
    """Does the whole text fit? Patterns are RE2's: no text makes them slow."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def is_missing(text: str) -> str:
    """Absent, or nothing but blanks. Most texts begin with a character behind the blank, and are not looked at."""
    return f"CASE WHEN {text} IS NULL THEN true WHEN {text} < '!' THEN trim({text}, ' \t\r\n') = '' ELSE false END"


def all_of(conditions: Iterable[str]) -> str:
    """Conditions joined by AND; none at all is true."""
    return " AND ".join(f"({c})" for c in conditions) or "true"


def any_of(conditions: Iterable[str]) -> str:
    """Conditions joined by OR; none at all is false."""
    return " OR ".join(f"({c})" for c in conditions) or "false"
