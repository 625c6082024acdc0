"""Writes the landing files: one folder per record, orders and behaviour by local day, each file whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketflow.sources.complete_journey import tables

if TYPE_CHECKING:
    import pyarrow as pa

_MARKER = ".complete-journey.json"
_FORMAT = 2  # raise when the files' content changes: an older landing is then written anew
_LAST_DAY = "2017-12-31"
_MOVED_ORDERS = 2
# One reason each; {} is a real product. They stand between two real orders, which must arrive.
_BAD_ROWS = (
    "bad-1,1,367,,1,2.99,0.00,0.00,USD,2017-12-31T10:00:00-05:00",  # no product
    "bad-2,1,367,{},-1,2.99,0.00,0.00,USD,2017-12-31T10:00:00-05:00",  # negative quantity
    "bad-3,1,367,{},1,two dollars,0.00,0.00,USD,2017-12-31T10:00:00-05:00",  # an amount that is not a number
    "bad-4,1,367,{},1,2.99,0.00,0.00,USD,0001-01-01T00:00:00-05:00",  # before all shops
    "bad-5,1,367,{},1,2.99,0.00,0.00,USD,9999-12-31T10:00:00-05:00",  # after the business day
    "bad-6,1,367,{},1",  # half a record
)


@dataclass(frozen=True, kw_only=True)
class LandingSummary:
    """What stands in the landing folder: numbers of files and of records (bad rows apart)."""

    files: int
    order_lines: int
    bad_rows: int
    customers: int
    products: int
    events: int
    campaigns: int
    coupons: int


def write_landing(target: Path, *, bad_rows: bool = True) -> LandingSummary:
    """Write the whole export into `target`; an export that is complete already is left as it is.

    With `bad_rows` one more file of orders holds six bad rows between two orders of the last day.
    The bytes are the same each time, so files that were loaded before are not loaded again.
    """
    done = _complete(target, bad_rows)
    if done is not None:
        return done
    counts = {
        "customers": _write_whole(target / "customers" / "customers.csv", tables.customers()),
        "products": _write_whole(target / "products" / "products.csv", tables.products()),
        "campaigns": _write_whole(target / "campaigns" / "campaigns.csv", tables.campaigns()),
        "coupons": _write_whole(target / "coupons" / "coupons.csv", tables.coupons()),
        "events": _write_days(target / "behaviour", tables.behaviour()),
        "order_lines": _write_orders(target / "orders", tables.order_lines(), bad_rows),
    }
    files = sorted(str(f.relative_to(target)) for f in target.glob("*/*.csv"))
    summary = LandingSummary(files=len(files), bad_rows=len(_BAD_ROWS) if bad_rows else 0, **counts)
    marker = {"format": _FORMAT, "files": files, "summary": asdict(summary)}
    _replace(target / _MARKER, lambda path: path.write_text(json.dumps(marker)))
    return summary


def _complete(target: Path, bad_rows: bool) -> LandingSummary | None:
    try:
        marker = json.loads((target / _MARKER).read_text())
        summary = LandingSummary(**marker["summary"])
        whole = marker["format"] == _FORMAT and all((target / f).exists() for f in marker["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return summary if whole and (summary.bad_rows > 0) == bad_rows else None


def _write_orders(folder: Path, lines: pa.Table, bad_rows: bool) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    spoiled = folder / f"{_LAST_DAY}-bad-rows.csv"
    if not bad_rows:
        spoiled.unlink(missing_ok=True)
        return _write_days(folder, lines)
    orders = pc.unique(lines.filter(pc.equal(lines["day"], _LAST_DAY))["order_id"]).to_pylist()[-_MOVED_ORDERS:]
    moved = pc.is_in(lines["order_id"], value_set=pa.array(orders))
    _write_spoiled(spoiled, lines.filter(moved).drop_columns(["day"]))
    return _write_days(folder, lines.filter(pc.invert(moved))) + len(lines.filter(moved))


def _write_spoiled(path: Path, good: pa.Table) -> None:
    """Every bad row stands beside a good one."""
    rows = [",".join(row.values()) for row in good.to_pylist()]
    product = good["product_id"][0].as_py()
    for place, bad in enumerate(_BAD_ROWS):
        rows.insert(min(2 * place + 1, len(rows)), bad.format(product))
    text = "\n".join([",".join(good.column_names), *rows]) + "\n"
    _replace(path, lambda temporary: temporary.write_text(text))


def _write_days(folder: Path, table: pa.Table) -> int:
    """One file per value of the last column, `day`, by which the table is ordered."""
    rows = table.drop_columns(["day"])
    for day, start, length in _runs(table["day"]):
        _write_whole(folder / f"{day}.csv", rows.slice(start, length))
    return len(table)


def _runs(column: Any) -> Iterator[tuple[str, int, int]]:
    import pyarrow.compute as pc

    start = 0
    for run in pc.value_counts(column).to_pylist():  # in order of first appearance, and days are contiguous
        yield run["values"], start, run["counts"]
        start += run["counts"]


def _write_whole(path: Path, table: pa.Table) -> int:
    import pyarrow.csv as pc_csv

    # Arrow quotes every text or none; with none it raises for a value that would need quotes, and no value does.
    options = pc_csv.WriteOptions(include_header=False, quoting_style="none")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as out:
            out.write(",".join(table.column_names).encode() + b"\n")
            pc_csv.write_csv(table, out, options)

    _replace(path, write)
    return len(table)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside `path`, then rename: readers see the whole file or none. Names with a dot are no landing files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
