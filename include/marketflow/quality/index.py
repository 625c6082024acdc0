"""`var/quality/index.html`: loads and tables with their verdicts, newest first, and the way to the pages of each."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from marketflow.quality.outcome import say
from marketflow.shared import Clock
from marketflow.warehouse import queries

_LOADS = 200  # older ones have their results in ops.quality_results
_TEMPLATE = Path(__file__).parent / "index.html"
_VERDICTS = {"passed": "passed", "merged": "merged", "refused": "refused", "loaded": "waits for the gate"}


def write_index(conn: psycopg.Connection, docs: Path, clock: Clock) -> Path:
    """Write the page anew from ops.loads and ops.quality_results, and take away pages that it no longer shows."""
    with conn.cursor(row_factory=dict_row) as cursor:
        loads = [_load(row, docs) for row in cursor.execute(queries("quality")["judged_loads"], {"loads": _LOADS})]
        tables = [_table(row, docs) for row in cursor.execute(queries("quality")["judged_tables"])]
    conn.commit()
    page = _render(loads=loads, tables=tables, now=clock.now(), zone=clock.time_zone)
    docs.mkdir(parents=True, exist_ok=True)
    temporary = docs / f".index.{os.getpid()}"
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(docs / "index.html")
    _prune(docs, loads, tables)
    return docs / "index.html"


def tables_title(now: dt.datetime) -> str:
    """The folder of a judgement of the tables."""
    return f"tables-{now.astimezone(dt.UTC):%Y%m%d%H%M%S}"


def _load(row: dict[str, Any], docs: Path) -> dict[str, Any]:
    failures = _failures(row)
    if row["state"] == "refused" and not failures:
        failures = [("stop", row["reason"])]  # no file could be used, so nothing was judged
    warned = row["state"] in ("passed", "merged") and failures
    verdict = _VERDICTS[row["state"]] + (", with warnings" if warned else "")
    grade = "bad" if row["state"] == "refused" else "warn" if warned else "good"
    if row["state"] == "loaded":
        grade = "open"
    return (
        row
        | {"failures": failures, "verdict": verdict, "grade": grade}
        | _pages(docs, f"{row['source']}-{row['load_id']}")
    )


def _table(row: dict[str, Any], docs: Path) -> dict[str, Any]:
    failures = _failures(row)
    verdict = {"verdict": "warned" if failures else "good", "grade": "warn" if failures else "good"}
    return row | {"failures": failures} | verdict | _pages(docs, tables_title(row["at"]))


def _failures(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(severity, sentence) of each."""
    return [
        (severity, observed.get("says") or say(suite, expectation, column, observed))
        for suite, expectation, column, severity, observed in row["failures"]
    ]


def _pages(docs: Path, folder: str) -> dict[str, Any]:
    there = (docs / folder / "index.html").exists()
    return {"folder": folder, "pages": f"{folder}/index.html" if there else None}


def _render(**values: Any) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: "" if value is None else f"{value:,}"
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(values)


def _prune(docs: Path, loads: list[dict[str, Any]], tables: list[dict[str, Any]]) -> None:
    """Folders of loads and judgements before the oldest that is shown; a newer one may be a run's that goes on now."""
    shown = {row["folder"] for row in (*loads, *tables)}
    first_load = min((row["load_id"] for row in loads), default=0)
    first_tables = min((int(row["folder"].rpartition("-")[2]) for row in tables), default=0)
    for folder in docs.glob("*-*"):
        kind, _, number = folder.name.rpartition("-")
        oldest = first_tables if kind == "tables" and len(number) == 14 else first_load
        if folder.is_dir() and number.isdigit() and folder.name not in shown and int(number) < oldest:
            shutil.rmtree(folder, ignore_errors=True)
