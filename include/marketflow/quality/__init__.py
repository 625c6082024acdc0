"""Quality: the gate between raw and core, and the judges of the tables; both speak through Great Expectations.

Reads:  raw.*, core.*, ops.loads, ops.landing_files, ops.quarantine; contracts and thresholds of `sources`; table.yaml.
Writes: ops.quality_results, the verdict in ops.loads, Data Docs in a folder that the caller names.
Never:  changes a row of raw or core, looks at a personal column, judges a load that core has merged.
"""

from marketflow.quality.freshness import judge_freshness, stale_tables
from marketflow.quality.gate import Verdict, judge
from marketflow.quality.tables import judge_tables

__all__ = ["Verdict", "judge", "judge_freshness", "judge_tables", "stale_tables"]
