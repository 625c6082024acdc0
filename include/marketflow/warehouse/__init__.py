"""Warehouse: the only room that opens PostgreSQL.

Reads:  sql/migrations, sql/queries, sql/transforms; include/recommendations.yaml; a connection that its caller gives,
        or a URI.
Writes: the warehouse's shape (migrations), the rows of transforms, ops.table_freshness, models.runs.
Never:  decides what is sent, models anything, formats values into SQL.
"""

from marketflow.warehouse.arrays import fetch_integers
from marketflow.warehouse.bootstrap import bootstrap
from marketflow.warehouse.builds import BuildSummary, build_core, build_marts, data_as_of, lock_job
from marketflow.warehouse.changes import advance, position, record_changes
from marketflow.warehouse.connect import ROLES, connect, use_role
from marketflow.warehouse.exclusions import excluded_products
from marketflow.warehouse.frames import copy_frame, fetch_frame
from marketflow.warehouse.migrate import migrate, pending_migrations
from marketflow.warehouse.models import Outcome, Score, run_model
from marketflow.warehouse.queries import Queries, queries
from marketflow.warehouse.rebuild import rebuild_warehouse
from marketflow.warehouse.runs import ModelRun, ModelSummary, Verdict, drop_old_runs, finish_run, start_run
from marketflow.warehouse.transforms import Transform, load_transforms, run_steps, run_transform

__all__ = [
    "ROLES",
    "BuildSummary",
    "ModelRun",
    "ModelSummary",
    "Outcome",
    "Queries",
    "Score",
    "Transform",
    "Verdict",
    "advance",
    "bootstrap",
    "build_core",
    "build_marts",
    "connect",
    "copy_frame",
    "data_as_of",
    "drop_old_runs",
    "excluded_products",
    "fetch_frame",
    "fetch_integers",
    "finish_run",
    "load_transforms",
    "lock_job",
    "migrate",
    "pending_migrations",
    "position",
    "queries",
    "rebuild_warehouse",
    "record_changes",
    "run_model",
    "run_steps",
    "run_transform",
    "start_run",
    "use_role",
]
