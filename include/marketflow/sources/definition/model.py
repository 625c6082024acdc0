"""The shape of `include/sources/<name>.yaml`. The descriptions become the editor's help by way of the JSON Schema."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from marketflow.shared.ages import AGE_PATTERN, age
from marketflow.sources.contracts import CONTRACTS, contract_of
from marketflow.sources.definition.columns import ColumnName, RecordMapping, Strict, Word

NAME = r"^[a-z][a-z0-9_]{0,49}$"


class SqlOrigin(Strict):
    """Rows of a database that changed, window by window."""

    connection: str = Field(min_length=1, max_length=250, description="id of an Airflow connection")
    table: str | None = Field(None, max_length=200, description="a table, such as public.orders; all of its columns")
    query: str | None = Field(
        None, max_length=20_000, description="or a query; it must use :since (exclusive) and :until (inclusive)"
    )
    watermark: ColumnName = Field(description="the column that tells when a row was changed")
    lag_seconds: int = Field(60, ge=0, le=86_400, description="how far behind now a window ends: changes may be late")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give exactly one of table, query")
        if self.query and not {":since", ":until"} <= set(re.findall(r":[a-z]+", self.query)):
            raise ValueError("the query must use :since and :until")
        return self


class Origin(Strict):
    """Where the data are: exactly one of folder, url, sql, collector."""

    folder: str | None = Field(None, min_length=1, max_length=200, description="below the landing folder")
    url: str | None = Field(None, max_length=1_000, description="s3://, gs://, abfs:// or file:// of a folder")
    connection: str | None = Field(None, max_length=250, description="of a url: id of an Airflow connection")
    sql: SqlOrigin | None = None
    collector: bool = Field(False, description="events that the edge service took by HTTP")
    files: str = Field("*", min_length=1, max_length=200, description="which files, by name; with a dot in front: none")
    dated: str | None = Field(None, max_length=200, description="the name of a file with its time (strptime)")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((self.folder is not None, self.url is not None, self.sql is not None, self.collector)) != 1:
            raise ValueError("give exactly one of folder, url, sql, collector")
        if self.connection and not self.url:
            raise ValueError("connection goes with url (or stands within sql)")
        return self

    @property
    def has_files(self) -> bool:
        """Is it a folder or a store, and no query or log?"""
        return self.folder is not None or self.url is not None


class Format(Strict):
    """What the files are made of."""

    type: Literal["csv", "jsonl", "parquet"] = "csv"
    encoding: str = Field("utf-8", description="of a csv: any that Python knows; a byte-order mark is dropped")
    delimiter: str = Field(",", description="of a csv: one character")
    quote: str = Field('"', description="of a csv: one character, or empty when nothing is quoted")
    header: bool = Field(True, description="of a csv: does the first line name the columns?")
    columns: tuple[ColumnName, ...] = Field((), description="of a csv without header: their names")
    compression: Literal["auto", "none", "gzip", "zstd"] = Field("auto", description="auto: by the name, .gz or .zst")
    empty: tuple[Word, ...] = Field(("",), description="texts that mean: absent")


class Quality(Strict):
    """Thresholds of this source."""

    quarantined: float | None = Field(
        None, ge=0, le=1, description="share of bad rows above which it stops; absent: MARKETFLOW_QUARANTINE_LIMIT"
    )
    volume: float = Field(0.5, ge=0, le=1, description="fewer rows than this share of the usual warns; 0: never")
    stale_after: str | None = Field(None, pattern=AGE_PATTERN, description="such as 36 hours: then warn")

    @property
    def stale_age(self) -> dt.timedelta | None:
        """`stale_after` as a length of time."""
        return age(self.stale_after) if self.stale_after else None


def _record_given(value: Any) -> Any:
    """`orders:` with nothing behind it means `orders: {}`."""
    return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


class SourceFile(Strict):
    """What a source file may say."""

    title: str = Field(min_length=3, max_length=100, description="what people call it")
    owner: str = Field(min_length=1, max_length=100, description="the team or person to ask")
    system: str = Field("", pattern=f"{NAME}|^$", description="whose numbers these are; absent: the file's name")
    from_: Origin = Field(alias="from")
    format: Format = Field(default_factory=Format)
    decimal: str = Field(".", description="the decimal mark of all numbers")
    thousands: str = Field("", max_length=3, description="marks between thousands, taken out")
    time_zone: str | None = Field(None, description="zone of times that name none; without it such a time is a fault")
    times: str | None = Field(None, min_length=2, max_length=100, description="how times look (strptime); or ISO 8601")
    unused: Literal["any"] | tuple[ColumnName, ...] = Field((), description="columns that are there and not wanted")
    schedule: str | None = Field(description="cron, in the shop's zone; null: by hand only")
    records: Annotated[dict[str, RecordMapping], BeforeValidator(_record_given)] = Field(
        min_length=1, description="what a row becomes; the first is the primary one"
    )
    quality: Quality = Field(default_factory=Quality)

    @property
    def primary(self) -> str:
        """The first record."""
        return next(iter(self.records))

    @property
    def by_name(self) -> bool:
        """Is there a record whose columns have the contract's names?"""
        return any(mapping.columns is None for mapping in self.records.values())

    @property
    def used_columns(self) -> tuple[str, ...]:
        """The source's columns (of JSON: paths) that some record is made of, or may be, each once."""
        found: list[str] = []
        for record, mapping in self.records.items():
            found += [mapping.when.column] if mapping.when else []
            columns = mapping.columns
            found += contract_of(record).names if columns is None else [c for m in columns.values() for c in m.columns]
        return tuple(dict.fromkeys(found))

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Those without which a file is refused: all that are mapped by hand, and what the contracts require."""
        found: list[str] = []
        for record, mapping in self.records.items():
            found += [mapping.when.column] if mapping.when else []
            if mapping.columns is None:
                found += [c.name for c in contract_of(record).columns if c.required and c.default is None]
            else:
                found += [c for m in mapping.columns.values() for c in m.columns]
        return tuple(dict.fromkeys(found))


class Source(SourceFile):
    """A source as loaded: the file and its name."""

    name: str


def source_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a source file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SourceFile.model_json_schema()}
    schema["properties"]["records"]["propertyNames"] = {"enum": list(CONTRACTS)}
    short = {"type": ["string", "number"], "description": "a column of the source, as it is"}
    full = schema["$defs"]["ColumnMapping"]
    schema["$defs"]["ColumnMapping"] = {"anyOf": [short, full]}
    return schema


def schema_text() -> str:
    """The JSON Schema as it stands in include/sources/source.schema.json."""
    return json.dumps(source_schema(), indent=2) + "\n"
