"""What may be wrong with a file as a whole. No message holds data of the file."""

from __future__ import annotations

from marketflow.shared import SourceError


class HeaderRefused(SourceError):
    """The columns are not those that the source file maps; says which, without the line's other words."""


class ContentChanged(SourceError):
    """Somebody wrote to the file while it was read: the next run takes it in."""
