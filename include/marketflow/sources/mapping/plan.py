"""One statement per source and header: maps, casts and judges a block of rows.

The statement keeps the rows as they stand. Of each it gives the values of every record, whether the row yields the
record, and the index of the first rule that is broken; null for a good row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from marketflow.sources.contracts import Column, Contract, contract_of
from marketflow.sources.definition import ColumnMapping, RecordMapping, Source
from marketflow.sources.mapping.kinds import (
    AS_WRITTEN,
    FACTOR_DECIMALS,
    Names,
    Reading,
    Rule,
    are_fine,
    factor_shape,
    number_limits,
    rules,
    value,
    written,
)
from marketflow.sources.mapping.texts import Text, reading_of, text_of
from marketflow.sources.mapping.words import all_of, any_of, is_missing, literal, literals, name

NO_RECORD = "the row gives no record: no `when` holds for it, or the keys are absent"
AGAIN = "the header stands here again"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is stored of a row that breaks a rule."""

    record: str
    column: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The statement over the table of a block, whose columns are c0, c1, ... in the order of `columns`.

    Its result has a column `fault`; per record r `r?` (is it made?), and `r.target` for each column in raw that is
    made of one of the contract's (personal ones as text), but for those in `as_is`, which are a column of the source as
    it stands, words for nothing apart: they would leave DuckDB as they came, at the cost of two copies.
    """

    sql: str
    columns: tuple[str, ...]
    faults: tuple[Fault, ...]
    records: Mapping[str, tuple[Column, ...]]  # the columns that the source gives, per record
    optional: frozenset[str]  # records that not every row yields
    as_is: Mapping[str, str]  # r.target: the source's column


@dataclass(kw_only=True)
class _Layers:
    """The parts of the statement: texts first, then values, then the judgement."""

    texts: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    judged: list[tuple[Fault, str, bool]] = field(default_factory=list)  # fault, condition, implied
    results: list[str] = field(default_factory=list)
    as_is: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)  # conditions on texts that every row is held against already


def plan(source: Source, header: tuple[str, ...], latest: dt.datetime, block: str = "block") -> Plan:
    """The statement for files of `source` that have these columns; `latest`: the first instant that is too late."""
    columns = tuple(c for c in source.used_columns if c in header)
    names = {c: f"c{n}" for n, c in enumerate(columns)}
    layers, given = _Layers(), {}
    if source.from_.has_files and source.format.type == "csv" and source.format.header:
        layers.judged.append((Fault(record=source.primary, column=None, reason=AGAIN), _again(names), False))
    for record, mapping in source.records.items():
        made = _columns(contract_of(record), mapping, header)
        given[record] = tuple(c for c in contract_of(record).columns if c.name in made)
        _add_record(layers, source, contract_of(record), made=made, names=names, latest=latest)
    optional = frozenset(r for r, m in source.records.items() if m.when or r != source.primary)
    if len(optional) == len(source.records):
        none = all_of(f"NOT {name(r + '?')}" for r in source.records)
        layers.judged.append((Fault(record=source.primary, column=None, reason=NO_RECORD), none, False))
    return Plan(
        sql=_statement(source, names, layers, block),
        columns=columns,
        faults=tuple(f for f, _, _ in layers.judged),
        records=given,
        optional=optional,
        as_is=layers.as_is,
    )


def _columns(contract: Contract, mapping: RecordMapping, header: tuple[str, ...]) -> dict[str, ColumnMapping]:
    if mapping.columns is not None:
        return dict(mapping.columns)
    return {n: ColumnMapping.model_validate({"from": n}) for n in contract.names if n in header}


def _add_record(
    layers: _Layers, source: Source, contract: Contract, *, made: Mapping[str, ColumnMapping],
    names: Mapping[str, str], latest: dt.datetime,
) -> None:  # fmt: skip
    """Put all columns of a record into the layers; columns that the source does not give have their default."""
    record = contract.record
    layers.values.append(f"{_made(source, contract, names)} AS {name(record + '?')}")
    layers.results.append(name(record + "?"))
    for column in (c for c in contract.columns if c.name in made or c.name in _mentioned(contract)):
        how = made.get(column.name)
        text = text_of(source, column, how, names) if how else _absent(column)
        own, reading = Names(*(name(record, column.name + mark) for mark in ("$", "@", ""))), reading_of(source, how)
        _add_value(layers, column, text, own, reading=reading, latest=latest)
        shape = _shape(source, column, text, own, reading=reading, latest=latest) if how else []
        for rule in (*_presence(contract, column), *text.rules, *shape):
            fault = Fault(record=record, column=column.name, reason=rule.reason)
            implied = rule.implied or _is_held(layers, source, contract, rule.broken.replace(own.t, text.sql))
            layers.judged.append((fault, _where_made(source, contract, rule.broken), implied))
        if how and column.kind == "number" and not text.value and column.decimals <= FACTOR_DECIMALS:
            _is_held(layers, source, contract, factor_shape(text.sql))  # a factor may have more decimals
        if how and (whole := _as_is(column, text, names)):
            layers.as_is[f"{record}.{column.target}"] = whole
        elif how:
            out = f"CAST({own.v} AS VARCHAR)" if column.personal else own.v
            layers.results.append(f"{out} AS {name(record, column.target)}")
    layers.judged += _cross(source, contract)


def _is_held(layers: _Layers, source: Source, contract: Contract, broken: str) -> bool:
    """Is every row held against the condition already? If not, and from now on it is, that is noted.

    The same column may be used by several records: what the first has looked at need not be looked at again.
    """
    if broken in layers.held:
        return True
    if _is_always_made(source, contract):
        layers.held.add(broken)
    return False


def _as_is(column: Column, text: Text, names: Mapping[str, str]) -> str | None:
    """The source's column that the value is, if it is one as it stands."""
    whole = [c for c, sql in names.items() if sql == text.sql]
    return whole[0] if whole and column.kind in AS_WRITTEN else None


