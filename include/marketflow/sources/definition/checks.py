"""What a source file says that no single field shows to be wrong: held against the contracts, codes and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from marketflow.shared.explain import nearest
from marketflow.sources.contracts import CONTRACTS, Column, Contract, contract_of
from marketflow.sources.definition.columns import ColumnMapping, RecordMapping
from marketflow.sources.definition.model import Format, Source
from marketflow.sources.definition.strptime import encoding_fault, format_fault, pattern_fault, zone_fault

Fault = tuple[tuple[str | int, ...], str]  # the way to the field, and what is wrong with it
_SCHEMES = ("s3", "gs", "abfs", "file")
_WHOLE_ORDERS = (
    "gives the lines that changed, and an order must come whole: write a query that gives all lines of the orders of"
    " which any line changed (docs/sources.md has one)"
)
_CRON = re.compile(r"(?:[0-9*/,\-A-Za-z#]+ ){4}[0-9*/,\-A-Za-z#]+|@[a-z]+")


def faults(source: Source) -> Iterator[Fault]:
    """Everything that is wrong, in the order of the file."""
    yield from _origin_faults(source)
    yield from _format_faults(source)
    yield from _marks(source.decimal, source.thousands, ())
    yield from _told(("time_zone",), source.time_zone, zone_fault)
    yield from _told(("times",), source.times, format_fault)
    if source.schedule is not None and not _CRON.fullmatch(source.schedule):
        yield ("schedule",), "is not a cron expression of five fields, such as */15 * * * *"
    for record, mapping in source.records.items():
        if record not in CONTRACTS:
            yield ("records", record), f"there is no such record{nearest(record, list(CONTRACTS))}"
        else:
            yield from _record_faults(source, contract_of(record), mapping)


def _told(place: tuple[str | int, ...], value: str | None, judge: Callable[[str], str | None]) -> Iterator[Fault]:
    if value is not None and (words := judge(value)):
        yield place, words


def _origin_faults(source: Source) -> Iterator[Fault]:
    origin = source.from_
    if origin.folder is not None and (origin.folder.startswith("/") or ".." in origin.folder.split("/")):
        yield ("from", "folder"), "must be a folder below the landing folder"
    scheme = (origin.url or "file://").partition("://")
    if scheme[0] not in _SCHEMES or not scheme[1]:
        yield ("from", "url"), f"begins with none of {', '.join(s + '://' for s in _SCHEMES)}"
    if "/" in origin.files:
        yield ("from", "files"), "is about the name only: no /"
    yield from _told(("from", "dated"), origin.dated, format_fault)
    if origin.sql is not None and origin.sql.table is not None and "orders" in source.records:
        yield ("from", "sql", "table"), _WHOLE_ORDERS
    if not origin.has_files:
        yield from ((("from", f), "is for files only") for f in ("files", "dated") if f in origin.model_fields_set)
        if "format" in source.model_fields_set:
            yield ("format",), "is for files only"


def _format_faults(source: Source) -> Iterator[Fault]:
    form = source.format
    if form.type != "csv":
        for name in ("encoding", "delimiter", "quote", "header", "columns"):
            if name in form.model_fields_set:
                yield ("format", name), f"is for csv only, and the type is {form.type}"
        return
    yield from _told(("format", "encoding"), form.encoding, encoding_fault)
    yield from _dialect_faults(form)


def _dialect_faults(form: Format) -> Iterator[Fault]:
    if len(form.delimiter) != 1 or form.delimiter in "\r\n\0 ":
        yield ("format", "delimiter"), "must be one character, and neither a line end nor a blank"
    if len(form.quote) > 1 or (form.quote and form.quote in "\r\n\0 " + form.delimiter):
        yield ("format", "quote"), "must be one character and not the delimiter, or empty"
    if form.header and form.columns:
        yield ("format", "columns"), "names columns although the file has a header; header: false if it has none"
    if not form.header and not form.columns:
        yield ("format", "header"), "without a header, `columns` must name the columns"
    twice = next((c for c in form.columns if form.columns.count(c) > 1), None)
    if twice is not None:
        yield ("format", "columns"), f"{twice} stands twice"


def _marks(decimal: str | None, thousands: str | None, place: tuple[str | int, ...]) -> Iterator[Fault]:
    if decimal is not None and decimal not in (".", ","):
        yield (*place, "decimal"), "must be a point or a comma"
    if thousands and (set(thousands) & set("0123456789-+" + (decimal or ""))):
        yield (*place, "thousands"), "must be neither a digit nor a sign nor the decimal mark"


def _record_faults(source: Source, contract: Contract, mapping: RecordMapping) -> Iterator[Fault]:
    place = ("records", contract.record, "columns")
    if mapping.columns is None:
        return
    for name, column in mapping.columns.items():
        if name not in contract.names:
            yield (*place, name), f"{contract.record} has no such column{nearest(name, contract.names)}"
        else:
            yield from _column_faults(source, contract.column(name), column, (*place, name))
    for needed in contract.columns:
        if needed.required and needed.default is None and needed.name not in mapping.columns:
            yield place, f"{needed.name} is missing: {contract.record} need it ({needed.description})"
    either = [name for name in contract.key if not contract.column(name).required and not contract.column(name).default]
    if either and not set(either) & set(mapping.columns):
        yield place, f"one of {', '.join(either)} is missing: {contract.record} are known by it"


def _column_faults(
    source: Source, column: Column, made: ColumnMapping, place: tuple[str | int, ...]
) -> Iterator[Fault]:
    kinds = {"multiply": ("number",), "decimal": ("number",), "thousands": ("number",),
             "format": ("instant", "day"), "time_zone": ("instant",)}  # fmt: skip
    for field, fits in kinds.items():
        if field in made.model_fields_set and column.kind not in fits:
            yield (*place, field), f"is for {' and '.join(fits)} columns, and {column.name} is a {column.kind}"
    if made.path is not None and source.from_.has_files and source.format.type == "csv":
        yield (*place, "path"), "is for JSON; a csv has columns: from"
    if made.has_otherwise and not (made.match or made.replace):
        yield (*place, "otherwise"), "goes with match or replace"
    if made.multiply and (made.match or made.replace):
        yield (*place, "multiply"), "makes a number, which match and replace cannot read"
    written = made.format or source.times
    if column.kind == "instant" and written and "%z" not in written and not (made.time_zone or source.time_zone):
        yield place, "the format has no %z and no time_zone is given: every time would be a fault"
    yield from _told((*place, "format"), made.format, format_fault)
    yield from _told((*place, "time_zone"), made.time_zone, zone_fault)
    yield from _marks(made.decimal, made.thousands, place)
    for pattern in made.match or ():
        yield from _told((*place, "match", pattern), pattern, pattern_fault)
    yield from _value_faults(column, made, place)


def _value_faults(column: Column, made: ColumnMapping, place: tuple[str | int, ...]) -> Iterator[Fault]:
    """Words written in the file itself that the contract would refuse in every row."""
    written: list[tuple[tuple[str | int, ...], str | None]] = [
        (("constant",), made.constant), (("otherwise",), made.otherwise), (("default",), made.default),
        *((("match", k), v) for k, v in (made.match or {}).items()),
        *((("replace", k), v) for k, v in (made.replace or {}).items()),
    ]  # fmt: skip
    for way, value in written:
        if value and column.allowed and value not in column.allowed:
            yield (*place, *way), f"{value!r} is not one of {', '.join(column.allowed)}{nearest(value, column.allowed)}"
        elif value and column.pattern and not re.fullmatch(column.pattern, value):
            yield (*place, *way), f"{value!r} is not {column.pattern_says}"
