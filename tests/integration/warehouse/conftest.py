"""A shelf that loads are put on."""

from __future__ import annotations

import psycopg
import pytest

from marketflow.shared import Clock
from shelf import Shelf


@pytest.fixture
def shelf(conn: psycopg.Connection, clock: Clock) -> Shelf:
    return Shelf(conn, clock)
