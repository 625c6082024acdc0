"""Which names there are, asked of the warehouse one by one: no catalogue of a million products is read for a word."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from marketflow.campaigns.audience.predicate.arguments import PRODUCT_WORDS
from marketflow.campaigns.audience.predicate.events import FAMILIES, ORDER
from marketflow.shared import settings
from marketflow.warehouse import queries


class ShopWords:
    """The names that a warehouse knows; an instance is `About.unknown`."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def __call__(self, kind: str, word: str) -> Sequence[str] | None:
        """None for a word that there is (or where none are known yet), else those that could be meant."""
        if kind in PRODUCT_WORDS:
            if self._names("product_word_is_known", kind, word):
                return None
            return self._names("product_words_like", kind, word)
        if kind == "event":
            return None if self._names("event_is_known", kind, word) else self._events()
        known = self._segments() if kind == "segment" else self._campaigns()
        return None if word in known or not known else known

    def _segments(self) -> list[str]:
        """Those of the model's rules; none while the model has never run."""
        return self._names("segment_words", "segment", "")

    def _campaigns(self) -> list[str]:
        """Those that have a folder, and those that were ever planned."""
        folder = settings().root / "include" / "campaigns"
        folders = [f.name for f in folder.iterdir() if f.is_dir() and f.name[0] not in "_."] if folder.is_dir() else []
        return sorted({*folders, *self._names("campaign_words", "campaign", "")})

    def _events(self) -> list[str]:
        ours = [ORDER, *(name for family in FAMILIES for name in family)]
        return [*ours, *self._names("event_words", "event", "")]

    def _names(self, statement: str, kind: str, word: str) -> list[str]:
        values = {"kind": kind, "word": word}
        return [str(name) for (name,) in self.conn.execute(queries("audience")[statement], values)]
