"""# Replay rows from quarantine

Reads rows of a source that were put into quarantine once more, as its source file is today, and loads those that are
good now. Mend the source file (or say the *repairs*), then start this DAG.

* **Started** by hand only. It begins as a dry run: that says how many rows would arrive and what is wrong with the
  others (the task's log and XCom), and changes nothing. Then start it again without.
* **Repairs** are set on every selected row before it is read: `{"Quantity": "1", "Comment": null}` by the file's own
  column names. Narrow the selection to the rows that they are meant for.
* **Each row arrives once**, however often this runs, with the file, the number and the time that it had: an old row
  never replaces a newer version. Rows that are still bad wait on, with what is wrong with them now.
* **Left alone** are rows that were never told apart into columns (deliver the file again, mended), and rows of loads
  that the gate refused (judge those first).
* **The load** is judged and merged like any other. Who started this stands in `privacy.audit_log`, since payloads in
  quarantine may be personal.
* **Clear or re-run** it at any time.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from marketflow.orchestration import assets, replay
from marketflow.orchestration.defaults import COMMON, day
from marketflow.shared import settings
from marketflow.sources import find_sources


@dag(
    schedule=None,
    doc_md=__doc__,
    tags=["ingest", "raw", "quality"],
    params={
        "source": Param(
            type="string",
            enum=[source.name for source in find_sources(settings().sources).good] or ["none"],
            title="Source",
            description_md="Whose rows.",
        ),
        "dry_run": Param(
            default=True,
            type="boolean",
            title="Dry run",
            description_md="Only say what would arrive and what would not.",
        ),
        "repairs": Param(
            "{}",
            type=["null", "string"],
            maxLength=10_000,
            title="Repairs",
            description_md='JSON: column of the file → value, such as `{"Quantity": "1"}`; null: absent.',
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Reason",
            description_md="Only rows whose reason contains this. Empty: any.",
            section="Which rows",
        ),
        "load": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Load",
            description_md="Only rows that this load left behind.",
            section="Which rows",
        ),
        "from": day("First day", "Only rows put into quarantine from this day on.", section="Which rows"),
        "to": day("Last day", "Only rows put into quarantine up to and with this day.", section="Which rows"),
        "numbers": Param(
            None,
            type=["null", "array"],
            items={"type": "integer", "minimum": 1},
            title="Record numbers",
            description_md="Only rows of these numbers; each file counts from 1, so name the load as well.",
            section="Which rows",
        ),
    },
    **COMMON,
)
def replay_quarantine() -> None:
    """Wire the DAG."""

    @task
    def replay_rows(params: dict[str, Any] | None = None) -> dict[str, Any]:
        return replay.replay_rows(params or {})

    @task(outlets=[assets.REPLAYED])
    def judge_batch(params: dict[str, Any] | None = None) -> list[int]:
        return replay.judge_replayed(params or {})

    replay_rows() >> judge_batch()


replay_quarantine()
