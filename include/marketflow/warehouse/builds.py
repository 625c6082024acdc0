"""Building core and marts: their transforms in order, over what is new, each build in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from marketflow.shared import Clock, Shop
from marketflow.warehouse.bulk import is_first_load
from marketflow.warehouse.changes import advance, position
from marketflow.warehouse.exclusions import excluded_products
from marketflow.warehouse.queries import queries
from marketflow.warehouse.staging import parameters, shop_of, staged
from marketflow.warehouse.transforms import Transform, load_transforms, note_freshness, run_steps

# Fewer changed rows than this do not mislead the planner; autovacuum gets there in time.
_ANALYZE_FROM = 1_000
_FIRST_SAMPLE = 30
_WORK_MEM = "128MB"
# Models whose rows the marts read by the number of the published run.
_READ_BY_RUN = (
    "rfm", "clusters", "customer_values", "churn_risks", "next_orders", "send_times", "sales_forecasts",
    "association_rules", "product_recommendations", "related_products", "campaign_recommendations",
)  # fmt: skip
_FORESEEN_FOR_DAYS = 31
# Stages whose tables know the business up to a day; the ledger, consents and suppressions are as of now.
_DATED = ("core", "features", "models", "marts")
# Written along with a model's own table, and as old as that.
_BESIDE_MODELS = ("models.runs", "models.rule_items")


@dataclass(frozen=True, kw_only=True)
class BuildSummary:
    """What a build did. `changed` is False when there was nothing to do: nobody needs to be woken."""

    changed: bool
    loads: list[int] = field(default_factory=list)
    days: int = 0
    rows_changed: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)


def build_core(conn: psycopg.Connection, *, clock: Clock, shop: Shop | None = None) -> BuildSummary:
    """Merge the loads that passed the gate into core, note what they touched, and mark them merged.

    Where products have changed, marts.products is brought up to date in the same transaction.
    All or nothing: a `stop` check that finds rows raises BatchRefused and rolls everything back. The loads may be of
    several systems. `shop` stands for what records do not say; None is a shop in the clock's zone that sells in USD.
    """
    q = queries("builds")
    with conn.transaction():
        lock_job(conn, "build_core")
        kinds = {int(load): kind for load, kind in conn.execute(q["passed_loads"])}
        if not kinds:
            return BuildSummary(changed=False)
        loads, replays = list(kinds), [load for load, kind in kinds.items() if kind == "replay"]
        repaired = conn.execute(q["line_loads"], {"load_ids": replays}).fetchall() if replays else []
        line_loads = sorted({*loads, *(int(row[0]) for row in repaired)})
        params = parameters(loads, now=clock.now(), shop=shop_of(clock, shop), line_loads=line_loads)
        changed, warnings = merge(conn, params, clock=clock)
        if changed["core.products"]:
            _write_products(conn, clock)
        conn.execute(q["mark_merged"], params)
    return BuildSummary(changed=True, loads=loads, rows_changed=changed, warnings=warnings)


def merge(
    conn: psycopg.Connection, params: Mapping[str, Any], *, clock: Clock, findings: bool = True
) -> tuple[dict[str, int], dict[str, int]]:
    """Run the transforms of core and privacy over the loads of `params`, in the caller's transaction.

    Gives the rows changed by table, and warnings by table and check.
    """
    q = queries("builds")
    conn.execute(q["memory"], {"work_mem": _WORK_MEM})
    with staged(conn, params):
        for (first,) in conn.execute(q["event_months"], params).fetchall():
            _ensure_month(conn, first)
        coming = {table: int(rows) for table, rows in conn.execute(q["coming"])}
        changed, warnings = _run_schemas(conn, ("core", "privacy"), params, coming)
        known = data_as_of(conn, clock)
        for transform in (t for t in _of(("core", "privacy")) if not t.is_view):
            note_freshness(conn, transform.name, now=params["now"], data_as_of=known)
        if findings:
            _note_findings(conn, params)
        _note_touched(conn, params)
    return changed, warnings


def build_marts(conn: psycopg.Connection, *, clock: Clock, force: bool = False) -> BuildSummary:
    """Bring the marts up to date with core and the published models.

    The tables by day are written anew for the days that were touched; with `force` for all of them, and whether or
    not anything has changed. What is made of the ledger is left to `evaluation`.
    """
    with conn.transaction():
        lock_job(conn, "build_marts")
        seen, newest = position(conn, "build_marts")
        if seen >= newest and not force:
            return BuildSummary(changed=False)
        days = _days(conn, "all_days" if force else "touched_days", position=seen, newest=newest)
        return _write_marts(conn, clock, days, newest)


def _write_products(conn: psycopg.Connection, clock: Clock) -> None:
    """Bring marts.products up to date, in the caller's transaction: it needs no model, and the models need it.

    They are woken by core, beside the other marts or before them. Of products that are not in it nothing is learnt.
    """
    lock_job(conn, "build_marts")
    now = clock.now()
    params = {"now": now, "days": [], "as_of": data_as_of(conn, clock), **excluded_products()}
    products = load_transforms()["marts.products"]
    if run_steps(conn, products, params)[0] >= _ANALYZE_FROM:
        _analyze(conn, products, is_first=False)
    note_freshness(conn, products.name, now=now, data_as_of=params["as_of"])


def refresh_marts(
    conn: psycopg.Connection, *, clock: Clock, day_from: dt.date | None, day_to: dt.date | None
) -> BuildSummary:
    """Write the marts anew for the days from `day_from` to `day_to` (None: without an end) and those touched since."""
    with conn.transaction():
        lock_job(conn, "build_marts")
        seen, newest = position(conn, "build_marts")
        wanted = {
            day
            for day in _days(conn, "all_days")
            if (day_from is None or day >= day_from) and (day_to is None or day <= day_to)
        }
        touched = _days(conn, "touched_days", position=seen, newest=newest)
        return _write_marts(conn, clock, sorted(wanted.union(touched)), newest)


def _days(conn: psycopg.Connection, name: str, **span: int) -> list[dt.date]:
    return [row[0] for row in conn.execute(queries("builds")[name], span)]


def _write_marts(conn: psycopg.Connection, clock: Clock, days: list[dt.date], newest: int) -> BuildSummary:
    """All marts but the ledger's, those by day for `days`, in the caller's transaction; what came until now is done."""
    conn.execute(queries("builds")["memory"], {"work_mem": _WORK_MEM})
    now = clock.now()
    params = {"now": now, "days": days, "as_of": data_as_of(conn, clock), **excluded_products()}
    params |= published_runs(conn, clock)
    changed, warnings = _run_schemas(conn, ("marts",), params)
    _note_derived(conn, now)
    advance(conn, "build_marts", newest, now)
    return BuildSummary(changed=True, days=len(days), rows_changed=changed, warnings=warnings)


def lock_job(conn: psycopg.Connection, job: str) -> None:
    """Wait until nobody else does `job`, and keep others from it until the transaction's end."""
    conn.execute(queries("builds")["lock"], {"job": job})


