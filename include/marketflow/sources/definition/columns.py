"""How a column of a record is made: the part of a source file below `records`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ORIGINS = ("from", "path", "constant", "multiply", "join")


class Strict(BaseModel):
    """Nothing that is not named, nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _word(value: Any) -> Any:
    """YAML reads 1 as a number and true as a truth value; the data are text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _words(value: Any) -> Any:
    return {_word(k): v for k, v in value.items()} if isinstance(value, dict) else value


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Word = Annotated[str, BeforeValidator(_word)]
ColumnName = Annotated[str, BeforeValidator(_word), Field(max_length=200)]
Words = Annotated[dict[str, Word | None], BeforeValidator(_words), Field(min_length=1, max_length=1_000)]


class Condition(Strict):
    """Which rows are meant: those in which the column holds one of the words."""

    column: ColumnName = Field(description="a column of the source")
    is_: Annotated[tuple[Word, ...], BeforeValidator(_several)] = Field(
        alias="is", min_length=1, description="the words, exactly"
    )


class ColumnMapping(Strict):
    """Where the value comes from (exactly one of from, path, constant, multiply, join), and what is done with it."""

    from_: ColumnName | None = Field(None, alias="from", description="a column of the source")
    path: ColumnName | None = Field(None, description="JSON: a value within objects, such as customer.name.first")
    constant: Word | None = Field(None, description="the same in every row")
    multiply: tuple[ColumnName, ...] | None = Field(
        None, min_length=2, max_length=4, description="columns of numbers; their product, rounded as the contract says"
    )
    join: tuple[ColumnName, ...] | None = Field(None, min_length=2, max_length=10, description="columns put together")
    with_: str = Field("", alias="with", max_length=10, description="what stands between joined texts")
    match: Words | None = Field(
        None, description="patterns (RE2) and what they mean; the first that fits the whole text counts"
    )
    replace: Words | None = Field(None, description="words and what they mean")
    otherwise: Word | None = Field(
        None, description="what a text means that `match` or `replace` does not know; without it, it is a fault"
    )
    format: str | None = Field(None, min_length=2, max_length=100, description="how times look (strptime)")
    time_zone: str | None = Field(None, description="zone of times that name none")
    decimal: str | None = Field(None, description="the decimal mark")
    thousands: str | None = Field(None, max_length=3, description="marks between thousands, taken out")
    default: Word | None = Field(None, description="stands for an absent value")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"from": data} if isinstance(data, str | int | float) else data

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMapping:
        given = [name for name in ORIGINS if getattr(self, f"{name}_" if name == "from" else name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ORIGINS)}")
        if self.match and self.replace:
            raise ValueError("give match or replace, not both")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that it is made of."""
        single = self.from_ if self.from_ is not None else self.path
        return (single,) if single is not None else self.multiply or self.join or ()

    @property
    def has_otherwise(self) -> bool:
        """Is `otherwise` given, be it null?"""
        return "otherwise" in self.model_fields_set


class RecordMapping(Strict):
    """One record that a row may yield."""

    when: Condition | None = Field(None, description="only rows of these kinds yield it")
    columns: dict[str, ColumnMapping] | None = Field(
        None,
        description="contract column: where it comes from. Left out: the source's columns have the contract's names",
    )
