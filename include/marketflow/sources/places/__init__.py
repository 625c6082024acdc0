"""Places: where a source's files or rows are, and what there is of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketflow.shared import ConfigurationError
from marketflow.sources.places.access import Access, from_environment

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa

    from marketflow.privacy import KeyRing
    from marketflow.shared import Clock
    from marketflow.sources.definition import Source
    from marketflow.sources.places.item import Place

__all__ = ["Access", "from_environment", "place_of"]


def place_of(
    source: Source,
    *,
    conn: psycopg.Connection | None,
    landing: Path,
    clock: Clock,
    access: Callable[[str], Access] = from_environment,
    collector_log: Path | None = None,
    keys: KeyRing | None = None,
) -> Place:
    """Where the source's items are.

    conn: the warehouse, whose manifest says what was taken in before; None: as if nothing was. access: what a
    connection of that id says. The last two are for the source `collector`. Raises ConfigurationError; nothing is
    reached before the items are asked for.
    """
    origin = source.from_
    if origin.folder is not None:
        from marketflow.sources.places.folder import FolderPlace

        return FolderPlace(source, landing)
    if origin.url is not None:
        from marketflow.sources.places.access import store_options
        from marketflow.sources.places.store import StorePlace

        def options(scheme: str, name: str | None) -> dict[str, Any]:
            return store_options(scheme, access(name) if name else None)

        return StorePlace(source, options, lambda: _seen(conn, source.name))
    if origin.sql is not None:
        from marketflow.sources.places.access import engine_of
        from marketflow.sources.places.database import DatabasePlace

        def engine(name: str) -> sa.Engine:
            return engine_of(access(name))

        return DatabasePlace(source, engine, lambda: _last_window(conn, source.name), clock)
    return _collected(source, collector_log, keys)


def _collected(source: Source, folder: Path | None, keys: KeyRing | None) -> Place:
    from marketflow.sources.places.collector import CollectorPlace

    if folder is None or keys is None:
        raise ConfigurationError(f"the source {source.name} needs the collector's log and the keys")
    return CollectorPlace(folder=folder, keys=keys)


def _last_window(conn: psycopg.Connection | None, source: str) -> dt.datetime | None:
    from marketflow.sources.manifest import last_window

    return last_window(conn, source) if conn is not None else None


def _seen(conn: psycopg.Connection | None, source: str) -> dict[str, str]:
    """The objects of a store that were taken in, by name, and in which state."""
    from marketflow.warehouse import queries

    if conn is None:
        return {}
    return dict(conn.execute(queries("places")["seen_objects"], {"source": source}).fetchall())
