"""Orders in one row: unfolded they are the lines again, each in its place, and their totals are those of the lines."""

# ruff: noqa: TID253 - Arrow is what goes in and comes out

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.sources import contract_of
from marketflow.sources.contracts.stored import LISTS, folded_as
from marketflow.sources.mapping.binary import rows_as_copy
from marketflow.sources.mapping.fold import fold

Line = dict[str, Any]

FORMS = {
    "load_id": pa.int64(), "file_id": pa.int64(), "record_no": pa.int32(), "order_ref": pa.string(),
    "customer_ref": pa.string(), "store_ref": pa.string(), "product_ref": pa.string(), "quantity": pa.decimal128(14, 3),
    "amount": pa.decimal128(14, 2), "retail_discount": pa.decimal128(14, 2), "coupon_discount": pa.decimal128(14, 2),
    "currency": pa.string(), "ordered_at": pa.timestamp("us", "UTC"), "kind": pa.string(),
    "version_at": pa.timestamp("us", "UTC"), "is_deleted": pa.bool_(),
}  # fmt: skip
MAY_BE_ABSENT = ("customer_ref", "store_ref", "retail_discount", "coupon_discount", "kind", "is_deleted")
AT = dt.datetime(2017, 12, 31, 10, tzinfo=dt.UTC)


def money(least: int) -> st.SearchStrategy[Decimal]:
    most = 99_999_999_99
    return st.integers(max(least, -most), most).map(lambda n: Decimal(n).scaleb(-2))


