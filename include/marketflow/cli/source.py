"""`marketflow source`: look at sources, check one before anything is loaded, load one without Airflow.

Connections that a source file names come from AIRFLOW_CONN_<ID>, as Airflow itself reads them from the environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from marketflow.cli.installation import dsn, here, key_ring
from marketflow.cli.report import told
from marketflow.shared import ConfigurationError, SourceError, settings
from marketflow.sources import Source, find_sources, load_source, take_in
from marketflow.sources.check import check_source
from marketflow.sources.places import place_of
from marketflow.sources.places.item import Item
from marketflow.warehouse import connect

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command(name="list")
def list_sources() -> None:
    """Show the sources of include/sources; exit code 1 when a file is wrong."""
    found = find_sources()
    for source in found.good:
        where = source.from_
        origin = where.folder or where.url or (f"sql: {where.sql.connection}" if where.sql else "collector")
        print(f"{source.name:20} {source.title:40} {origin:30} {', '.join(source.records)}")
    for error in found.errors:
        print(error)
    if found.errors:
        raise typer.Exit(1)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="the source file, such as include/sources/web_shop.yaml")],
    *,
    sample: Annotated[int, typer.Option(min=1, help="how many rows to read")] = 200_000,
    data: Annotated[Path | None, typer.Option(help="check this file, and not those where the source is")] = None,
) -> None:
    """Read a sample and say what would happen; nothing is loaded, no warehouse is needed.

    Exit code 1 when a load would be refused.
    """
    cfg, source = settings(), load_source(file)
    place = place_of(
        source, conn=None, landing=cfg.landing, clock=cfg.clock(), collector_log=cfg.collector_log,
        keys=key_ring() if source.from_.collector else None,
    ) if data is None else _OneFile(source, data)  # fmt: skip
    report = check_source(source, place, clock=cfg.clock(), shop=cfg.shop(), sample=sample, limit=cfg.quarantine_limit)
    print("\n".join(told(report)))
    if report.would_stop:
        raise typer.Exit(1)


@app.command()
def load(name: Annotated[str, typer.Argument(help="the source's name, as `marketflow source list` shows it")]) -> None:
    """Take in what is new of a source, as its DAG's first task does; the gate and core come with Airflow.

    Uses MARKETFLOW_WAREHOUSE_DSN and MARKETFLOW_KEYS, or else the embedded stack's.
    """
    cfg, source, keys = here(), load_source(source_file(name)), key_ring()
    with connect(dsn(), "loader") as conn:
        place = place_of(
            source, conn=conn, landing=cfg.landing, clock=cfg.clock(), collector_log=cfg.collector_log, keys=keys
        )
        summary = take_in(conn, source, place, keys=keys, clock=cfg.clock(), shop=cfg.shop())
    if summary.still_refused:
        print(f"{summary.still_refused} files are still refused")
    if summary.load_id is None:
        print("nothing new")
        return
    print(f"load {summary.load_id}: {summary.files} taken in, {summary.refused_files} refused")
    print(f"{summary.read} rows read = {summary.loaded} loaded + {summary.quarantined} quarantined")
    for record, rows in summary.records.items():
        print(f"  {record}: {rows}")
    if summary.refused_files:
        raise SourceError("ops.landing_files says why files were refused")


def source_file(name: str) -> Path:
    """Where the source of that name is defined."""
    return settings().root / "include" / "sources" / f"{name}.yaml"


class _OneFile:
    """A Place with one file, wherever it lies."""

    def __init__(self, source: Source, path: Path) -> None:
        if not source.from_.has_files:
            raise ConfigurationError(f"{source.name} has no files: --data is for sources with folder or url")
        self._source, self._path = source, path

    def items(self) -> Iterator[Item]:
        from marketflow.sources.places.folder import File

        yield File(self._source, self._path, self._path.name)
