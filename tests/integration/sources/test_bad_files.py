"""A file that cannot be used is entered with the reason, once; the other files arrive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landing_files import ORDER, as_csv, write
from marketflow.shared import SourceError

from .conftest import Rows, Take

GOOD = as_csv("orders", {}, {"order_id": "o2"})
FILES = [
    (b"", "the file is empty"),
    (b"\x7fELF\x02\x01\x01\x00\xff\xfe" * 500, "this is not a text file in UTF-8"),
    (as_csv("orders", {}).decode().encode("utf-16"), "this is not a text file in UTF-8"),
    (
        as_csv("products", {}),
        "the header lacks the columns order_id, quantity, amount, currency, ordered_at; it has 6 unknown ones",
    ),
    (as_csv("orders", {}).replace(b"amount", b"total", 1), "the header lacks the columns amount; it has 1 unknown"),
    (
        as_csv("orders", {"note": "hi"}, header=[*ORDER, "note"]),
        "column 'note' is new: map it, or list it under unused",
    ),
    (as_csv("orders", {}).replace(b"amount", b"amount,amount", 1), "the header names columns twice: amount"),
    (as_csv("orders", {}).replace(b",", b";"), "the header lacks the columns order_id"),
]


@pytest.mark.parametrize(("data", "reason"), FILES, ids=[r for _, r in FILES])
def test_a_file_that_cannot_be_used(landing: Path, take: Take, rows: Rows, data: bytes, reason: str) -> None:
    write(landing, "orders/2.csv", data)
    write(landing, "orders/1.csv", GOOD)
    write(landing, "orders/3.csv", as_csv("orders", {"order_id": "o3"}))
    summary = take("orders")
    assert (summary.files, summary.refused_files, summary.loaded) == (2, 1, 3)
    ((path, stored),) = rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused'")
    assert path == "orders/2.csv"
    assert reason in stored
    ((load_reason,),) = rows("SELECT reason FROM ops.loads")
    assert load_reason.startswith("1 of 3 files refused, the first: orders/2.csv: ")
    assert take("orders").load_id is None  # not entered again and again


def test_a_file_that_is_still_refused_is_told_in_each_run(
    landing: Path, take: Take, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "ab":
        write(landing, f"orders/{name}.csv", b"")
    assert take("orders").refused_files == 2
    caplog.clear()
    again = take("orders")
    assert (again.refused_files, again.still_refused) == (0, 2)  # none is new
    assert "orders: 2 files are still refused, such as orders/a.csv, orders/b.csv" in caplog.text
    write(landing, "orders/c.csv", GOOD)
    third = take("orders")
    assert (third.files, third.refused_files, third.still_refused) == (1, 0, 2)
    assert rows("SELECT count(*) FROM ops.landing_files WHERE state = 'refused'") == [(2,)]


def test_two_empty_files_are_both_named(landing: Path, take: Take, rows: Rows) -> None:
    for name in ("orders/a.csv", "orders/b.csv", "products/a.csv"):
        write(landing, name, b"")
    assert take("orders").refused_files == 2
    assert take("products").refused_files == 1
    assert rows("SELECT path FROM ops.landing_files ORDER BY 1") == [
        ("orders/a.csv",),
        ("orders/b.csv",),
        ("products/a.csv",),
    ]


def test_a_load_of_nothing_but_refused_files_is_refused(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/a.csv", b"")
    summary = take("orders")
    assert (summary.files, summary.refused_files, summary.read) == (0, 1, 0)
    assert rows("SELECT state, reason FROM ops.loads") == [
        ("refused", "1 of 1 files refused, the first: orders/a.csv: the file is empty")
    ]


def test_a_missing_folder_is_named(landing: Path, take: Take) -> None:
    (landing / "orders").rmdir()
    with pytest.raises(SourceError, match=r"landing folder .*/orders cannot be listed: No such file"):
        take("orders")


def test_a_missing_file_and_a_pipe_are_refused_and_do_not_block(landing: Path, take: Take, rows: Rows) -> None:
    (landing / "orders/gone.csv").symlink_to(landing / "nowhere")
    os.mkfifo(landing / "orders/pipe.csv")
    write(landing, "orders/z.csv", GOOD)
    assert take("orders").loaded == 2
    assert rows("SELECT path, reason FROM ops.landing_files WHERE state = 'refused' ORDER BY 1") == [
        ("orders/gone.csv", "the file cannot be read: No such file or directory"),
        ("orders/pipe.csv", "the file cannot be read: not a regular file"),
    ]


def test_reordered_columns_arrive_by_name_on_both_paths(landing: Path, take: Take, rows: Rows) -> None:
    turned = list(reversed(ORDER))
    write(landing, "orders/fast.csv", as_csv("orders", {"order_id": "fast"}, header=turned))
    write(landing, "orders/careful.csv", as_csv("orders", {"order_id": 'careful, "quoted"'}, header=turned))
    assert take("orders").loaded == 2
    assert rows("SELECT order_ref, product_ref, amount::text, currency FROM raw.order_lines ORDER BY 1") == [
        ('careful, "quoted"', "p1", "2.50", "USD"),
        ("fast", "p1", "2.50", "USD"),
    ]


def test_a_header_alone_is_a_file_without_records(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/a.csv", as_csv("orders"))
    summary = take("orders")
    assert (summary.files, summary.read) == (1, 0)
    assert rows("SELECT state, records_read FROM ops.landing_files") == [("loaded", 0)]


def test_the_first_line_of_a_file_without_header_is_not_repeated(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "customers/a.csv", as_csv("customers", {}).split(b"\n", 1)[1])
    assert take("customers").refused_files == 1
    ((reason,),) = rows("SELECT reason FROM ops.landing_files")
    assert "lacks the columns customer_id" in reason
    assert "quackenbush" not in reason.lower()


def test_any_file_name_will_do(landing: Path, take: Take, rows: Rows) -> None:
    write(landing, "orders/'; DROP TABLE x -- 🎉.csv", GOOD)
    (landing / "orders" / os.fsdecode(b"\xff\n.csv")).write_bytes(as_csv("orders", {"order_id": "o3"}))
    assert take("orders").loaded == 3
    assert {path for (path,) in rows("SELECT path FROM ops.landing_files")} == {
        "orders/'; DROP TABLE x -- 🎉.csv",
        "orders/\\xff\n.csv",
    }
