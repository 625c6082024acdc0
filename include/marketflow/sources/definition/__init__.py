"""Definition: `include/sources/<name>.yaml`, one file per source, checked before anything else happens.

Reads:  the folder of sources (files only: this runs each time a DAG file is parsed).
Writes: nothing; `python -m marketflow.sources.definition` prints the JSON Schema for editors.
Never:  opens a database or a file of data.
"""

from marketflow.sources.definition.columns import ColumnMapping, Condition, RecordMapping
from marketflow.sources.definition.load import FoundSources, find_sources, load_source, load_sources
from marketflow.sources.definition.model import Format, Origin, Quality, Source, SourceFile, SqlOrigin, source_schema

__all__ = [
    "ColumnMapping",
    "Condition",
    "Format",
    "FoundSources",
    "Origin",
    "Quality",
    "RecordMapping",
    "Source",
    "SourceFile",
    "SqlOrigin",
    "find_sources",
    "load_source",
    "load_sources",
    "source_schema",
]
