"""From a column of the mapping to the text that the contract's column gets: renamed, joined, replaced, defaulted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from marketflow.sources.contracts import Column
from marketflow.sources.definition import ColumnMapping, Source
from marketflow.sources.mapping.kinds import FACTOR_DECIMALS, Reading, Rule, number_type, shape_rules
from marketflow.sources.mapping.words import all_of, any_of, fits, literal, literals

_FACTOR = f"DECIMAL(18, {FACTOR_DECIMALS})"
_SMALL = 3_000  # the product of two such factors, with all its decimals, fits into 64 bits: three times as fast


@dataclass(frozen=True, kw_only=True)
class Text:
    """SQL of a text, over the source's columns, and what the mapping itself finds wrong with it.

    `rules` may be about the source's columns, too. Of a product: `factors` are SQL of numbers, and `value` makes the
    value of their names. `meanings`: all texts that it can be; None: any.
    """

    sql: str
    meanings: tuple[str, ...] | None = None
    rules: tuple[Rule, ...] = ()
    factors: tuple[str, ...] = ()
    value: Callable[[Sequence[str]], str] | None = None


def text_of(source: Source, column: Column, made: ColumnMapping, names: Mapping[str, str]) -> Text:
    """How the contract's `column` is made; `names`: the SQL of each column of the source."""
    parts = [names[c] for c in made.columns]
    if made.multiply:
        return _product(source, column, made, dict(zip(made.multiply, parts, strict=True)))
    if made.constant is not None:
        plain = literal(made.constant) if made.constant else "NULL::VARCHAR"
    elif made.join:
        joined = f"concat_ws({literal(made.with_)}, {', '.join(parts)})"
        plain = f"CASE WHEN {any_of(f'{p} IS NOT NULL' for p in parts)} THEN {joined} END"
    else:
        (plain,) = parts
    known = _meaning(made)
    meanings = (made.constant,) if made.constant else None
    text = Text(sql=_marks(source, made, plain) if column.kind == "number" else plain, meanings=meanings)
    if known:
        text = _translated(column, made, plain, known)
    elif column.any_spelling and not meanings:
        text = Text(sql=_in_one_spelling(plain))
    return _with_default(text, made.default if made.default is not None else column.default)


def reading_of(source: Source, made: ColumnMapping | None) -> Reading:
    """How the source writes the times of this column."""
    if made is None:
        return Reading(format=source.times, zone=source.time_zone)
    return Reading(format=made.format or source.times, zone=made.time_zone or source.time_zone)


def _with_default(text: Text, default: str | None) -> Text:
    if not default:
        return text
    meanings = None if text.meanings is None else (*text.meanings, default)
    return Text(sql=f"COALESCE({text.sql}, {literal(default)})", rules=text.rules, meanings=meanings)


def _in_one_spelling(text: str) -> str:
    """A word of a list in small letters, with _ for blanks and hyphens within it."""
    return f"translate(lower(trim({text})), ' -', '__')"


def _meaning(made: ColumnMapping) -> list[tuple[str, str | None]]:
    """(condition over {}, meaning) of each word or pattern."""
    if made.match:
        return [(fits("{}", pattern), meaning) for pattern, meaning in made.match.items()]
    return [("{} = " + literal(word), meaning) for word, meaning in (made.replace or {}).items()]


def _translated(column: Column, made: ColumnMapping, plain: str, known: list[tuple[str, str | None]]) -> Text:
    whens = " ".join(f"WHEN {c.replace('{}', plain, 1)} THEN {_or_null(m)}" for c, m in known)
    otherwise = f"WHEN {plain} IS NULL THEN NULL ELSE {_or_null(made.otherwise)}" if made.has_otherwise else ""
    text = f"CASE {whens} {otherwise} END"
    meanings = tuple(m for m in (*(m for _, m in known), made.otherwise) if m)
    if made.has_otherwise:
        return Text(sql=text, meanings=meanings)
    if made.replace:
        words = f"{column.name}: the word is not under replace"
        unknown = f"{plain} NOT IN ({literals(made.replace)})"
    else:
        words = f"{column.name}: no pattern under match fits"
        unknown = f"NOT ({any_of(fits(plain, p) for p in made.match or ())})"
    return Text(sql=text, meanings=meanings, rules=(Rule(reason=words, broken=f"{plain} IS NOT NULL AND {unknown}"),))


def _or_null(text: str | None) -> str:
    return literal(text) if text else "NULL"


def _marks(source: Source, made: ColumnMapping, text: str) -> str:
    """A number with a point and nothing between its thousands. Marks that stand elsewhere make it no number.

    12.50 is not 1,250, even where a point stands between thousands.
    """
    decimal = made.decimal or source.decimal
    thousands = source.thousands if made.thousands is None else made.thousands
    if not thousands:
        return text if decimal == "." else f"translate({text}, {literal(decimal + '.')}, '.!')"
    mark = "[" + re.escape(thousands) + "]"
    grouped = f"[^{mark[1:]}*|-?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]*)?"
    stray = "" if decimal == "." or "." in thousands else "."
    plain = f"translate({text}, {literal(decimal + stray + thousands)}, {literal('.!' if stray else '.')})"
    return f"CASE WHEN {fits(text, grouped)} THEN {plain} ELSE {text} || '!' END"


def _product(source: Source, column: Column, made: ColumnMapping, parts: Mapping[str, str]) -> Text:
    texts = {who: _marks(source, made, part) for who, part in parts.items()}
    absent = any_of(f"{p} IS NULL" for p in parts.values())

    def value(names: Sequence[str]) -> str:
        product = f"TRY_CAST({reduce(_times, names)} AS {number_type(column)})"
        return f"CASE WHEN {absent} THEN {column.default} ELSE {product} END" if column.default else product

    return Text(
        sql=f"CASE WHEN {absent} THEN NULL ELSE 'x' END",
        rules=tuple(rule for who, t in texts.items() for rule in shape_rules(who, t, FACTOR_DECIMALS)),
        factors=tuple(f"TRY_CAST({t} AS {_FACTOR})" for t in texts.values()),
        value=value,
    )


def _times(a: str, b: str) -> str:
    """The product of two factors, as a factor: rounded half up, null when it is too large."""
    small = all_of(f"{x} BETWEEN {-_SMALL} AND {_SMALL}" for x in (a, b))
    wide = " * ".join(f"CAST({x} AS DECIMAL(19, {FACTOR_DECIMALS}))" for x in (a, b))
    return f"CASE WHEN {small} THEN CAST({a} * {b} AS {_FACTOR}) ELSE TRY_CAST({wide} AS {_FACTOR}) END"
