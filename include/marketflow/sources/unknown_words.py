"""Words of a sample that `replace` does not know, so that whoever writes the source file can add them.

What may be about a person is not looked at: columns that are encrypted or hashed somewhere, and whatever looks so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from marketflow.sources.contracts import contract_of
from marketflow.sources.definition import ColumnMapping, RecordMapping, Source
from marketflow.sources.header import shown

if TYPE_CHECKING:
    import pyarrow as pa

Place = tuple[str, str]  # record, column of its contract


def unknown_words(source: Source, rows: pa.Table) -> Iterator[tuple[Place, Counter[str]]]:
    """Of each column with `replace` the unknown words, shortened, and in how many of the rows they stand."""
    personal = _personal_columns(source)
    for record, mapping in source.records.items():
        for name, made in (mapping.columns or {}).items():
            if made.replace and len(made.columns) == 1 and made.columns[0] not in personal:
                yield (record, name), _unknown(source, mapping, made, rows)


def _unknown(source: Source, mapping: RecordMapping, made: ColumnMapping, rows: pa.Table) -> Counter[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    (column,) = made.columns
    if column not in rows.column_names:
        return Counter()
    if mapping.when:
        rows = rows.filter(pc.is_in(rows[mapping.when.column], pa.array(mapping.when.is_)))
    known = {*(made.replace or {}), *source.format.empty}
    found: Counter[str] = Counter()
    for pair in rows[column].combine_chunks().value_counts().to_pylist():
        if pair["values"] is not None and pair["values"] not in known:
            found[shown(pair["values"])] += pair["counts"]
    return found


def _personal_columns(source: Source) -> set[str]:
    """The source's columns of which a personal one, or a key, is made."""
    found: set[str] = set()
    for record, mapping in source.records.items():
        contract = contract_of(record)
        hidden = {c.name for c in contract.columns if c.personal or c.kind == "key"}
        found |= hidden if mapping.columns is None else set()
        for name, made in (mapping.columns or {}).items():
            found |= set(made.columns) if name in hidden else set()
    return found
