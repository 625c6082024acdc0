"""Reading the file: sums per arm by DuckDB, in bounded memory; whoever is in it is never held here."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from marketflow.shared import SourceError
from marketflow.shared.explain import nearest

if TYPE_CHECKING:
    import duckdb

_MEMORY = "256MB"
_MOST_ARMS = 50
_VARIANTS = ("variant", "arm", "group", "treatment", "segment", "bucket")
# 0/1, amounts, and true/false as Parquet and spreadsheets have them.
_SEEN = """
CREATE OR REPLACE TEMPORARY VIEW people AS
SELECT
    CAST(line AS BIGINT) AS line, nullif(trim(arm), '') AS arm, nullif(trim(value), '') AS value,
    CASE lower(trim(value)) WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE try_cast(trim(value) AS DOUBLE) END AS number
FROM looked_at
"""
_SUMS = """
WITH means AS (SELECT arm, avg(number) AS mean FROM people GROUP BY arm)
SELECT
    arm, count(*), sum(number), min(number), max(number), any_value(mean), sum((number - mean) ** 2),
    sum((number - mean) ** 3), bool_and(number IN (0, 1)),
    count(*) FILTER (WHERE number <> 0)
FROM people JOIN means USING (arm)
GROUP BY arm
"""


@dataclass(frozen=True, kw_only=True)
class OutcomeSums:
    """One outcome in one arm. `second` and `third`: sums of powers of what is left of each when the mean is taken away.

    `somethings`: how many are not 0.
    """

    people: int
    total: float
    low: float
    high: float
    mean: float
    second: float
    third: float
    is_binary: bool
    somethings: int


@dataclass(frozen=True, kw_only=True)
class ExperimentSums:
    """What was read: the variant's column, people per arm, and the sums by outcome and arm."""

    variant: str
    arms: dict[str, int]
    outcomes: dict[str, dict[str, OutcomeSums]]


def read_sums(
    path: Path, *, variant: str | None, outcomes: Sequence[str], person: str | None, scratch: Path
) -> ExperimentSums:
    """The sums of a CSV or Parquet file. `outcomes` empty: all other columns that hold numbers only.

    Raises SourceError with file, line and column for what cannot be read, for a value that is no number, for a person
    who is there twice, and for fewer than two arms.
    """
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file")
    with _opened(path, scratch) as con:
        columns = [str(row[0]) for row in con.execute("DESCRIBE kept").fetchall()]
        by = _column(path, columns, variant or _likely(path, columns), "--variant")
        look = _Look(con, path, by)
        arms = look.arms()
        if person is not None:
            look.refuse_doubles(_column(path, columns, person, "--person"))
        chosen = [_column(path, columns, name, "--outcome") for name in outcomes]
        chosen = chosen or look.numeric([c for c in columns if c not in (by, person)])
        return ExperimentSums(variant=by, arms=arms, outcomes={c: look.sums(c) for c in chosen})


@contextmanager
def _opened(path: Path, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as the table `kept`. DuckDB's own words may hold values: they are not shown."""
    import duckdb

    scratch.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1, "memory_limit": _MEMORY, "temp_directory": str(scratch), "preserve_insertion_order": True,
    }  # fmt: skip
    with duckdb.connect(":memory:", config=config) as con:
        try:
            _load(con, path)
        except duckdb.Error as error:
            raise SourceError(f"{path}: cannot be read as {_format(path)}: {_place(error)}") from None
        yield con


