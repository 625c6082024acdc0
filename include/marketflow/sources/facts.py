"""What the rows of a record say together: how many different things, when, in which currencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from marketflow.sources.contracts import Contract

if TYPE_CHECKING:
    import pyarrow as pa

_PLACE = ("load_id", "file_id", "record_no", "version_at")
_WORDS = {"order_ref": "orders", "customer_ref": "customers", "product_ref": "products", "store_ref": "stores"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of one record. `things`: how many different ones there are, by what people call them."""

    rows: int
    things: dict[str, int] = field(default_factory=dict)
    without_customer: int = 0
    first: str | None = None  # the earliest and latest time or day of what happened
    last: str | None = None
    currencies: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    deletions: int = 0
    alike: int = 0  # rows that say the same as another, in all columns
    again: int = 0  # rows about a key that an earlier row was about (no matter for orders: lines)


def facts_of(contract: Contract, tables: Sequence[pa.Table]) -> Facts:
    """`tables`: rows for raw, as texts, without those of bytea."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.concat_tables(tables)
    names = set(table.column_names)
    times = sorted(
        t.as_py()
        for column in contract.columns
        if column.kind in ("instant", "day") and not column.personal and column.target in names - set(_PLACE)
        for t in pc.min_max(table[column.target]).values()
        if t.is_valid
    )
    rows = table.select([n for n in table.column_names if n not in _PLACE])
    keys = [t for k in contract.key if (t := contract.column(k).target) in names and not contract.column(k).personal]
    return Facts(
        rows=len(table),
        things={word: pc.count_distinct(table[n]).as_py() for n, word in _WORDS.items() if n in names},
        without_customer=table["customer_ref"].null_count if "customer_ref" in names else 0,
        first=times[0] if times else None,
        last=times[-1] if times else None,
        currencies=_counted(table, "currency"),
        kinds=_counted(table, "kind"),
        deletions=_counted(table, "is_deleted")["true"],
        alike=_repeated(rows) if not contract.has_personal_data else 0,
        again=_repeated(table.select(keys)) if contract.record != "orders" and keys else 0,
    )


def _counted(table: pa.Table, name: str) -> Counter[str]:
    if name not in table.column_names:
        return Counter()
    found = table[name].combine_chunks().value_counts().to_pylist()
    return Counter({str(pair["values"]): pair["counts"] for pair in found if pair["values"] is not None})


def _repeated(rows: pa.Table) -> int:
    """How many rows say what an earlier one has said."""
    return len(rows) - len(rows.group_by(rows.column_names).aggregate([]))
