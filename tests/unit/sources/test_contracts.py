"""The contracts and what is made of them without a database."""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path

import pytest

from marketflow.shared import ConfigurationError
from marketflow.sources import CONTRACTS, Contract, contract_of, latest_instant
from marketflow.sources.files import check_header, landing_files
from marketflow.sources.patterns import is_plain, plain_lines
from marketflow.sources.records import HeaderRefused

ORDERS = contract_of("orders")
ROW = b"o1,c1,s1,p1,2,3.50,0.00,0.10,USD,2017-12-31T10:00:00-05:00\n"


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_column_is_described_and_every_limit_is_set(contract: Contract) -> None:
    assert len(set(contract.names)) == len(contract.columns)
    assert len({c.target for c in contract.columns}) == len(contract.columns)
    for column in contract.columns:
        assert column.description
        assert column.kind != "number" or (column.minimum is not None and column.maximum is not None)
        assert not column.pattern or column.pattern_says
        re.compile(column.pattern or "")


def test_an_unknown_record_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'order'.*orders, customers, products, behaviour"):
        contract_of("order")


def test_only_records_without_personal_data_may_take_the_fast_path() -> None:
    assert {name: is_plain(c) for name, c in CONTRACTS.items()} == {
        "orders": True,
        "customers": False,
        "products": True,
        "behaviour": True,
    }


def test_the_header_may_stand_in_any_order() -> None:
    check_header(ORDERS, tuple(reversed(ORDERS.names)))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (ORDERS.names[1:], "lacks the columns order_id"),
        (ORDERS.names[:-2], "lacks the columns currency, ordered_at"),
        ((*ORDERS.names, "colour"), "does not know: 'colour'"),
        ((*ORDERS.names, "amount"), "twice: amount"),
        (("Ada", "Lovelace", "ada@example.com"), "lacks the columns .*3 unknown"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_columns(header: tuple[str, ...], says: str) -> None:
    with pytest.raises(HeaderRefused, match=says) as caught:
        check_header(ORDERS, header)
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2,3.50", b"-2,3.50,"),
        (b"3.50", b"NaN"),
        (b"3.50", b"1e3"),
        (b"3.50", b"3.505"),
        (b"3.50", b"0x1F"),
        (b"3.50", b""),
        (b"USD", b"usd"),
        (b"o1", b""),
        (b"o1", b" "),
        (b"o1", b'"o1"'),
        (b"o1", b"\\."),
        (b"o1", b"o" * 65),
        (b"-05:00", b""),
        (b"-05:00", b"-05"),
        (b"\n", b"\n\n"),
        (b"c1,", b""),
    ],
)
def test_what_is_not_plain_does_not_match_the_plain_pattern(old: bytes, new: bytes) -> None:
    pattern = plain_lines(ORDERS, ORDERS.names)
    assert pattern.fullmatch(ROW * 3)
    assert not pattern.fullmatch(ROW + ROW.replace(old, new, 1) + ROW)


def test_the_plain_pattern_takes_linear_time_for_a_hostile_line() -> None:
    hostile = b"1" * 1_000_000 + b"\n"
    started = time.process_time()
    assert not plain_lines(ORDERS, ORDERS.names).fullmatch(hostile)
    assert time.process_time() - started < 1


def test_the_future_begins_two_days_after_the_business_day() -> None:
    assert latest_instant(dt.date(2017, 12, 31), dt.UTC) == dt.datetime(2018, 1, 3, tzinfo=dt.UTC)


def test_files_are_taken_in_order_and_those_with_a_dot_are_still_being_written(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    (folder / "sub.csv").mkdir(parents=True)
    for name in ("b.csv", "a", ".c.csv.12", "Ünïcode 🎉.txt"):
        (folder / name).touch()
    assert [f.name for f in landing_files(tmp_path, "orders")] == ["a", "b.csv", "Ünïcode 🎉.txt"]