def _load(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    if _format(path) == "Parquet":
        relation = con.read_parquet(str(path))
    else:
        mark, names = _header(path)
        relation = con.read_csv(
            str(path), header=True, sep=mark, quotechar='"', escapechar='"', auto_detect=False, encoding="utf-8",
            columns=dict.fromkeys(names, "VARCHAR"),
        )  # fmt: skip
    relation.create("kept")


def _format(path: Path) -> str:
    return "Parquet" if path.suffix.lower() in (".parquet", ".pq") else "CSV"


def _first_line(path: Path) -> int:
    return 1 if _format(path) == "Parquet" else 2


def _header(path: Path) -> tuple[str, list[str]]:
    """The mark between columns, and their names: no guess is made from what people have in their rows."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(1_000_000)
    except UnicodeDecodeError:
        raise SourceError(f"{path}: is not UTF-8 text; save it as CSV UTF-8, or give a Parquet file") from None
    mark = max(",;\t|", key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=mark), [])]
    if not names or not all(names):
        raise SourceError(f"{path}, line 1: has an empty name, or none; the first line names the columns")
    folded = [name.casefold() for name in names]
    if doubled := next((n for n in folded if folded.count(n) > 1), None):
        raise SourceError(f"{path}, line 1: two columns are called {doubled!r}; give each a name of its own")
    return mark, names


def _place(error: Exception) -> str:
    """Where in the file, if DuckDB says so; never the line's text."""
    words = str(error).split()
    line = next((after.strip(".,:") for word, after in pairwise(words) if word == "Line:"), None)
    return f"line {line} does not fit the others" if line else type(error).__name__


def _column(path: Path, columns: list[str], asked: str, option: str) -> str:
    if asked in columns:
        return asked
    said = f"{path}: there is no column {asked!r} ({option}){nearest(asked, columns)}"
    raise SourceError(f"{said}; there are {', '.join(columns[:20])}")


def _likely(path: Path, columns: list[str]) -> str:
    found = [c for c in columns if c.casefold() in _VARIANTS]
    if len(found) != 1:
        raise SourceError(
            f"{path}: say which column has the variant: --variant COLUMN, one of {', '.join(columns[:20])}"
        )
    return found[0]


class _Look:
    """Looks at the file through fixed names (line, arm, value), so that no column's name ever becomes SQL."""

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path, by: str) -> None:
        self._con, self._path, self._by = con, path, by

    def _at(self, column: str) -> None:
        import duckdb

        chosen = {"arm": self._by, "value": column}
        named = [duckdb.ColumnExpression(name).cast("VARCHAR").alias(alias) for alias, name in chosen.items()]
        line = duckdb.SQLExpression("row_number() OVER () - 1").alias("line")
        self._con.table("kept").select(line, *named).create_view("looked_at", replace=True)
        self._con.execute(_SEEN)

    def arms(self) -> dict[str, int]:
        """How many people are in which arm."""
        self._at(self._by)
        line = self._one("SELECT min(line) FROM people WHERE arm IS NULL")
        if line is not None:
            raise self._wrong(line, self._by, "is empty; each person has a variant")
        found = self._con.execute("SELECT arm, count(*) FROM people GROUP BY arm ORDER BY arm LIMIT 51").fetchall()
        arms = {str(name): int(count) for name, count in found}
        if not arms:
            raise SourceError(f"{self._path}: holds nobody; there is only the first line")
        place = f"{self._path}, column {self._by}"
        if len(arms) > _MOST_ARMS:
            raise SourceError(f"{place}: has more than {_MOST_ARMS} variants; is it the right column? (--variant)")
        if len(arms) == 1:
            only = next(iter(arms))
            raise SourceError(f"{place}: all {arms[only]} people are in {only!r}; a comparison needs two variants")
        return arms

    def refuse_doubles(self, person: str) -> None:
        """Nobody may be there twice."""
        self._at(person)
        rows = self._con.execute(
            "SELECT min(line), max(line) FROM people WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1 "
            "ORDER BY 2 LIMIT 1"
        ).fetchall()
        for row in rows:
            first = row[0] + _first_line(self._path)
            raise self._wrong(
                row[1], person, f"the same person as in line {first}; one row per person, or intervals are too narrow"
            )

    def numeric(self, columns: Sequence[str]) -> list[str]:
        """Those that hold numbers only."""
        found = [c for c in columns if self._first_bad(c) is None]
        if not found:
            raise SourceError(f"{self._path}: no column holds numbers only; name the outcomes: --outcome COLUMN")
        return found

    def sums(self, column: str) -> dict[str, OutcomeSums]:
        """The sums of an outcome by arm: means first, so that large amounts lose no digits."""
        if bad := self._first_bad(column):
            line, text = bad
            shown = "is empty; write 0 for who did nothing" if text is None else "is no number"
            raise self._wrong(line, column, shown)
        names = ("people", "total", "low", "high", "mean", "second", "third", "is_binary", "somethings")
        rows = self._con.execute(_SUMS).fetchall()
        return {str(arm): OutcomeSums(**dict(zip(names, values, strict=True))) for arm, *values in rows}

    def _first_bad(self, column: str) -> tuple[int, str | None] | None:
        """Line and text of the first value that is no finite number."""
        self._at(column)
        rows = self._con.execute(
            "SELECT line, value FROM people WHERE NOT coalesce(isfinite(number), false) ORDER BY line LIMIT 1"
        ).fetchall()
        return (int(rows[0][0]), rows[0][1]) if rows else None

    def _one(self, query: str) -> int | None:
        [(found,)] = self._con.execute(query).fetchall()
        return None if found is None else int(found)

    def _wrong(self, line: int, column: str, words: str) -> SourceError:
        return SourceError(f"{self._path}, line {line + _first_line(self._path)}, column {column}: {words}")
