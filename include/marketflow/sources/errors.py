"""What may be wrong with a file as a whole, or with the database. No message holds data of the file."""

from __future__ import annotations

import psycopg

from marketflow.shared import SourceError

# SQLSTATE's classes that speak of the values: data exceptions, broken constraints, more than PostgreSQL can hold.
_OF_THE_DATA = ("22", "23", "54")


class HeaderRefused(SourceError):
    """The columns are not those that the source file maps; says which, without the line's other words."""


class ContentChanged(SourceError):
    """Somebody wrote to the file while it was read: the next run takes it in."""


class DatabaseFailed(SourceError):
    """The run ends: nothing is wrong with the file."""


def in_own_words(name: str, error: Exception) -> SourceError:
    """An error that came up while the file `name` was taken in, without its words, which may be data.

    DatabaseFailed when the database is at fault; else the file is, or what we make of it: the others can go on.
    """
    if not isinstance(error, psycopg.Error):
        return SourceError(f"the file cannot be read ({type(error).__name__})")
    kind = f"{type(error).__name__} ({error.sqlstate})"
    said = f"PostgreSQL reported {kind}; its own words may hold data and are left out"
    if (error.sqlstate or "")[:2] in _OF_THE_DATA:
        return SourceError(f"the rows cannot be stored: {said}")
    return DatabaseFailed(f"{name}: {said}")
