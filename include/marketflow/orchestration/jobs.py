"""The bodies of tasks: open what the work needs, call one door, return counts. A skip means: nothing to do.

A task may die after its work was committed and before Airflow heard of it. Its next try finds nothing to do; it must
wake the others all the same, or they would sleep on work that is there. So only a first try is skipped (`idle`).
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import key_ring, warehouse, warehouse_url
from marketflow.orchestration.defaults import as_date
from marketflow.shared import settings
from marketflow.warehouse import advance, position, queries

log = logging.getLogger(__name__)


def is_first_try() -> bool:
    """Is this the task's first try in this run?"""
    return int(get_current_context()["ti"].try_number) == 1


def idle(why: str) -> None:
    """Skip the task, so that it wakes nobody; unless an earlier try may have done the work and died."""
    if is_first_try():
        raise AirflowSkipException(why)
    log.info("%s; an earlier try may have done the work, so the others are woken", why)


def take_in_files(record: str) -> dict[str, Any]:
    """Load all new landing files of a record; skips when there are none and no load waits for the gate."""
    from marketflow.sources import take_in

    cfg = settings()
    with warehouse("loader") as conn:
        summary = take_in(conn, record, landing=cfg.landing, keys=key_ring(), clock=cfg.clock())
        waiting = _unjudged(conn, record)
    if summary.refused_files:
        log.warning("%s files were refused; ops.landing_files says why", summary.refused_files)
    if summary.refused_files and not waiting:
        raise AirflowFailException(f"no file of landing/{record} could be used; ops.landing_files says why")
    if not waiting:
        idle(f"no new files in landing/{record}")
    return asdict(summary)


def judge_loads(record: str, limit: float) -> list[int]:
    """Pass or refuse each load that waits before core; a refusal fails the task with the reason, for good."""
    from marketflow.quality import judge

    cfg = settings()
    refused: list[str] = []
    with warehouse("loader") as conn:
        loads = _unjudged(conn, record)
        for load_id in loads:
            verdict = judge(conn, warehouse_url(), load_id, clock=cfg.clock(), limit=limit, docs=cfg.home / "quality")
            if not verdict.passed:
                refused.append(f"load {load_id} stops before core: {verdict.reason}")
    if refused:
        raise AirflowFailException("; ".join(refused))
    return loads


def _unjudged(conn: Any, record: str) -> list[int]:
    found = conn.execute(queries("orchestration")["unjudged"], {"record": record}).fetchall()
    conn.commit()
    return [int(load_id) for (load_id,) in found]


def build_core_tables() -> dict[str, Any]:
    """Merge the loads that passed the gate into core."""
    from marketflow.warehouse import build_core

    with warehouse() as conn:
        summary = build_core(conn, clock=settings().clock())
    if not summary.changed:
        idle("no load has passed the gate since the last run")
    return asdict(summary)


def build_mart_tables(*, force: bool) -> dict[str, Any]:
    """Rebuild what analysts and campaigns read."""
    from marketflow.warehouse import build_marts

    with warehouse() as conn:
        summary = build_marts(conn, clock=settings().clock(), force=force)
    if not summary.changed:
        idle("nothing has changed since the last run")
    return asdict(summary)


def segment(*, as_of: str | None, window_days: int, is_test: bool, force: bool) -> dict[str, Any]:
    """Score and name the customers by recency, frequency and monetary value."""
    from marketflow.segments import segment_customers

    clock = settings().clock()
    with warehouse() as conn:
        seen = _work_for(conn, "segment_customers", always=force or is_test or as_of is not None)
        summary = segment_customers(conn, clock=clock, as_of=as_date(as_of), window_days=window_days, is_test=is_test)
        advance(conn, "segment_customers", seen, clock.now())
    return _published(asdict(summary))


def recommend(*, as_of: str | None, is_test: bool, force: bool, **thresholds: Any) -> dict[str, Any]:
    """Mine association rules and list products for each customer."""
    from marketflow.recommenders import recommend_products

    clock = settings().clock()
    with warehouse() as conn:
        seen = _work_for(conn, "recommend_products", always=force or is_test or as_of is not None)
        summary = recommend_products(conn, clock=clock, as_of=as_date(as_of), is_test=is_test, **thresholds)
        advance(conn, "recommend_products", seen, clock.now())
    return _published(asdict(summary))


def evaluate(*, attribution_days: int) -> int:
    """Rebuild marts.campaign_performance."""
    from marketflow.evaluation import evaluate_campaigns

    with warehouse() as conn:
        return evaluate_campaigns(conn, clock=settings().clock(), attribution_days=attribution_days)


def _work_for(conn: Any, consumer: str, *, always: bool) -> int:
    """The newest change of orders or products; skips the task when the consumer has seen it."""
    seen, newest = position(conn, consumer, ["day", "product"])
    if seen >= newest and not always:
        idle("nothing has changed since the last run")
    return newest


def _published(summary: dict[str, Any]) -> dict[str, Any]:
    """Runs that do not move the published pointer wake nobody."""
    if not summary["published"]:
        log.info("stored as run %s, not published", summary["run_id"])
        raise AirflowSkipException(f"model run {summary['run_id']} is stored, and not published")
    return summary
