"""Quality: the gate between raw and core; Great Expectations judges a load by its record's contract.

Reads:  raw.*, ops.loads, ops.quarantine; the contracts of `sources`.
Writes: ops.quality_results, the verdict in ops.loads, Data Docs in a folder that the caller names.
Never:  changes a row of raw, looks at a personal column, judges a load that core has merged.
"""

from marketflow.quality.gate import Verdict, judge, waiting_loads

__all__ = ["Verdict", "judge", "waiting_loads"]
