"""The four ingest DAGs are alike: take in the new files, judge the batch, wake `build_core`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, dag, task

from marketflow.orchestration import jobs
from marketflow.orchestration.assets import RAW
from marketflow.orchestration.defaults import COMMON
from marketflow.shared import settings


def define_ingest(record: str, *, cron: str, doc: str) -> DAG:
    """The DAG `ingest_<record>`; `doc` is its runbook."""

    @dag(
        dag_id=f"ingest_{record}",
        schedule=CronTriggerTimetable(cron, timezone=settings().time_zone),
        doc_md=doc,
        tags=["ingest", "raw"],
        params={
            "quarantine_limit": Param(
                settings().quarantine_limit,
                type="number",
                minimum=0,
                maximum=1,
                title="Bad rows allowed",
                description_md="Share of bad rows (0 to 1) above which the whole batch stops before `core`.",
            ),
            "again": Param(
                default=False,
                type="boolean",
                title="Judge refused batches again",
                description_md="After a batch was refused: judge it once more, with the limit above.",
            ),
        },
        **COMMON,
    )
    def ingest() -> None:
        @task
        def load_files(params: dict[str, Any] | None = None) -> dict[str, Any]:
            return jobs.take_in_files(record, again=(params or {})["again"])

        @task(outlets=[RAW[record]])
        def judge_batch(params: dict[str, Any] | None = None) -> list[int]:
            form = params or {}
            return jobs.judge_loads(record, form["quarantine_limit"], again=form["again"])

        load_files() >> judge_batch()

    return ingest()
