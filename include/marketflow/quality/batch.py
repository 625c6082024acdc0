"""Runs Great Expectations over batches in the database, three scans for any number of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from marketflow.quality.outcome import Outcome
from marketflow.quality.pages import publish
from marketflow.quality.suite import STOP
from marketflow.shared import MarketflowError

# Counts only. Zero examples: no value leaves the database, and no scan is spent on finding some.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_SHOWN = ("observed_value", "element_count", "unexpected_count", "unexpected_percent", "missing_count")
_NO_ADDRESS = "postgresql+psycopg://user:none@none/none"  # ours connects, so the context never sees the password


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows to be judged: `query` selects them, `expectations` (made late: the library is heavy) judge them.

    is_costly: the query costs more than to keep what it gives while three scans look at it.
    """

    subject: str
    of: Literal["record", "table"]
    query: sql.Composable
    is_costly: bool = False
    expectations: Callable[[], list[Any]]

    @property
    def view(self) -> str:
        """The name of the view or table: one without a dot, which would be taken for another table's schema."""
        return "judged_" + self.subject.replace(".", "_")


def examine(
    sqlalchemy_url: str, batches: Sequence[Batch], *, title: str, role: str, docs: Path | None
) -> list[Outcome]:
    """Hold each batch against its suite; writes Data Docs to `docs`/`title` unless that is None.

    `role`: of whose rights the queries have need. Raises MarketflowError when an expectation could not be evaluated
    (database down, a column missing).
    """
    from sqlalchemy import StaticPool

    outcomes: list[Outcome] = []
    context = _context()
    with _showing(sqlalchemy_url, batches, role) as conn:
        # Great Expectations makes two engines; the one connection serves both, one after the other.
        source = context.data_sources.add_postgres(
            "warehouse", connection_string=_NO_ADDRESS, create_temp_table=False,
            kwargs={"creator": lambda: conn, "poolclass": StaticPool},
        )  # fmt: skip
        for batch in batches:
            result = _definition(context, source, batch, title).run(result_format=_RESULT_FORMAT)
            outcomes += [_outcome(batch, r.to_json_dict()) for r in result.results]
    if docs is not None:
        publish(context, docs, title)
    return outcomes


def _definition(context: Any, source: Any, batch: Batch, title: str) -> Any:
    import great_expectations as gx

    asset = source.add_table_asset(f"{batch.subject}, {title}", table_name=batch.view)
    suite = context.suites.add(gx.ExpectationSuite(name=batch.subject, expectations=batch.expectations()))
    definition = gx.ValidationDefinition(
        name=f"{title}-{batch.subject}", data=asset.add_batch_definition_whole_table("load"), suite=suite
    )
    return context.validation_definitions.add(definition)


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


@contextmanager
def _showing(url: str, batches: Sequence[Batch], role: str) -> Iterator[psycopg.Connection]:
    """A connection in which a temporary view, or table, shows each batch.

    A query asset would do, were it not that Great Expectations first fetches all its rows to learn their columns.
    """
    dsn = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with closing(psycopg.connect(dsn, options=f"-c role={role} -c timezone=UTC")) as conn:
        for batch in batches:
            kind = sql.SQL("TABLE" if batch.is_costly else "VIEW")
            conn.execute(sql.SQL("CREATE TEMPORARY {} {} AS {}").format(kind, sql.Identifier(batch.view), batch.query))
        conn.commit()
        yield conn


def _outcome(batch: Batch, result: dict[str, Any]) -> Outcome:
    config = result["expectation_config"]
    name, kwargs = config["type"], config["kwargs"]
    column = kwargs.get("column") or ", ".join(kwargs.get("column_list", [])) or None
    if not result["result"]:
        raise MarketflowError(
            f"{batch.subject}: the expectation {name} of {column or 'the batch'} could not be evaluated"
        )
    return Outcome(
        subject=batch.subject,
        of=batch.of,
        expectation=name,
        column=column,
        severity="stop" if config["severity"] == STOP else "warn",
        success=bool(result["success"]),
        observed={k: result["result"][k] for k in _SHOWN if result["result"].get(k) is not None},
    )
