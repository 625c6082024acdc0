"""Mapping: from a source's columns to the rows of its records, good and bad, by one statement per source and header.

Reads:  blocks of texts; the source file and the contracts.
Writes: nothing; gives rows for COPY and for quarantine.
Never:  opens a file or a socket (DuckDB runs in memory, shut off), lets a value into an error.
"""

from marketflow.sources.mapping.engine import Mapper, database
from marketflow.sources.mapping.portion import Judged, Part, Portion, Quarantined

__all__ = ["Judged", "Mapper", "Part", "Portion", "Quarantined", "database"]
