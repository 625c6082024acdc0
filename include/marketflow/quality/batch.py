"""Runs Great Expectations over one load in raw, with as few scans as it allows: three for any number of rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from marketflow.quality.pages import publish
from marketflow.quality.suite import STOP, expectations, judged_columns, judged_rules
from marketflow.shared import MarketflowError
from marketflow.sources import Contract

# Counts only. Zero examples: no value leaves the database, and no scan is spent on finding some.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_SHOWN = ("observed_value", "element_count", "unexpected_count", "unexpected_percent", "missing_count")
_VIEW = "batch"
_NO_ADDRESS = "postgresql+psycopg://user:none@none/none"  # ours connects, so the context never sees the password
_Connect = Callable[[], psycopg.Connection]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one expectation; `observed` holds counts, never values of rows."""

    expectation: str
    column: str | None
    severity: Literal["stop", "warn"]
    success: bool
    observed: dict[str, Any]


def examine(
    sqlalchemy_url: str, contract: Contract, load_id: int, *, latest: dt.datetime, docs: Path | None
) -> list[Outcome]:
    """Hold the load against its contract's suite; writes Data Docs below `docs` unless that is None.

    Raises MarketflowError when an expectation could not be evaluated (database down, a column missing).
    """
    opened: list[psycopg.Connection] = []
    try:
        context, definition = _definition(
            _connector(sqlalchemy_url, contract, load_id, opened), contract, load_id, latest
        )
        result = definition.run(result_format=_RESULT_FORMAT)
    finally:
        for conn in opened:  # the context would keep them
            conn.close()
    if docs is not None:
        publish(context, docs, f"{contract.record}-{load_id}")
    return [_outcome(r.to_json_dict()) for r in result.results]


def _definition(connect: _Connect, contract: Contract, load_id: int, latest: dt.datetime) -> tuple[Any, Any]:
    import great_expectations as gx

    context = _context()
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=_NO_ADDRESS, create_temp_table=False, kwargs={"creator": connect}
    )
    asset = source.add_table_asset(f"{contract.record}, load {load_id}", table_name=_VIEW)
    suite = gx.ExpectationSuite(name=contract.record, expectations=expectations(contract, latest))
    definition = gx.ValidationDefinition(
        name=f"{contract.record}-{load_id}",
        data=asset.add_batch_definition_whole_table("load"),
        suite=context.suites.add(suite),
    )
    return context, context.validation_definitions.add(definition)


def _context() -> Any:
    """A context in memory: no files, no temporary folders, no progress bars, nothing told to anybody."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config: Any = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars={"globally": False},  # type: ignore[arg-type]
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _connector(url: str, contract: Contract, load_id: int, opened: list[psycopg.Connection]) -> _Connect:
    """Opens connections in which a temporary view shows the judged columns of the load, and lists them in `opened`.

    A query asset would do, were it not that Great Expectations first fetches all its rows to learn their columns.
    """
    view = _view(contract, load_id)

    def open_connection() -> psycopg.Connection:
        conn = psycopg.connect(
            url.replace("postgresql+psycopg://", "postgresql://", 1), options="-c role=marketflow_loader"
        )
        opened.append(conn)
        conn.execute(view)
        conn.commit()
        return conn

    return open_connection


def _view(contract: Contract, load_id: int) -> sql.Composed:
    """The judged columns, and for each rule whether the row breaks it. Rules speak of the contract's own names."""
    judged = judged_columns(contract)
    names = {c.target: c.name for c in contract.columns}
    inner = [sql.SQL("{} AS {}").format(sql.Identifier(t), sql.Identifier(names.get(t, t))) for t in judged]
    outer = [sql.SQL("{} AS {}").format(sql.Identifier(names.get(t, t)), sql.Identifier(t)) for t in judged]
    for rule in judged_rules(contract):
        broken = sql.SQL(rule.broken)  # type: ignore[arg-type]  # words of a contract: code, not input
        outer.append(sql.SQL("({}) AS {}").format(broken, sql.Identifier(rule.reason)))
    return sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT {} FROM (SELECT {} FROM {} WHERE load_id = {}) AS r").format(
        sql.Identifier(_VIEW), sql.SQL(", ").join(outer), sql.SQL(", ").join(inner),
        sql.Identifier(*contract.table.split(".")), sql.Literal(load_id),
    )  # fmt: skip


def _outcome(result: dict[str, Any]) -> Outcome:
    config = result["expectation_config"]
    name, column = config["type"], config["kwargs"].get("column")
    if not result["result"]:
        raise MarketflowError(f"the expectation {name} of {column or 'the batch'} could not be evaluated")
    return Outcome(
        expectation=name,
        column=column,
        severity="stop" if config["severity"] == STOP else "warn",
        success=bool(result["success"]),
        observed={k: result["result"][k] for k in _SHOWN if result["result"].get(k) is not None},
    )
