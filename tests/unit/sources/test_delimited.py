"""The CSV reader: stretches by Arrow and records read with care are the same, in any dialect, encoding and damage."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketflow.sources.definition import Format
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers import delimited
from marketflow.sources.readers.delimited import CsvReader
from marketflow.sources.readers.transcode import as_utf8
from marketflow.sources.records import Dialect, read_records

Read = tuple[list[tuple[int, list[str]]], list[tuple[int, str, bool]]]
HEADER = "a,b,c\n"


def read(data: bytes, **form: Any) -> Read:
    """Good rows and bad records, by number."""
    made = Format(**form)
    reader = CsvReader(as_utf8(io.BytesIO(data), made.encoding), made)
    good, bad = [], []
    for block in reader.blocks():
        rows = [list(row.values()) for row in block.rows.to_pylist()]
        good += list(zip(block.numbers.to_pylist(), rows, strict=True))
        bad += [(b.number, b.reason, b.unfinished) for b in block.bad]
    return good, bad


def with_care(data: bytes, **form: Any) -> Read:
    """The same by the careful reader alone."""
    made = Format(**form)
    stream = io.BytesIO(data)
    stream.readline()
    records = list(read_records(stream, 3, Dialect(made.delimiter, made.quote)))
    good = [(r.number, r.fields) for r in records if r.fields is not None]
    return good, [(r.number, r.reason or "", r.unfinished) for r in records if r.fields is None]


FIELD = st.one_of(
    st.sampled_from(
        ["", "x", '"', "'", ",", ";", "\n", "\r\n", "\r", "a\tb", " ", "é", "🎉", "NULL", "\\", "\\n", "x" * 300]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)
LINES = st.one_of(
    st.lists(FIELD, min_size=3, max_size=3).map(lambda row: ("row", row)),
    st.binary(max_size=12).map(lambda data: ("bytes", data)),
    st.sampled_from([b"1,2\n", b"1,2,3,4\n", b'"open,2,3\n', b"\n", b"\r\n", b"1;2;3\n", b"a\xff,2,3\n", b"a\0,2,3\n",
                     b'1,2"3,4\n', b'1,"2"3,4\n', b"1,2\r3,4\n", b"1,2,3"]).map(lambda data: ("bytes", data)),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    lines=st.lists(LINES, max_size=12), delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quote=st.sampled_from(['"', "'", ""]), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]), copies=st.sampled_from([1, 40]),
)  # fmt: skip
def test_stretches_and_care_agree(  # noqa: PLR0917 - hypothesis gives them by name
    lines: list[Any], delimiter: str, quote: str, quoting: int, end: str, copies: int
) -> None:
    out = io.StringIO(newline="")
    if quote:
        writer = csv.writer(out, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    body = b""
    for kind, what in lines:
        if kind == "row" and quote:
            writer.writerow(what)
            body += out.getvalue().encode()
            out.seek(0)
            out.truncate()
        elif kind == "row":
            body += (delimiter.join(f.replace(delimiter, "") for f in what) + end).encode()
        else:
            body += what
    data = f"a{delimiter}b{delimiter}c\n".encode() + body * copies
    form = {"delimiter": delimiter, "quote": quote}
    assert read(data, **form) == with_care(data, **form)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(LINES, max_size=12), piece=st.integers(1, 40))
def test_where_the_pieces_end_makes_no_difference(lines: list[Any], piece: int) -> None:
    data = HEADER.encode() + b"".join(
        what if kind == "bytes" else (",".join('"' + f.replace('"', '""') + '"' for f in what) + "\n").encode()
        for kind, what in lines
    )

    class Slowly(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or piece, piece) if size != -1 else piece)

    good, bad = [], []
    reader = CsvReader(Slowly(data), Format())
    for block in reader.blocks():
        good += list(zip(block.numbers.to_pylist(), [list(r.values()) for r in block.rows.to_pylist()], strict=True))
        bad += [(b.number, b.reason, b.unfinished) for b in block.bad]
    assert (good, bad) == with_care(data)


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [("utf-8", b"\xef\xbb\xbf"), ("windows-1252", b""), ("iso-8859-15", b""), ("utf-16", b""), ("utf-16-le", b"\xff\xfe"),
     ("shift_jis", b""), ("gb18030", b""), ("cp437", b"")],
)  # fmt: skip
def test_encodings_and_marks(encoding: str, bom: bytes) -> None:
    word = {"shift_jis": "東京", "gb18030": "北京🎉", "utf-16": "Zürich 🎉"}.get(encoding, "Zürich")
    data = bom + f'a,b,c\n1,{word},3\n"4\n5",6,7\n'.encode(encoding)
    assert read(data, encoding=encoding) == ([(1, ["1", word, "3"]), (2, ["4\n5", "6", "7"])], [])


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8", "cp1253"])
def test_bytes_that_do_not_decode_cost_one_record(encoding: str) -> None:
    bad = b"\x81" if encoding != "cp1253" else b"\xd2"
    data = b"a,b,c\n1,2,3\n4," + bad + b",6\n7,8,9\n"
    good, faults = read(data, encoding=encoding)
    shown = "UTF-8" if encoding == "utf-8" else encoding
    assert [n for n, _ in good] == [1, 3]
    assert faults == [(2, f"the record is not {shown}", False)]


def test_a_record_that_is_no_row_is_told_even_when_only_blank_lines_are_beside_it() -> None:
    assert read(b"a,b,c\n\n\0") == ([], [(1, "the record holds a NUL byte", True)])


def test_a_multi_byte_delimiter_is_read_with_care() -> None:
    assert read("a§b§c\n1§2§3\n".encode(), delimiter="§") == ([(1, ["1", "2", "3"])], [])


def test_a_file_without_header_begins_with_its_first_record() -> None:
    assert read(b"\xef\xbb\xbf1,2\n3,4\n", header=False, columns=("x", "y")) == ([(1, ["1", "2"]), (2, ["3", "4"])], [])
    with pytest.raises(HeaderRefused, match="empty"):
        read(b"", header=False, columns=("x", "y"))


def test_a_file_with_one_column() -> None:
    assert read(b'a\n1\n\n""\n3\n') == ([(1, ["1"]), (2, [""]), (3, ["3"])], [])


@pytest.mark.parametrize("header", ["a,b,c\n", "a,b,c\r\n"])
def test_a_file_of_one_row_is_told_to_be_cut(header: str) -> None:
    reader = CsvReader(io.BytesIO(f"{header}1,2,3\n4,5,6".encode()), Format())
    assert sum(len(b.numbers) for b in reader.blocks()) == 2
    assert reader.unfinished


HOSTILE = {
    "quotes": b'1,"2""3",4\n' * 100_000,
    "one quote in the middle": b"1,2,3\n" * 100_000 + b'1,2"x,3\n' + b"1,2,3\n" * 100_000,
    "odd quotes everywhere": b'1,2"x,3\n' * 50_000,
    "ragged now and then": (b"1,2,3\n" * 500 + b"1,2\n") * 300,
    "not UTF-8 now and then": (b"1,2,3\n" * 500 + b"1,\xff,3\n") * 300,
    "unclosed quotes now and then": (b"1,2,3\n" * 500 + b'1,"2,3\n') * 100,
    "a line of 30 MB": b"1," + b"x" * (30 << 20) + b",3\n",
    "an opened quote and 30 MB": b'1,"' + b"x" * (30 << 20),
    "commas": b"," * (2 << 20) + b"\n",
    "quotes only": b'"' * (2 << 20) + b"\n",
    "blank lines": b"\n" * (2 << 20),
    "long fields": (b"1," + b"x" * 130_000 + b",3\n") * 100,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_files_take_linear_time(data: bytes) -> None:
    started = time.process_time()
    good, bad = read(HEADER.encode() + data)
    taken = time.process_time() - started
    same = (good, bad) == with_care(HEADER.encode() + data)
    assert same  # pytest would spend minutes on the difference
    assert taken < 10  # quadratic time takes minutes


def test_plain_and_well_formed_lines_do_go_by_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "RecordReader", None)  # what is read with care would fail
    for line in (b"1,2,3\n", b'1,"2, ""two""",3\r\n', b'"1\n1",2,3\n', b",,\n"):
        good, bad = read(HEADER.encode() + line * 50_000)
        assert (len(good), bad) == (50_000, [])


def test_blocks_are_bounded() -> None:
    reader = CsvReader(io.BytesIO(HEADER.encode() + b"1,2,3\n" * 3_000_000), Format())
    sizes = [(len(b.numbers), b.rows.nbytes) for b in reader.blocks()]
    assert sum(n for n, _ in sizes) == 3_000_000
    assert max(n for n, _ in sizes) <= 100_000