LINES = st.fixed_dictionaries(
    {
        # few values each, so that lines side by side are often alike
        "file_id": st.sampled_from([1, 1, 1, 2]),
        "order_ref": st.sampled_from(["a", "a", "b"]),
        "customer_ref": st.sampled_from([None, None, "c"]),
        "store_ref": st.sampled_from(["", "", None]),
        "currency": st.just("USD"),
        "ordered_at": st.sampled_from([AT, AT, AT + dt.timedelta(microseconds=1)]),
        "kind": st.sampled_from(["sale", "sale", "return"]),
        "version_at": st.sampled_from([None, None, AT]),
        "is_deleted": st.sampled_from([False, False, True]),
        "product_ref": st.text(max_size=3),
        "quantity": st.integers(-99_999_999, 99_999_999).map(lambda n: Decimal(n).scaleb(-3)),
        "amount": money(-(10**20)),
        "retail_discount": money(0),
        "coupon_discount": money(0),
    }
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Lines as the loader makes them: some columns may not be there; in pieces of any size; record numbers rise."""
    lines = draw(st.lists(LINES, min_size=1, max_size=25))
    numbers = draw(st.lists(st.integers(1, 3), min_size=len(lines), max_size=len(lines)))
    for n, line in enumerate(lines):
        line |= {"load_id": 7, "record_no": sum(numbers[: n + 1])}
    absent = draw(st.sets(st.sampled_from(MAY_BE_ABSENT)))
    cuts = sorted(draw(st.lists(st.integers(0, len(lines)), max_size=3)))
    skipped = draw(st.integers(0, len(lines) - 1))  # what lies before a slice is there and does not count
    return in_pieces(as_table(lines, without=absent), cuts).slice(skipped)


def as_table(lines: Sequence[Line], *, without: set[str] | None = None) -> pa.Table:
    names = [name for name in FORMS if name in lines[0] and name not in (without or ())]
    return pa.table({name: pa.array([line[name] for line in lines], FORMS[name]) for name in names})


def in_pieces(table: pa.Table, cuts: list[int]) -> pa.Table:
    bounds = [0, *cuts, len(table)]
    return pa.concat_tables([table.slice(a, b - a) for a, b in pairwise(bounds)])


def unfolded(orders: pa.Table) -> Iterator[Line]:
    for order in orders.to_pylist():
        lists = {line: order.pop(several) for line, several in LISTS.items() if several in order}
        header = {
            name: value for name, value in order.items() if name not in ("first_no", "line_count", "amount", "discount")
        }
        for values in zip(*lists.values(), strict=True):
            yield header | dict(zip(lists, values, strict=True))


def header_of(line: Mapping[str, Any]) -> Line:
    return {name: value for name, value in line.items() if name not in LISTS}


@given(tables())
def test_unfolded_they_are_the_lines_in_their_order(lines: pa.Table) -> None:
    assert list(unfolded(fold(lines))) == lines.to_pylist()


@given(tables())
def test_an_order_is_a_run_of_lines_that_say_the_same_of_it(lines: pa.Table) -> None:
    runs = [list(run) for _, run in groupby(lines.to_pylist(), header_of)]
    found = fold(lines).to_pylist()
    assert [order["line_count"] for order in found] == [len(run) for run in runs]
    assert [order["first_no"] for order in found] == [run[0]["record_no"] for run in runs]
    assert [order["amount"] for order in found] == [sum(line["amount"] for line in run) for run in runs]
    assert [order["discount"] for order in found] == [
        sum(line.get("retail_discount", 0) + line.get("coupon_discount", 0) for line in run) for run in runs
    ]


@given(tables())
def test_each_column_is_of_the_type_in_which_it_is_stored(lines: pa.Table) -> None:
    """What a column is called and how it is encoded is known, or this raises."""
    orders = fold(lines)
    assert len(list(rows_as_copy(orders, folded_as(contract_of("orders"))))) == 3  # a header, the rows, a trailer
    lists = {LISTS[name] for name in lines.column_names if name in LISTS}
    common = {name for name in lines.column_names if name not in LISTS}
    assert set(orders.column_names) == common | lists | {"first_no", "line_count", "amount", "discount"}


def some(*given: Line) -> pa.Table:
    """Lines that differ in what is said."""
    same = {"record_no": 1, "order_ref": "a", "customer_ref": None, "product_ref": "p", "amount": Decimal(1)}
    return as_table([same | line for line in given])


def test_orders_that_are_mixed_have_several_rows() -> None:
    lines = some(*({"record_no": n, "order_ref": ref} for n, ref in enumerate("aabbabb", start=1)))
    found = fold(lines).select(["order_ref", "first_no", "record_nos"]).to_pylist()
    assert [tuple(order.values()) for order in found] == [
        ("a", 1, [1, 2]), ("b", 3, [3, 4]), ("a", 5, [5]), ("b", 6, [6, 7]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("customers", "runs"),
    [
        ([None, None, None], [3]),
        ([None, "", None], [1, 1, 1]),  # no customer is not one without a name
        ([None, None, "c"], [2, 1]),
        (["c", None, None], [1, 2]),
        (["c", "c", "d"], [2, 1]),
    ],
)
def test_null_is_like_null_and_like_nothing_else(customers: list[str | None], runs: list[int]) -> None:
    assert fold(some(*({"customer_ref": c} for c in customers)))["line_count"].to_pylist() == runs


def test_one_line() -> None:
    (order,) = fold(some({"record_no": 5, "amount": Decimal("-0.01")})).to_pylist()
    assert order == {
        "order_ref": "a", "customer_ref": None, "first_no": 5, "line_count": 1, "amount": Decimal("-0.01"), "discount": 0,
        "record_nos": [5], "product_refs": ["p"], "amounts": [Decimal("-0.01")],
    }  # fmt: skip


def test_sums_are_exact() -> None:
    """In floating point ten tenths are not one, and large amounts swallow cents."""
    tenths = fold(some(*[{"amount": Decimal("0.10")}] * 10))
    assert tenths["amount"].to_pylist() == [Decimal("1.00")]
    large = [Decimal("99999999.99")] * 100_000 + [Decimal("0.01"), Decimal("-99999999.99")]
    assert fold(some(*({"amount": a} for a in large)))["amount"].to_pylist() == [sum(large)]
