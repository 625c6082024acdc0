"""The contracts and what is made of them without a database."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from marketflow.shared import ConfigurationError
from marketflow.sources import CONTRACTS, Contract, contract_of, latest_instant, load_sources
from marketflow.sources.errors import HeaderRefused
from marketflow.sources.header import check_header

ORDERS = contract_of("orders")
DEMO = next(source for source in load_sources() if source.name == "orders")


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
    with pytest.raises(ConfigurationError, match=r"'order'.*orders, customers, contacts, consents"):
        contract_of("order")


def test_the_header_may_stand_in_any_order_and_optional_columns_may_lack() -> None:
    check_header(DEMO, tuple(reversed(ORDERS.names)))
    check_header(DEMO, tuple(c.name for c in ORDERS.columns if c.required))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (ORDERS.names[1:], "lacks the columns order_id$"),
        (("order_id", "quantity"), "lacks the columns product_id, amount, currency, ordered_at$"),
        ((*ORDERS.names, "colour"), "column 'colour' is new: map it, or list it under unused"),
        ((*ORDERS.names, "colour", "size"), "columns 'colour', 'size' are new: map them, or list them under unused"),
        ((*ORDERS.names, "amount"), "twice: amount"),
        (("Ada", "Lovelace", "ada@example.com"), "lacks the columns .*3 unknown"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_columns(header: tuple[str, ...], says: str) -> None:
    with pytest.raises(HeaderRefused, match=says) as caught:
        check_header(DEMO, header)
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize("unused", ["any", ("colour",)])
def test_columns_that_are_not_wanted_are_let_be(unused: object) -> None:
    check_header(DEMO.model_copy(update={"unused": unused}), (*ORDERS.names, "colour"))


def test_the_future_begins_two_days_after_the_business_day() -> None:
    assert latest_instant(dt.date(2017, 12, 31), dt.UTC) == dt.datetime(2018, 1, 3, tzinfo=dt.UTC)
