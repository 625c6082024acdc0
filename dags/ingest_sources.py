"""# Sources

One Airflow DAG `ingest_<name>` for each file `include/sources/<name>.yaml` that can be read; `broken_sources.py` tells
of the others. A source's own page shows its runbook.
"""

from marketflow.orchestration.ingest import define_ingest
from marketflow.sources import find_sources

for source in find_sources().good:
    globals()[f"ingest_{source.name}"] = define_ingest(source)
