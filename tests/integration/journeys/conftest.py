"""A desk for journeys of a test's own."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from journey_desk import Desk


@pytest.fixture
def desk(conn: psycopg.Connection, tmp_path: Path) -> Desk:
    return Desk(conn, tmp_path / "journeys")
