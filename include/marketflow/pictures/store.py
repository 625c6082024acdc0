"""Where the pages and the mailed report find the pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import psycopg

from marketflow.pictures.render import Picture
from marketflow.warehouse import queries


def store_picture(
    conn: psycopg.Connection, picture: Picture, *, run_ids: Sequence[int], as_of: dt.date, made_at: dt.datetime
) -> None:
    """Put the picture into models.pictures in the place of the one of the same name, in the caller's transaction.

    run_ids: the model runs that it shows. as_of: the day that it shows.
    """
    values = {
        "name": picture.name,
        "title": picture.title,
        "description": picture.description,
        "svg": picture.svg,
        "png": picture.png,
        "run_ids": list(run_ids),
        "as_of": as_of,
        "made_at": made_at,
    }
    conn.execute(queries("pictures")["store"], values)
