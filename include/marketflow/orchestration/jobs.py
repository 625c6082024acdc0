"""The bodies of tasks: open what the work needs, call one door, return counts. A skip means: nothing to do.

A task may die after its work was committed and before Airflow heard of it. Its next try finds nothing to do; it must
wake the others all the same, or they would sleep on work that is there. So only a first try is skipped (`idle`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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


def take_in_files(record: str, *, again: bool) -> dict[str, Any]:
    """Load all new landing files of a record; skips when there are none and no load waits for the gate.

    `again`: loads that the gate refused are to be judged once more.
    """
    from marketflow.sources import take_in

    cfg = settings()
    with warehouse("loader") as conn:
        summary = take_in(conn, record, landing=cfg.landing, keys=key_ring(), clock=cfg.clock())
        waiting = _waiting(conn, record, again=again)
    if summary.refused_files:
        log.warning("%s files were refused; ops.landing_files says why", summary.refused_files)
    if summary.refused_files and not waiting:
        raise AirflowFailException(f"no file of landing/{record} could be used; ops.landing_files says why")
    if not waiting:
        idle(f"no new files in landing/{record}")
    return asdict(summary)


def judge_loads(record: str, limit: float, *, again: bool) -> list[int]:
    """Pass or refuse each load that waits before core; a refusal fails the task with the reason, for good.

    Returns the loads that `build_core` may take. One that passed beside a refused one is announced by the next run.
    """
    from marketflow.quality import judge

    cfg = settings()
    refused: list[str] = []
    with warehouse("loader") as conn:
        loads = _waiting(conn, record, again=again)
        for load_id in (load for load, state in loads.items() if state != "passed"):
            verdict = judge(conn, warehouse_url(), load_id, clock=cfg.clock(), limit=limit, docs=cfg.home / "quality")
            if not verdict.passed:
                refused.append(f"load {load_id} stops before core: {verdict.reason}")
    if refused:
        raise AirflowFailException("; ".join(refused))
    return list(loads)


def _waiting(conn: Any, record: str, *, again: bool) -> dict[int, str]:
    values = {"record": record, "again": again}
    found = conn.execute(queries("orchestration")["waiting_loads"], values).fetchall()
    conn.commit()
    return {int(load_id): str(state) for load_id, state in found}


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

    def model(conn: Any) -> Any:
        return segment_customers(
            conn, clock=settings().clock(), as_of=as_date(as_of), window_days=window_days, is_test=is_test
        )

    return _learn("segment_customers", model, always=force or is_test or as_of is not None)


def recommend(*, as_of: str | None, is_test: bool, force: bool, **thresholds: Any) -> dict[str, Any]:
    """Mine association rules and list products for each customer."""
    from marketflow.recommenders import recommend_products

    def model(conn: Any) -> Any:
        return recommend_products(conn, clock=settings().clock(), as_of=as_date(as_of), is_test=is_test, **thresholds)

    return _learn("recommend_products", model, always=force or is_test or as_of is not None)


def _learn(consumer: str, model: Callable[[Any], Any], *, always: bool) -> dict[str, Any]:
    """Run a model when orders or products have changed since its last published run.

    Other changes (a customer's record, behaviour) need no new run, but the marts have to hear of them.
    """
    with warehouse() as conn:
        seen, newest = position(conn, consumer, ["day", "product"])
        if seen >= newest and not always:
            marts, changes = position(conn, "build_marts")
            if marts >= changes:
                idle("nothing has changed since the last run")
            return {"published": False}
        summary = model(conn)
        if summary.published:
            # a test, or a run as of another day, has not done the work of the run that was woken
            advance(conn, consumer, newest, settings().clock().now())
    if not summary.published:
        raise AirflowSkipException(f"model run {summary.run_id} is stored, and not published")
    return asdict(summary)


def evaluate(*, attribution_days: int | None) -> int:
    """Rebuild marts.campaign_performance."""
    from marketflow.evaluation import evaluate_campaigns

    with warehouse() as conn:
        return evaluate_campaigns(conn, clock=settings().clock(), attribution_days=attribution_days)
