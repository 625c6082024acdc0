"""What is judged stays beside its record number and its file, however the rows come in pieces."""

# ruff: noqa: TID253 - Arrow is what goes in and comes out

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from marketflow.privacy import KeyRing, generate_key_ring
from marketflow.sources import load_source
from marketflow.sources.mapping import Mapper, Part, database
from marketflow.sources.readers.block import Block

YAML = """title: Products
owner: tests
from: {folder: any}
schedule: null
records:
  products:
    columns: {product_id: id, list_price: price, updated_at: at}
"""
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def part(file_id: int, first: int, rows: int) -> Part:
    ids = [str(n) for n in range(first, first + rows)]
    table = pa.table(
        {"id": ids, "price": ["1.50" if int(n) % 10 else "bad" for n in ids], "at": ["2025-01-01T00:00:00Z"] * rows}
    )
    return Part(file_id=file_id, version_at=AT, block=Block(pa.array(map(int, ids), pa.int32()), table))


@pytest.mark.parametrize(
    "sizes", [[38_939, 38_836], [30, 2_050, 30, 4_000], [5_000, 20, 5_000], [2_049, 63, 2_048], [1, 1, 1]]
)
def test_rows_of_several_blocks(tmp_path: Path, sizes: list[int]) -> None:
    (tmp_path / "any.yaml").write_text(YAML)
    source, keys = load_source(tmp_path / "any.yaml"), KeyRing.from_json(generate_key_ring())
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    parts = [part(n, start, rows) for n, (start, rows) in enumerate(zip(starts, sizes, strict=True))]
    with database(tmp_path / "scratch") as con:
        mapper = Mapper(con, source, ("id", "price", "at"), keys=keys, latest=AT, country="US")
        portion = mapper.map(1, parts)
    made = portion.copies["products"]
    assert [str(number) for number in made["record_no"].to_pylist()] == made["product_ref"].to_pylist()
    files = [n for n, rows in enumerate(sizes) for _ in range(rows)]
    assert made["file_id"].to_pylist() == [files[number] for number in made["record_no"].to_pylist()]
    assert sorted(bad.record_no for bad in portion.bad) == list(range(0, sum(sizes), 10))
