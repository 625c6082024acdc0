"""From a contract: the statements of both paths, composed of quoted identifiers and literals (psycopg.sql).

`find_and_load` judges a staged block in one statement: good rows go to raw, bad ones come back with the number of
the rule that they break first. The rules are `faults`; their order is the order of the columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from psycopg import sql

from marketflow.sources.contracts import Column, Contract
from marketflow.sources.contracts.model import EARLIEST, FLAG, FUTURE_DAYS, INSTANT, ZONE
from marketflow.sources.patterns import number_pattern

_POSITION = ("load_id", "file_id", "record_no")
_BLANK = " \t\r\n"
_TYPES = {"text": "text", "number": "numeric", "instant": "timestamptz", "flag": "boolean", "zone": "text"}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule: the condition (SQL over a staged row `s`) that makes a row bad, and what is then stored."""

    column: str
    reason: str
    condition: sql.Composable


@cache
def faults(contract: Contract, latest: dt.datetime) -> tuple[Fault, ...]:
    """All rules that SQL can judge, in the order in which a row is held against them."""
    return tuple(f for c in contract.columns if not c.personal for f in (*_presence(contract, c), *_shape(c, latest)))


def stage_name(contract: Contract) -> sql.Identifier:
    """The temporary table of a record: text as delivered, personal columns encrypted already."""
    return sql.Identifier(f"stage_{contract.record}")


def stage_columns(contract: Contract) -> list[str]:
    """Its columns: the record number, the contract's columns by their target, what became of the address."""
    extra = ["email_hash", "email_refusal"] if contract.has_email else []
    return ["record_no", *(c.target for c in contract.columns), *extra]


def create_stage(contract: Contract) -> sql.Composed:
    """Make the temporary table unless the session has it."""
    kinds = {c.target: "bytea" for c in contract.columns if c.personal} | {
        "record_no": "integer",
        "email_hash": "bytea",
    }
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(kinds.get(n, "text"))) for n in stage_columns(contract)
    ]
    return sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({})").format(
        stage_name(contract), sql.SQL(", ").join(columns)
    )


def copy_to_stage(contract: Contract) -> sql.Composed:
    """COPY of a block, by `write_row`."""
    return sql.SQL("COPY pg_temp.{} ({}) FROM STDIN").format(stage_name(contract), _list(stage_columns(contract)))


def find_and_load(contract: Contract, place: tuple[int, int], latest: dt.datetime) -> sql.Composed:
    """Insert the good rows of the staged block; return (record_no, index in `faults`) of the bad ones.

    `place` is (load_id, file_id), `latest` the first instant that is too late. Everything is a literal: a parameter
    would make percent signs in a contract's patterns mean something.
    """
    rules = enumerate(faults(contract, latest))
    whens = [sql.SQL("WHEN {} THEN {}").format(rule.condition, sql.Literal(i)) for i, rule in rules]
    return sql.SQL(
        "WITH judged AS MATERIALIZED (SELECT s.*, CASE {whens} END AS fault FROM pg_temp.{stage} AS s),"
        " good AS (INSERT INTO {table} ({columns}) SELECT {load_id}, {file_id}, s.record_no, {values}"
        " FROM judged AS s WHERE s.fault IS NULL)"
        " SELECT s.record_no, s.fault FROM judged AS s WHERE s.fault IS NOT NULL ORDER BY s.record_no"
    ).format(
        load_id=sql.Literal(place[0]),
        file_id=sql.Literal(place[1]),
        whens=sql.SQL(" ").join(whens),
        stage=stage_name(contract),
        table=_table(contract),
        columns=_list([*_POSITION, *stage_columns(contract)[1:]]),
        values=sql.SQL(", ").join(_typed(contract, n) for n in stage_columns(contract)[1:]),
    )


def copy_to_raw(contract: Contract, header: Sequence[str], latest: dt.datetime) -> sql.Composed:
    """The fast path: COPY straight into raw, leaving out rows whose instants are out of their limits.

    The caller compares the number of rows: one left out sends the file the careful way. Lines that are plain hold no
    quote and no backslash, so they are text format as well as CSV; PostgreSQL reads that 10 % faster.
    """
    limits = [_within(c, latest) for c in contract.columns if c.kind == "instant"]
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT text, DELIMITER ',', NULL '') WHERE {}").format(
        _table(contract),
        _list([*_POSITION, *(contract.column(n).target for n in header)]),
        sql.SQL(" AND ").join(limits) if limits else sql.SQL("true"),
    )


