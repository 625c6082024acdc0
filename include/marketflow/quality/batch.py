"""Runs Great Expectations over batches in the database, three scans for any number of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
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
    found: dict[str, list[Outcome]] = {}
    with _showing(sqlalchemy_url, batches, role) as shown:
        context = _context()
        for name, (some, conn) in shown.items():
            found |= _judged(context, name, conn.result(), some, title)
    if docs is not None:
        publish(context, docs, title)
    return [outcome for batch in batches for outcome in found[batch.subject]]


def _judged(
    context: Any, name: str, conn: psycopg.Connection, batches: Sequence[Batch], title: str
) -> dict[str, list[Outcome]]:
    """Outcomes by subject."""
    from sqlalchemy import StaticPool

    # Great Expectations makes two engines; the one connection serves both, one after the other.
    source = context.data_sources.add_postgres(
        f"warehouse, {name}", connection_string=_NO_ADDRESS, create_temp_table=False,
        kwargs={"creator": lambda: conn, "poolclass": StaticPool},
    )  # fmt: skip
    results = {b.subject: _definition(context, source, b, title).run(result_format=_RESULT_FORMAT) for b in batches}
    return {b.subject: [_outcome(b, r.to_json_dict()) for r in results[b.subject].results] for b in batches}


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
def _showing(
    url: str, batches: Sequence[Batch], role: str
) -> Iterator[Mapping[str, tuple[Sequence[Batch], Future[psycopg.Connection]]]]:
    """Batches and a connection in which a temporary view, or table, shows each of them; what takes long comes last.

    Tables are made in a thread, while the views are looked at. A query asset would do, were it not that Great
    Expectations first fetches all its rows to learn their columns.
    """
    groups = {"seen": [b for b in batches if not b.is_costly], "kept": [b for b in batches if b.is_costly]}
    with ExitStack() as stack:
        shown = {}
        for name, some in ((name, some) for name, some in groups.items() if some):
            conn = stack.enter_context(closing(psycopg.connect(_dsn(url), options=f"-c role={role} -c timezone=UTC")))
            thread = stack.enter_context(ThreadPoolExecutor(1))  # done before the connection is closed
            shown[name] = some, thread.submit(_show, conn, some)
            stack.callback(conn.cancel_safe)  # who gives up does not wait for the table
        yield shown


def _show(conn: psycopg.Connection, batches: Sequence[Batch]) -> psycopg.Connection:
    for batch in batches:
        kind = sql.SQL("TABLE" if batch.is_costly else "VIEW")
        conn.execute(sql.SQL("CREATE TEMPORARY {} {} AS {}").format(kind, sql.Identifier(batch.view), batch.query))
    conn.commit()
    return conn


def _dsn(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


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
