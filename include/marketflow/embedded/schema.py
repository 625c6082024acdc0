"""The sum of all migrations as one file, `sql/schema.sql`: to be read, and to be compared with."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from marketflow.embedded.config import WAREHOUSE, free_port
from marketflow.embedded.postgres import Server, binaries
from marketflow.shared import Settings
from marketflow.warehouse import bootstrap, connect, migrate, queries

_HEAD = "-- The sum of sql/migrations, written by `make schema`; never edited.\n"


def build_schema() -> str:
    """Run all migrations in a passing server of their own and return the schema that comes out."""
    with tempfile.TemporaryDirectory(prefix="marketflow-schema-") as folder:
        Path(folder).chmod(0o755)  # the user of the server must get in
        server = Server(home=Path(folder) / "postgres", port=free_port(), password="passing")
        server.start()
        try:
            bootstrap(server.dsn(), WAREHOUSE, {"owner": "passing"})
            with connect(server.dsn(WAREHOUSE).replace("//postgres:", "//marketflow_owner:")) as conn:
                migrate(conn, Settings().clock().now())
            return dump_schema(server.dsn(WAREHOUSE))
        finally:
            server.stop()


def dump_schema(dsn: str) -> str:
    """The schema of a database as pg_dump writes it, without what differs from run to run, and the views' columns."""
    command = [str(binaries() / "pg_dump"), "--schema-only", "--no-comments", "--dbname", dsn]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept = [line for line in text.splitlines() if not re.match(r"--|\\|SET |SELECT pg_catalog\.set_config", line)]
    with psycopg.connect(dsn) as conn:  # pg_dump gives a view's query and no types
        found = conn.execute(queries("embedded")["views"]).fetchall()
    views = [f"-- VIEW {name} (\n--     {columns}\n-- );" for name, columns in found]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n\n".join(["\n".join(kept).rstrip(), *views])) + "\n"
