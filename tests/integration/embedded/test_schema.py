"""`sql/schema.sql` is the sum of the migrations."""

from __future__ import annotations

from marketflow.embedded.postgres import Server
from marketflow.embedded.schema import dump_schema
from marketflow.shared import Settings


def test_schema_sql_is_what_the_migrations_make(pg_server: Server) -> None:
    kept = (Settings().root / "sql" / "schema.sql").read_text()
    assert dump_schema(pg_server.dsn("template_warehouse")) == kept, "run `make schema`"
