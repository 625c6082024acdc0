"""A check's report in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from marketflow.sources.check import Report
from marketflow.sources.definition import Source
from marketflow.sources.facts import Facts
from marketflow.sources.header import shown

_FILES = 5
_WORDS, _VOCABULARY = 10, 50  # named at most; with more different ones they are hardly words of a list


def told(report: Report) -> Iterator[str]:
    """The lines of a report."""
    source = report.source
    yield f"{source.title} (source {source.name}, system {source.system})"
    yield ""
    yield from _items(report)
    yield from _columns(source, report.header)
    yield from _rows(report)
    for record, facts in report.facts.items():
        yield from _facts(record, facts)
    yield from _problems(report)
    yield from _unknown(report)
    yield ""
    stop = report.would_stop
    yield f"It would be refused: {stop}." if stop else "It would be loaded." + _proviso(report)


def _proviso(report: Report) -> str:
    return "" if report.is_whole else " So far: only a sample was read."


def _items(report: Report) -> Iterator[str]:
    if not report.items:
        yield "Found       nothing that fits"
        return
    more = f" and {len(report.items) - _FILES} more" if len(report.items) > _FILES else ""
    yield f"Found       {len(report.items)}: {', '.join(report.items[:_FILES])}{more}"
    yield f"Looked at   {len(report.looked_at)} of them"
    for name, reason in report.refused.items():
        yield f"Refused     {name}: {reason}"


def _columns(source: Source, header: tuple[str, ...]) -> Iterator[str]:
    if not header:
        return
    used = [c for c in header if c in source.used_columns]
    others = [c for c in header if c not in source.used_columns]
    new = [c for c in others if source.unused != "any" and c not in source.unused]
    if not used:  # then the first line may be no header but somebody's record
        yield f"Columns     {len(header)}, none of them mapped: look at first line, delimiter and encoding"
        return
    yield f"Columns     {len(header)}, of which {len(used)} are mapped"
    for column in used:
        yield f"  {column[:60]:30} {', '.join(_targets(source, column))}"
    if set(others) - set(new):
        yield f"  not wanted: {', '.join(c for c in others if c not in new)}"
    if new:
        words = ", ".join(shown(c) if c.replace("_", "").isalnum() else repr(shown(c)) for c in new)
        yield f"  new: {words}"
        yield f"  map them, or write   unused: [{words}]"


def _targets(source: Source, column: str) -> Iterator[str]:
    """Where a column goes: records and their columns."""
    for record, mapping in source.records.items():
        if mapping.when and mapping.when.column == column:
            yield f"{record} (when)"
        if mapping.columns is None:
            yield f"{record}.{column}"
        else:
            yield from (f"{record}.{name}" for name, made in mapping.columns.items() if column in made.columns)


def _rows(report: Report) -> Iterator[str]:
    what = "all" if report.is_whole else "a sample"
    yield f"Rows        {report.read} read ({what}): {report.read - report.bad} good, {report.bad} bad"


def _facts(record: str, facts: Facts) -> Iterator[str]:
    yield f"{record:11} {facts.rows} rows" + "".join(
        f", {count} {word}" for word, count in facts.things.items() if count
    )
    if facts.without_customer:
        yield f"            {facts.without_customer} without a customer"
    if facts.first:
        yield f"            from {facts.first} to {facts.last}"
    if facts.currencies:
        yield f"            currencies: {_counts(facts.currencies)}"
    if set(facts.kinds) - {"sale"}:
        yield f"            kinds: {_counts(facts.kinds)}"
    if facts.deletions:
        yield f"            {facts.deletions} deletions"
    if facts.alike and record == "orders":
        yield f"            {facts.alike} lines say the same as another one; each is kept and counts"
    if facts.again:
        yield f"            {facts.again} are about one that came before; the newest version counts"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(found.items(), key=lambda pair: -pair[1]))


def _problems(report: Report) -> Iterator[str]:
    if not report.problems:
        return
    yield "Bad rows by reason"
    for (record, _, reason), count in report.reasons.most_common(10):
        yield f"  {count:7}  {record}: {reason}"
    yield "The first of them"
    for bad in report.problems:
        column = f", column {bad.column}" if bad.column else ""
        yield f"  {bad.item}, record {bad.record_no}{column}: {bad.reason}"


def _unknown(report: Report) -> Iterator[str]:
    """Words that `replace` does not know: whoever writes the file adds them, or `otherwise`."""
    found = {place: words for place, words in report.unknown.items() if words}
    if not found:
        return
    yield "Words that `replace` does not know"
    for (record, column), words in found.items():
        made = (report.source.records[record].columns or {})[column]
        become = (made.otherwise or "absent") if made.has_otherwise else "a fault"
        yield f"  {record}.{column} (they become {become}): {_named(words)}"


def _named(words: Counter[str]) -> str:
    if len(words) > _VOCABULARY:
        return f"{len(words)} different ones"
    more = f" and {len(words) - _WORDS} more" if len(words) > _WORDS else ""
    return ", ".join(f"{word!r} {count}" for word, count in words.most_common(_WORDS)) + more
