"""Warehouse: the only room that opens PostgreSQL.

Reads:  sql/migrations, sql/queries, sql/transforms; a connection that its caller gives, or a URI.
Writes: the warehouse's shape (migrations), the rows of transforms, ops.table_freshness, ops.schema_migrations.
Never:  decides what is sent, models anything, formats values into SQL.
"""

from marketflow.warehouse.bootstrap import bootstrap
from marketflow.warehouse.changes import advance, position, record_changes
from marketflow.warehouse.connect import ROLES, connect, use_role
from marketflow.warehouse.migrate import migrate, pending_migrations
from marketflow.warehouse.queries import Queries, queries
from marketflow.warehouse.transforms import Transform, load_transforms, run_transform

__all__ = [
    "ROLES",
    "Queries",
    "Transform",
    "advance",
    "bootstrap",
    "connect",
    "load_transforms",
    "migrate",
    "pending_migrations",
    "position",
    "queries",
    "record_changes",
    "run_transform",
    "use_role",
]