def data_as_of(conn: psycopg.Connection, clock: Clock) -> dt.date | None:
    """The last complete business day that core has orders of; None when it has none."""
    row = conn.execute(queries("builds")["data_as_of"], {"business_date": clock.business_date()}).fetchone()
    return row[0] if row else None


def published_runs(conn: psycopg.Connection, clock: Clock) -> dict[str, int | None]:
    """The numbers of the runs that the marts read, as parameters `<model>_run`; None where there is none.

    As values, so that only these runs' partitions are looked at, and locked. What a run foresaw more than 31 days ago
    is not shown any longer: a model that did not beat its baseline since then has nothing to say.
    """
    day = clock.business_date()
    since = day - dt.timedelta(days=_FORESEEN_FOR_DAYS)
    found = conn.execute(queries("runs")["published_runs"], {"since": since, "day": day}).fetchall()
    known: dict[str, int] = dict(found)
    return {f"{model}_run": known.get(model) for model in _READ_BY_RUN}


def _note_findings(conn: psycopg.Connection, params: Mapping[str, Any]) -> None:
    """What is remarkable about the records of these loads, into ops.findings."""
    for name, statement in queries("findings").statements.items():
        if name != "found":
            conn.execute(statement, params)


def _note_touched(conn: psycopg.Connection, params: Mapping[str, Any]) -> None:
    """Write down which keys have changed, for those who follow."""
    q = queries("builds")
    conn.execute(q["touched_after"], params)
    row = conn.execute(q["has_ignored_orders"]).fetchone()
    conn.execute(q["touched_products_by_line" if row and row[0] else "touched_products"])
    conn.execute(queries("warehouse")["lock_changes"])
    conn.execute(q["touched_record"], params)


def _ensure_month(conn: psycopg.Connection, first: dt.date) -> None:
    """Create the partition of core.events for the month that begins on `first`."""
    following = (first + dt.timedelta(days=31)).replace(day=1)
    conn.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF core.events FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier("core", f"events_{first:%Y_%m}"), sql.Literal(first), sql.Literal(following)
        )
    )


def _run_schemas(
    conn: psycopg.Connection, schemas: tuple[str, ...], params: Mapping[str, Any], coming: Mapping[str, int] = {}
) -> tuple[dict[str, int], dict[str, int]]:
    """Run the transforms of `schemas`, upstream first; gives rows changed by table, and warnings by table and check.

    coming: by table, how many rows its bulk step will insert.
    """
    changed: dict[str, int] = {}
    warnings: dict[str, int] = {}
    for transform in _of(schemas):
        rows = coming.get(transform.name, 0)
        is_first = is_first_load(conn, transform.name, rows)
        changed[transform.name], found = run_steps(conn, transform, params, coming=rows)
        warnings |= {f"{transform.name}.{check}": rows for check, rows in found.items()}
        if changed[transform.name] >= _ANALYZE_FROM:
            _analyze(conn, transform, is_first=is_first)
    return changed, warnings


def _analyze(conn: psycopg.Connection, transform: Transform, *, is_first: bool) -> None:
    """Tell the planner what the table holds: of a first load roughly, since each build of many rows looks again."""
    if is_first:
        conn.execute(queries("builds")["sample"], {"target": _FIRST_SAMPLE})
    conn.execute(sql.SQL("ANALYZE {}").format(transform.identifier))
    if is_first:
        conn.execute(queries("builds")["usual_sample"])


def _note_derived(conn: psycopg.Connection, now: dt.datetime) -> None:
    """The marts' freshness: each knows what the oldest of its upstream tables knows; a view has none of its own."""
    views = {name: t.doc.upstream for name, t in load_transforms().items() if t.is_view}
    for transform in (t for t in _of(("marts",)) if not t.is_view):
        upstream = [table for name in transform.doc.upstream for table in views.get(name, [name])]
        tables = [t for t in upstream if t.split(".")[0] in _DATED and t not in _BESIDE_MODELS]
        row = conn.execute(queries("builds")["upstream_as_of"], {"tables": tables}).fetchone()
        note_freshness(conn, transform.name, now=now, data_as_of=row[0] if row else None)


def _of(schemas: tuple[str, ...]) -> list[Transform]:
    """The transforms of `schemas`, upstream first, without those of the ledger, which have a time of their own."""
    found = [t for name, t in load_transforms().items() if name.split(".")[0] in schemas]
    return [t for t in found if not any(table.startswith("activation.") for table in t.doc.upstream)]
