"""# Take in behaviour

Loads every new file of the landing folder `behaviour/` into `raw.events`, each file once, and lets the batch
through to `core` only if it passes the quality gate.

* **Runs** every quarter of an hour, and whenever you trigger it. One run takes all new files.
* **Bad rows** go to `ops.quarantine` with reason, file and record number; the others are loaded.
  `select * from ops.landing_files` shows what was read, loaded and quarantined per file, and why a file was refused.
* **If `judge_batch` fails**, nothing of the batch reaches `core`. The task's log and `ops.loads.reason` say why:
  mend the file, put it into the folder as well, and trigger a run with *Judge refused batches again*, if need be with
  a higher limit of bad rows. What the mended file holds anew replaces what the refused one held.
* **Clear or re-run** it at any time: a file that was loaded is not loaded again.

An Airflow DAG; everything it does is behind `marketflow.sources` and `marketflow.quality`.
"""

from marketflow.orchestration.ingest import define_ingest

ingest_behaviour = define_ingest("behaviour", cron="*/15 * * * *", doc=__doc__ or "")
