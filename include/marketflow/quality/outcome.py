"""What became of one expectation, and how people are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

_WORDS = {
    "expect_column_values_to_not_be_null": "{column} is missing",
    "expect_column_values_to_be_between": "{column} is out of bounds",
    "expect_column_value_lengths_to_be_between": "{column} is too long",
    "expect_column_values_to_be_in_set": "{column} is none of the values that it may have",
    "expect_column_values_to_be_unique": "{column} is not unique",
    "expect_column_values_to_be_null": "{column} says that an address is refused",
    "expect_compound_columns_to_be_unique": "{column} is not unique",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One expectation held against one subject: a record of a load, a table, or a source as a whole.

    `observed` holds counts and limits, never values of rows; `says`, where it is set, is the sentence for people.
    """

    subject: str
    of: Literal["source", "record", "table"]
    expectation: str
    column: str | None = None
    severity: Literal["stop", "warn"] = "warn"
    success: bool
    observed: dict[str, Any]
    says: str | None = None

    @property
    def name(self) -> str:
        """Short, for lists: `orders.expect_column_values_to_not_be_null(quantity)`."""
        return f"{self.subject}.{self.expectation}" + (f"({self.column})" if self.column else "")

    @property
    def words(self) -> str:
        """What is wrong, in a sentence."""
        return self.says or say(self.subject, self.expectation, self.column, self.observed)


def say(subject: str, expectation: str, column: str | None, observed: dict[str, Any]) -> str:
    """What is wrong when an expectation of Great Expectations does not hold."""
    return f"{subject}: {_what(expectation, column)}{_how_often(observed)}"


def _what(expectation: str, column: str | None) -> str:
    if expectation == "expect_table_row_count_to_be_between":
        return "there are no rows"
    if expectation == "expect_column_values_to_be_null" and column and " " in column:
        return column  # a rule's column is named for what is wrong, in several words
    return _WORDS.get(expectation, f"{expectation} of {{column}} does not hold").format(column=column or "the batch")


def _how_often(observed: dict[str, Any]) -> str:
    bad, percent = observed.get("unexpected_count"), observed.get("unexpected_percent")
    if not isinstance(bad, int):
        return ""
    share = f" ({percent:.1f}%)" if isinstance(percent, (int, float)) and percent >= 0.1 else ""
    return f" in {bad:,} row{'' if bad == 1 else 's'}{share}"
