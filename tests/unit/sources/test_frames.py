"""The format of the collector's log: whatever a crash or a disk does to it, no record is made up and none is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketflow.sources.readers.frames import MAGIC, bundle, frame, scan, unbundle, whole_until

BODIES = st.lists(st.binary(max_size=200), max_size=8)


def pack(bodies: list[bytes]) -> bytes:
    return MAGIC + b"".join(map(frame, bodies))


def bodies_of(data: bytes) -> list[bytes]:
    return [s.body for s in scan(data) if s.body is not None]


@given(BODIES)
def test_what_was_written_is_read(bodies: list[bytes]) -> None:
    assert bodies_of(pack(bodies)) == bodies


@given(BODIES)
def test_a_bundle_gives_its_requests(bodies: list[bytes]) -> None:
    assert list(unbundle(bundle(bodies))) == bodies


@given(BODIES, st.data())
def test_a_torn_end_is_found_wherever_it_is_torn(bodies: list[bytes], data: st.DataObject) -> None:
    whole = pack(bodies)
    cut = data.draw(st.integers(0, len(whole)))
    torn = whole[:cut]
    ends = [len(pack(bodies[:n])) for n in range(1, len(bodies) + 1)]
    expected = [b for b, end in zip(bodies, ends, strict=True) if end <= cut]
    assert bodies_of(torn) == expected
    assert whole_until(torn) == max((end for end in ends if end <= cut), default=0)


@given(BODIES, st.binary(max_size=300))
def test_what_a_crash_left_behind_the_last_record_is_no_record(bodies: list[bytes], rest: bytes) -> None:
    data = pack(bodies)
    assert bodies_of(data + rest) == bodies
    if bodies:
        assert whole_until(data + rest) == len(data)


@given(st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=6), st.data())
def test_damage_costs_one_record_and_none_is_made_up(bodies: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(pack(bodies))
    at = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n in range(len(bodies)) if at < len(pack(bodies[: n + 1])))
    assert bodies_of(bytes(whole)) == bodies[:hit] + bodies[hit + 1 :]


@given(st.binary(max_size=500))
def test_every_byte_is_in_one_stretch(data: bytes) -> None:
    stretches = list(scan(data))
    start = len(MAGIC) if data.startswith(MAGIC) else 0
    assert [s.start for s in stretches] == [start, *(s.end for s in stretches)][: len(stretches)]
    assert not stretches or stretches[-1].end == len(data)
    assert all(s.end > s.start for s in stretches)


def test_zeros_that_a_file_system_left_are_no_records() -> None:
    assert bodies_of(pack([b"a"]) + bytes(4096)) == [b"a"]
