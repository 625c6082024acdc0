"""The reader of records: after any damage the next line is read as if nothing had been."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.sources.errors import HeaderRefused
from marketflow.sources.readers.block import KEPT, LIMIT
from marketflow.sources.records import Record, read_header, read_records


def records(text: str | bytes, width: int = 3) -> list[Record]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_records(io.BytesIO(data), width))


def fields(text: str | bytes) -> list[list[str] | None]:
    return [r.fields for r in records(text)]


def test_records_are_numbered_from_one_and_blank_lines_are_none() -> None:
    assert [(r.number, r.fields) for r in records("a,b,c\n\n1,2,3\r\n\n")] == [
        (1, ["a", "b", "c"]),
        (2, ["1", "2", "3"]),
    ]


def test_quotes_hold_commas_quotes_and_line_ends() -> None:
    assert fields('"a,b","say ""hi""","one\ntwo"\n1,2,3\n') == [["a,b", 'say "hi"', "one\ntwo"], ["1", "2", "3"]]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"1,2", "2 fields instead of 3"),
        (b"1,2,3,4", "4 fields instead of 3"),
        (b"1,\xff\xfe,3", "the record is not UTF-8"),
        (b"1,\x00,3", "the record holds a NUL byte"),
        (b'1,"2"x,3', "quotes or line ends within the record do not fit"),
        (b"1,2\r3,4", "quotes or line ends within the record do not fit"),
        (b'1,"2,3', "quotes or line ends within the record do not fit"),
        (b"1," + b"x" * 200_000 + b",3", "a field is longer than 128 KiB"),
        (b"1," + b"x" * (10 << 20) + b",3", "the record is longer than 1 MiB"),
    ],
)
def test_neighbours_of_damage_arrive(damage: bytes, reason: str) -> None:
    found = records(b"a,b,c\n" + damage + b'\nd,"e",f\ng,h,i\n')
    assert [r.fields for r in found] == [["a", "b", "c"], None, ["d", "e", "f"], ["g", "h", "i"]]
    assert found[1].reason == reason
    assert found[1].size == len(damage) + 1
    assert len(found[1].payload) <= KEPT


def test_a_quote_that_is_never_closed_costs_one_record_and_bounded_memory() -> None:
    lines = b"".join(b"%d,x,y\n" % n for n in range(300_000))
    assert len(lines) > 2 * LIMIT
    found = records(b'bad,"open,z\n' + lines)
    assert found[0].reason == "a quote is not closed within 128 KiB"
    assert len(found) == 300_001
    assert all(r.fields for r in found[1:])


def test_a_quote_open_at_the_end_costs_one_record() -> None:
    found = records('a,b,c\n1,"2,3\nd,e,f\n')
    assert [r.reason for r in found] == [None, "a quote is never closed", None]


def test_the_record_at_which_the_file_breaks_off_is_marked() -> None:
    assert [r.unfinished for r in records("a,b,c\n1,2")] == [False, True]
    assert [r.unfinished for r in records("a,b,c\n1,2,3")] == [False, True]
    assert [r.unfinished for r in records("a,b,c\n1,2,3\n")] == [False, False]


@given(st.lists(st.one_of(st.just(b"good,1,2\n"), st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"") + b"\n"))))
def test_no_byte_is_lost_and_good_lines_survive_whatever_surrounds_them(lines: list[bytes]) -> None:
    """A good line is either read as itself or lies inside a record that a quote before it has opened."""
    data = b"".join(lines)
    found = records(data)
    blank = sum(len(line) for line in lines if not line.strip(b"\r\n"))
    assert sum(r.size for r in found) <= len(data)
    assert sum(r.size for r in found) >= len(data) - blank
    swallowed = sum(r.payload.count(b"good,1,2\n") for r in found)
    assert swallowed == lines.count(b"good,1,2\n")
    if not any(b'"' in line for line in lines):
        assert sum(r.fields == ["good", "1", "2"] for r in found) >= lines.count(b"good,1,2\n")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n1,2\n", "blank"),
        (b"\x1f\x8b\x08\x00binary\xff\n", "not a text file in UTF-8"),
        ("a,b\n".encode("utf-16"), "not a text file in UTF-8"),
        (b"a\0b,c\n", "not a text file in UTF-8"),
        (b'"a,b\n', "not a header"),
    ],
)
def test_a_first_line_that_is_no_header_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(HeaderRefused, match=says):
        read_header(io.BytesIO(data))


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert read_header(io.BytesIO(b"\xef\xbb\xbfa,b\r\n")) == ("a", "b")
