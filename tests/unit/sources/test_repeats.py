"""A row that a file says again is stored once, wherever its repeats stand; nothing else is left out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.sources import contract_of
from marketflow.sources.mapping import database, repeats
from marketflow.sources.mapping.rows import RowMaker

if TYPE_CHECKING:
    import pyarrow as pa

AT = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
REFS, NAMES = st.sampled_from(["p1", "p2", "p3", None]), st.sampled_from(["", "Pan", "Pot", None])
ROWS = st.lists(st.tuples(st.sampled_from([1, 2]), REFS, NAMES), max_size=12)
Row = tuple[int, str | None, str | None]


def blocks_of(blocks: list[list[Row]], scratch: Path) -> list[Row]:
    """What is stored of blocks of products that come one after the other."""
    import pyarrow as pa

    columns = [c for c in contract_of("products").columns if c.name in ("product_id", "product_name")]
    stored: list[Row] = []
    with database(scratch) as con:
        keys = KeyRing.from_json(generate_key_ring())
        maker = RowMaker(con, contract_of("products"), columns, keys, "GB", distinct=True)
        for block in blocks:
            place = {
                "load_id": pa.array([1] * len(block), pa.int64()),
                "file_id": pa.array([file for file, _, _ in block], pa.int64()),
                "record_no": pa.array(range(len(block)), pa.int32()),
                "version_at": pa.array([AT] * len(block), pa.timestamp("us", "UTC")),
            }
            judged = pa.table({
                "products.product_ref": pa.array([ref for _, ref, _ in block], pa.string()),
                "products.product_name": pa.array([name for _, _, name in block], pa.string()),
            })  # fmt: skip
            stored += rows_of(maker.make(judged, place, None))
    return stored


def table(rows: list[Row]) -> pa.Table:
    import pyarrow as pa

    return pa.table({"file_id": [file for file, _, _ in rows], "product_ref": [ref for _, ref, _ in rows]})


def rows_of(table: pa.Table) -> list[Row]:
    return list(zip(*(table[c].to_pylist() for c in ("file_id", "product_ref", "product_name")), strict=True))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5), st.sampled_from([0, 1, 2, 1 << 15]))
def test_each_row_is_stored_once(scratch: Path, blocks: list[list[Row]], room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_ROWS", room)
        stored = blocks_of(blocks, scratch)
    assert len(stored) == len(set(stored))
    assert set(stored) == {row for block in blocks for row in block}


def test_what_is_kept_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_BYTES", 2_000)
    kept = repeats.Repeats(["product_ref"])
    rows = table([(1, f"{n:100}", None) for n in range(100)])
    kept.are_new(rows)
    kept.add(rows)
    assert kept._rows is not None
    assert 0 < kept._rows.nbytes < 2_500
    kept.add(rows)
    assert kept._rows.nbytes < 2_500


def test_repeats_in_later_blocks_need_no_digest(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    once = RowMaker._once
    monkeypatch.setattr(RowMaker, "_once", lambda maker, rows: looked.append(len(rows)) or once(maker, rows))
    block: list[Row] = [(1, "p1", "Pan"), (1, "p2", None), (1, None, "Pot")]
    again: list[Row] = [*block, (1, "p1", "Wok"), (1, "p2", "")]
    assert blocks_of([block, again, again, [(2, "p1", "Pan")]], scratch) == [
        *block, (1, "p1", "Wok"), (1, "p2", ""), (2, "p1", "Pan"),
    ]  # fmt: skip
    assert looked == [3, 2, 2, 1]  # of a key one row is remembered; the second one has its digest