def _presence(contract: Contract, column: Column) -> list[Fault]:
    blank = sql.SQL("(s.{0} IS NULL OR btrim(s.{0}, {1}) = '')").format(
        sql.Identifier(column.target), sql.Literal(_BLANK)
    )
    if column.required:
        return [_fault(column, f"{column.name} is missing", blank)]
    if column.required_with:
        other = contract.column(column.required_with)
        # A no without its time still counts (from the delivery on): only a yes has to prove when it was said.
        both = sql.SQL("{} AND lower(btrim(s.{}, {})) IN ('true', 't', 'yes', 'y', '1')").format(
            blank, sql.Identifier(other.target), sql.Literal(_BLANK)
        )
        return [_fault(column, f"{column.name} is missing although {other.name} is yes", both)]
    return []


def _shape(column: Column, latest: dt.datetime) -> list[Fault]:
    if column.kind == "number":
        return _number_faults(column)
    if column.kind == "instant":
        return _instant_faults(column, latest)
    if column.kind == "flag":
        return [_unlike(column, FLAG, "is neither true nor false")]
    if column.kind == "zone":
        known = _condition(column, "NOT pg_input_is_valid('2000-01-01 00:00:00 ' || {c}, 'timestamptz')")
        return [_unlike(column, ZONE, "is not a time zone"), _fault(column, f"{column.name} is not a time zone", known)]
    return _text_faults(column)


def _text_faults(column: Column) -> list[Fault]:
    if column.allowed:
        words = f"{column.name} is none of: {', '.join(column.allowed)}"
        return [_fault(column, words, _condition(column, "{c} <> ALL({v})", v=list(column.allowed)))]
    if column.pattern:
        return [_too_long(column), _unlike(column, column.pattern, f"is not {column.pattern_says}")]
    return [_too_long(column)]


def _number_faults(column: Column) -> list[Fault]:
    found = [
        _unlike(column, r"-?[0-9]+(?:\.[0-9]+)?", "is not a number"),
        _unlike(column, number_pattern(column), f"has too many digits (at most {column.decimals} after the point)"),
    ]
    if column.minimum is not None:
        words = f"negative {column.name}" if column.minimum == 0 else f"{column.name} is below {column.minimum}"
        found.append(_fault(column, words, _condition(column, "{c}::numeric < {v}::numeric", v=str(column.minimum))))
    if column.maximum is not None:
        words = f"{column.name} is above {column.maximum}"
        found.append(_fault(column, words, _condition(column, "{c}::numeric > {v}::numeric", v=str(column.maximum))))
    return found


def _instant_faults(column: Column, latest: dt.datetime) -> list[Fault]:
    return [
        _unlike(column, INSTANT, "is not a time with an offset (ISO 8601)"),
        _fault(
            column,
            f"{column.name} is not a time that exists",
            _condition(column, "NOT pg_input_is_valid({c}, 'timestamptz')"),
        ),
        _fault(
            column,
            f"{column.name} is before {EARLIEST:%Y-%m-%d}",
            _condition(column, "{c}::timestamptz < {v}", v=EARLIEST),
        ),
        _fault(
            column,
            f"{column.name} is more than {FUTURE_DAYS} days after the business day",
            _condition(column, "{c}::timestamptz >= {v}", v=latest),
        ),
    ]


def _too_long(column: Column) -> Fault:
    words = f"{column.name} is longer than {column.max_length} characters"
    return _fault(column, words, _condition(column, "char_length({c}) > {v}", v=column.max_length))


def _unlike(column: Column, pattern: str, words: str) -> Fault:
    condition = _condition(column, '{c} COLLATE "C" !~ {v}', v=f"^(?:{pattern})$")
    return _fault(column, f"{column.name} {words}", condition)


def _fault(column: Column, reason: str, condition: sql.Composable) -> Fault:
    return Fault(column=column.name, reason=reason, condition=condition)


def _condition(column: Column, text: str, v: object = None) -> sql.Composable:
    """`text` with {c} the staged value and {v} a literal. An absent value makes it null: no fault."""
    return sql.SQL(text).format(c=sql.SQL("s.{}").format(sql.Identifier(column.target)), v=sql.Literal(v))


def _within(column: Column, latest: dt.datetime) -> sql.Composable:
    inside = sql.SQL("({0} >= {1} AND {0} < {2})").format(
        sql.Identifier(column.target), sql.Literal(EARLIEST), sql.Literal(latest)
    )
    return inside if column.required else sql.SQL("({} IS NULL OR {})").format(sql.Identifier(column.target), inside)


def _typed(contract: Contract, target: str) -> sql.Composable:
    column = next((c for c in contract.columns if c.target == target and not c.personal), None)
    value = sql.SQL("s.{}").format(sql.Identifier(target))
    return value if column is None else sql.SQL("{}::{}").format(value, sql.SQL(_TYPES[column.kind]))


def _table(contract: Contract) -> sql.Identifier:
    return sql.Identifier(*contract.table.split("."))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
