"""The place of a source, with the Airflow connection that its file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from marketflow.orchestration.connections import key_ring
from marketflow.shared import ConfigurationError, settings
from marketflow.sources.places import Access, place_of

if TYPE_CHECKING:
    import psycopg

    from marketflow.sources import Source
    from marketflow.sources.places.item import Place


def place_of_source(conn: psycopg.Connection, source: Source) -> Place:
    """Where the source's items are; `conn` is the warehouse, whose manifest says what was taken in before."""
    cfg = settings()
    return place_of(
        source,
        conn=conn,
        landing=cfg.landing,
        clock=cfg.clock(),
        access=access_of,
        collector_log=cfg.collector_log,
        keys=key_ring() if source.from_.collector else None,
    )


def access_of(name: str) -> Access:
    """What the Airflow connection of that id says; raises ConfigurationError when there is none."""
    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        raise ConfigurationError(f"there is no Airflow connection {name!r}: add it under Admin, Connections") from None
    return Access(
        name=name,
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=found.extra_dejson,
    )
