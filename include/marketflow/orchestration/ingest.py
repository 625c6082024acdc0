"""Each source is a DAG of its own: take in what is new, judge it, wake `build_core`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, dag, task

from marketflow.orchestration import jobs
from marketflow.orchestration.assets import raw
from marketflow.orchestration.defaults import COMMON
from marketflow.shared import settings

if TYPE_CHECKING:
    from marketflow.sources import Source


def define_ingest(source: Source) -> DAG:
    """The DAG `ingest_<source>`."""

    @dag(
        dag_id=f"ingest_{source.name}",
        dag_display_name=f"Ingest: {source.title}",
        schedule=CronTriggerTimetable(source.schedule, timezone=settings().time_zone) if source.schedule else None,
        doc_md=_runbook(source),
        tags=["ingest", "raw", source.system],
        params=_form(source),
        **{**COMMON, "default_args": {**COMMON["default_args"], "owner": source.owner}},
    )
    def ingest() -> None:
        @task
        def load_new(params: dict[str, Any] | None = None) -> dict[str, Any]:
            return jobs.take_in_source(source, again=(params or {})["again"])

        @task(outlets=[raw(source.name)])
        def judge_batch(params: dict[str, Any] | None = None) -> list[int]:
            form = params or {}
            return jobs.judge_loads(source, form["quarantine_limit"], again=form["again"])

        load_new() >> judge_batch()

    return ingest()


def _form(source: Source) -> dict[str, Param]:
    allowed = source.quality.quarantined
    return {
        "quarantine_limit": Param(
            settings().quarantine_limit if allowed is None else allowed,
            type="number",
            minimum=0,
            maximum=1,
            title="Bad rows allowed",
            description_md="Share of bad rows (0 to 1) above which the whole load stops before `core`.",
        ),
        "again": Param(
            default=False,
            type="boolean",
            title="Judge refused loads again",
            description_md="After a load was refused: judge it once more, with the limit above.",
        ),
    }


_RUNBOOK = """# {title}

Takes {records} into `raw`, each file or window of rows once, and lets the load through to `core` only if it passes the
quality gate. Its numbers are those of the system `{system}`.

Defined in `include/sources/{name}.yaml`; `marketflow source check include/sources/{name}.yaml` says what would happen,
before anything does.

* **Bad rows** go to `ops.quarantine` with reason, file and record number; the others are loaded. `ops.landing_files`
  shows what was read, loaded and quarantined per file, and why a file was refused.
* **If `judge_batch` fails**, nothing of the load reaches `core`. The task's log and `ops.loads.reason` say why: mend
  the source file or deliver a mended file, and trigger a run with *Judge refused loads again*, if need be with a
  higher limit of bad rows. `replay_quarantine` loads rows that were repaired.
* **Clear or re-run** it at any time: what was loaded is not loaded again.
"""


def _runbook(source: Source) -> str:
    records = ", ".join(f"`{record}`" for record in source.records)
    return _RUNBOOK.format(title=source.title, name=source.name, system=source.system, records=records)