def _add_value(
    layers: _Layers, column: Column, text: Text, names: Names, *, reading: Reading, latest: dt.datetime
) -> None:
    """Put the text, what is between it and the value, and the value into the layers."""
    layers.texts.append(f"{text.sql} AS {names.t}")
    if column.kind in ("instant", "day"):
        layers.written.append(f"{written(names.t, reading)} AS {names.w}")
    factors = [f'{names.w[:-1]}{n}"' for n, _ in enumerate(text.factors)]
    layers.written += [f"{sql} AS {factor}" for sql, factor in zip(text.factors, factors, strict=True)]
    made = text.value(factors) if text.value else value(column, names, reading, latest)
    layers.values.append(f"{made} AS {names.v}")


def _shape(
    source: Source, column: Column, text: Text, names: Names, *, reading: Reading, latest: dt.datetime
) -> list[Rule]:
    """The rules about the column's own text."""
    if text.value:
        nothing = f"{names.t} IS NOT NULL AND {names.v} IS NULL"
        return [Rule(reason=f"{column.name} has too many digits", broken=nothing), *number_limits(column, names.v)]
    if text.meanings is not None and are_fine(column, text.meanings):
        return []
    found = rules(column, names, reading, latest)
    if column.kind == "text" and source.format.type != "csv":
        found.append(Rule(reason=f"{column.name} holds a NUL character", broken=f"contains({names.t}, chr(0))"))
    return found


def _where_made(source: Source, contract: Contract, broken: str) -> str:
    """The condition, held against rows only that yield the record."""
    return broken if _is_always_made(source, contract) else f"{name(contract.record + '?')} AND ({broken})"


def _is_always_made(source: Source, contract: Contract) -> bool:
    return contract.record == source.primary and not source.records[contract.record].when


def _absent(column: Column) -> Text:
    return Text(sql=literal(column.default) if column.default else "NULL::VARCHAR")


def _presence(contract: Contract, column: Column) -> Iterator[Rule]:
    t = name(contract.record, column.name + "$")
    if column.required:
        yield Rule(reason=f"{column.name} is missing", broken=is_missing(t))
    elif column.required_with:
        # A no without its time still counts (from the delivery on): only a yes has to prove when it was said.
        words = f"{column.name} is missing although {column.required_with} is yes"
        yield Rule(reason=words, broken=f"{name(contract.record, column.required_with)} IS TRUE AND {is_missing(t)}")


@cache
def _mentioned(contract: Contract) -> frozenset[str]:
    """Columns that a row is judged by though the source may not give them; the others are left out when absent."""
    words = {w for rule in contract.rules for w in re.findall(r"\w+", rule.broken)}
    with_others = {c.required_with for c in contract.columns if c.required_with}
    return frozenset(c.name for c in contract.columns if c.name in {*contract.key, *words, *with_others} or c.required)


def _cross(source: Source, contract: Contract) -> list[tuple[Fault, str, bool]]:
    """The contract's rules over several columns, with its names made those of the statement."""
    words = re.compile(r"'(?:[^']|'')*'|\b(?:" + "|".join(map(re.escape, contract.names)) + r")\b")
    record, found = contract.record, []
    for rule in contract.rules:
        broken = words.sub(lambda m: m[0] if m[0].startswith("'") else name(record, m[0]), rule.broken)
        fault = Fault(record=record, column=rule.column, reason=rule.reason)
        found.append((fault, _where_made(source, contract, broken), False))
    return found


def _made(source: Source, contract: Contract, names: Mapping[str, str]) -> str:
    """Does the row yield the record? Beside its `when`, a secondary record needs the columns that it is known by."""
    mapping = source.records[contract.record]
    conditions = []
    if mapping.when:
        conditions.append(f"COALESCE({names[mapping.when.column]} IN ({literals(mapping.when.is_)}), false)")
    if contract.record != source.primary:
        keys = [contract.column(k) for k in contract.key]
        texts = {k.name: f"NOT ({is_missing(name(contract.record, k.name + '$'))})" for k in keys}
        conditions += [texts[k.name] for k in keys if k.required]
        either = [texts[k.name] for k in keys if not k.required and k.default is None]
        conditions += [any_of(either)] if either else []
    return all_of(conditions)


def _again(names: Mapping[str, str]) -> str:
    """Do all columns hold their names? Looked at only where the first does."""
    same = [f"{c} = {literal(column)}" for column, c in names.items()]
    return f"CASE WHEN {same[0]} THEN {all_of(same[1:])} ELSE false END" if same else "false"


def _statement(source: Source, names: Mapping[str, str], layers: _Layers, block: str) -> str:
    empty = literals(source.format.empty)
    present = [f"CASE WHEN {c} IN ({empty}) THEN NULL ELSE {c} END AS {c}" if empty else c for c in names.values()]
    sound = all_of(f"({broken}) IS NOT TRUE" for _, broken, implied in layers.judged if not implied)
    whens = " ".join(f"WHEN {broken} THEN {n}" for n, (_, broken, _) in enumerate(layers.judged))
    return (
        f"SELECT CASE WHEN {sound} THEN NULL::INTEGER {whens} END AS fault, {', '.join(layers.results)}"  # noqa: S608 - quoted by `words`
        f" FROM (SELECT *, {', '.join(layers.values)}"
        f" FROM (SELECT {', '.join(['*', *layers.written])}"
        f" FROM (SELECT *, {', '.join(layers.texts)}"
        f" FROM (SELECT {', '.join(present)} FROM {name(block)}))))"
    )
