"""The bodies of tasks: open what the work needs, call one door, return counts. A skip means: nothing to do.

A task may die after its work was committed and before Airflow heard of it. Its next try finds nothing to do; it must
wake the others all the same, or they would sleep on work that is there. So only a first try is skipped (`idle`).
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import key_ring, warehouse, warehouse_url
from marketflow.orchestration.defaults import as_date
from marketflow.shared import settings
from marketflow.warehouse import queries

if TYPE_CHECKING:
    from marketflow.sources import Source

log = logging.getLogger(__name__)


def is_first_try() -> bool:
    """Is this the task's first try in this run?"""
    return int(get_current_context()["ti"].try_number) == 1


def idle(why: str) -> None:
    """Skip the task, so that it wakes nobody; unless an earlier try may have done the work and died."""
    if is_first_try():
        raise AirflowSkipException(why)
    log.info("%s; an earlier try may have done the work, so the others are woken", why)


def take_in_source(source: Source, *, again: bool) -> dict[str, Any]:
    """Load what is new of a source; skips when there is nothing and no load waits for the gate.

    `again`: loads that the gate refused are to be judged once more.
    """
    from marketflow.orchestration.places import place_of_source
    from marketflow.quality import judge_freshness
    from marketflow.sources import take_in

    cfg = settings()
    with warehouse("loader") as conn:
        place = place_of_source(conn, source)
        summary = take_in(conn, source, place, keys=key_ring(), clock=cfg.clock(), shop=cfg.shop())
        judge_freshness(conn, [source], clock=cfg.clock())
        waiting = _waiting(conn, source, again=again)
    if summary.refused_files:
        log.warning("%s files were refused; ops.landing_files says why", summary.refused_files)
    if summary.refused_files and not waiting:
        raise AirflowFailException(f"no file of {source.name} could be used; ops.landing_files says why")
    if not waiting:
        idle(f"nothing new of {source.name}")
    return asdict(summary)


def judge_loads(source: Source, limit: float | None, *, again: bool) -> list[int]:
    """Pass or refuse each load that waits before core; a refusal fails the task with the reason, for good.

    `limit`: share of bad rows that is allowed; None: as the source file says.
    Returns the loads that `build_core` may take. One that passed beside a refused one is announced by the next run.
    """
    from marketflow.quality import judge

    cfg = settings()
    refused: list[str] = []
    with warehouse("loader") as conn:
        loads = _waiting(conn, source, again=again)
        for load_id in (load for load, state in loads.items() if state != "passed"):
            verdict = judge(
                conn, warehouse_url(), load_id, source=source, clock=cfg.clock(), limit=limit, docs=cfg.home / "quality"
            )
            if not verdict.passed:
                refused.append(f"load {load_id} stops before core: {verdict.reason}")
    if refused:
        raise AirflowFailException("; ".join(refused))
    return list(loads)


def _waiting(conn: Any, source: Source, *, again: bool) -> dict[int, str]:
    values = {"source": source.name, "again": again}
    found = conn.execute(queries("orchestration")["waiting_loads"], values).fetchall()
    conn.commit()
    return {int(load_id): str(state) for load_id, state in found}


def build_core_tables() -> dict[str, Any]:
    """Merge the loads that passed the gate into core."""
    from marketflow.warehouse import build_core

    cfg = settings()
    with warehouse() as conn:
        summary = build_core(conn, clock=cfg.clock(), shop=cfg.shop())
    if not summary.changed:
        idle("no load has passed the gate since the last run")
    return asdict(summary)


def judge_core_tables() -> list[str]:
    """Hold the tables of core against their expectations; returns what does not hold, in words."""
    from marketflow.quality import judge_tables

    cfg = settings()
    with warehouse() as conn:
        return judge_tables(conn, warehouse_url(), clock=cfg.clock(), docs=cfg.home / "quality")


def rebuild(*, day_from: str | None, day_to: str | None) -> dict[str, Any]:
    """Merge what raw holds of these days into core once more, and write their marts anew."""
    from marketflow.warehouse import rebuild_warehouse

    cfg = settings()
    with warehouse() as conn:
        summary = rebuild_warehouse(
            conn, clock=cfg.clock(), shop=cfg.shop(), day_from=as_date(day_from), day_to=as_date(day_to)
        )
    return asdict(summary)


def forget_raw_rows() -> dict[str, int]:
    """Delete what raw need not hold any longer; returns the rows by table."""
    from marketflow.sources import forget_raw

    cfg = settings()
    if cfg.raw_retention_days is None:
        raise AirflowSkipException("MARKETFLOW_RAW_RETENTION_DAYS is not set: raw keeps everything")
    with warehouse("loader") as conn:
        return forget_raw(conn, cfg.clock(), cfg.raw_retention_days)


def forget_collected_files() -> int:
    """Delete the collector's log files that were loaded and merged; returns how many."""
    from marketflow.sources import forget_drained

    with warehouse("loader") as conn:
        return forget_drained(conn, settings().collector_log)


def forget_allowances() -> dict[str, int]:
    """Delete what limits and automatic stops do not look at any longer; rows by table."""
    from marketflow.campaigns.delivery import forget_allowances as forget

    with warehouse("sender") as conn:
        return forget(conn, settings().clock())


def forget_networks() -> int:
    """Empty what tells where people were who opened a mail or clicked, of events that are judged for good; rows."""
    from marketflow.campaigns.tracking import forget_networks as forget

    with warehouse("sender") as conn:
        return forget(conn, settings().clock())


def drop_model_runs() -> dict[str, int]:
    """Drop the rows of model runs that nobody reads any longer; returns how many runs, and how many are left."""
    from marketflow.warehouse import drop_old_runs

    cfg = settings()
    with warehouse() as conn:
        return drop_old_runs(conn, cfg.clock(), cfg.model_runs_days)


def build_mart_tables(*, force: bool) -> dict[str, Any]:
    """Rebuild what analysts and campaigns read."""
    from marketflow.warehouse import build_marts

    with warehouse() as conn:
        summary = build_marts(conn, clock=settings().clock(), force=force)
    if not summary.changed:
        idle("nothing has changed since the last run")
    return asdict(summary)


def evaluate(*, attribution_days: int | None, half_life_days: float) -> int:
    """Rebuild marts.campaign_performance and the other marts about what campaigns brought."""
    from marketflow.evaluation import evaluate_campaigns

    clock = settings().clock()
    with warehouse() as conn:
        return evaluate_campaigns(conn, clock=clock, attribution_days=attribution_days, half_life_days=half_life_days)


def judge_experiments() -> dict[str, Any]:
    """Look at the running experiments; an alarm fails nothing, it is logged and stops decisions."""
    from marketflow.evaluation.experiments import judge_experiments as judge

    with warehouse() as conn:
        return asdict(judge(conn, clock=settings().clock()))


def draw_campaigns() -> list[str]:
    """Draw one picture per campaign of what was evaluated; returns their names."""
    from marketflow.evaluation import draw_campaigns as draw

    with warehouse() as conn:
        return draw(conn, clock=settings().clock())
