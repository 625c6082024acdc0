"""What a contract is made of. Mapping, quarantine SQL and Great Expectations suites are all made from these values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["text", "number", "instant", "day", "flag", "zone", "json", "key"]

EARLIEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
FUTURE_DAYS = 2  # how far behind the business day an instant may lie: it ends a day later, and clocks differ
INTEGER_DIGITS = 11  # before the point: numeric(14, 3) holds no more


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a record, and where it goes in raw.

    kind: `text`; `number` (plain decimal, no exponent); `instant` (a time with its zone); `day`; `flag` (true or
    false); `zone` (the name of a time zone); `json` (an object); `key` (a text of which only the keyed hash is stored).
    An absent value is null; an empty field is an absent value, quoted or not.
    """

    name: str
    target: str
    description: str
    kind: Kind = "text"
    required: bool = False
    required_with: str | None = None  # must be there when that other column (a flag) says yes
    default: str | None = None  # stands for an absent value
    max_length: int = 100  # characters of a text, bytes of a json
    pattern: str | None = None  # what the whole of a text must look like; `pattern_says` tells it to people
    pattern_says: str = ""
    allowed: tuple[str, ...] = ()
    any_spelling: bool = False  # of the words allowed: "In Stock" and "in-stock" are in_stock
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decimals: int = 0
    past: bool = True  # an instant or day that must not lie in the future
    personal: str | None = None  # the encryption context, see marketflow.privacy; stored as bytea
    hash_target: str | None = None  # where a personal value's keyed hash goes: finds it again, tells a changed one
    refusal_target: str | None = None  # and where it is said why the address cannot be used; the record stays
    unique: Literal["warn", "no"] = "no"  # in one batch; the later record wins, so it is never refused


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What no single column can say: a row for which `broken` is true goes to quarantine.

    `broken` is a SQL expression over the names of the contract's columns, typed, in words that every dialect has.
    """

    column: str
    reason: str
    broken: str


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The agreement on one record type: its name, its table in raw, its columns in order.

    key: the columns by which the shop names the thing; a record with the same key and a later time replaces it.
    is_bulk: so many rows that raw does not say again in each what ops.landing_files says of their file: where the
    source has no time of its own for them, raw's version_at is empty (to read it takes a fifth of COPY's time).
    stored: the table of which `table` is a view, where that is so: it has a row per order, with its lines in lists.
    """

    record: str
    version: str
    table: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    is_bulk: bool = False
    stored: str | None = None

    @property
    def stored_in(self) -> str:
        """The table that holds the rows; of a bulk contract `table` is a view on it."""
        return self.stored or self.table

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(c.name for c in self.columns)

    @property
    def has_personal_data(self) -> bool:
        """Must values be encrypted or hashed before they reach a table?"""
        return any(c.personal or c.kind == "key" for c in self.columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns in raw, in order: load_id, file_id and record_no come before them."""
        found: list[str] = []
        for c in self.columns:
            found += [t for t in (c.target, c.hash_target, c.refusal_target) if t]
        return tuple(found)

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError."""
        return {c.name: c for c in self.columns}[name]


def identifier(name: str, target: str, description: str, *, required: bool = True) -> Column:
    """A key that the shop gave: any text up to 64 characters."""
    return Column(name=name, target=target, description=description, required=required, max_length=64)


def money(name: str, description: str, *, minimum: str, required: bool = True, default: str | None = None) -> Column:
    """An amount in the record's currency, two decimals."""
    return Column(
        name=name, target=name, description=description, kind="number", required=required, default=default,
        minimum=Decimal(minimum), maximum=Decimal(99_999_999), decimals=2,
    )  # fmt: skip


def currency(description: str, *, name: str = "currency", required: bool = False) -> Column:
    """ISO 4217."""
    return Column(
        name=name, target=name, required=required, pattern="[A-Z]{3}", max_length=3,
        pattern_says="three capital letters (ISO 4217)", description=description,
    )  # fmt: skip


def email(description: str = "Mail address; a bad one is dropped with a code in email_refusal") -> Column:
    """A mail address: encrypted, found again by its keyed hash."""
    return Column(
        name="email", target="email", personal="email", hash_target="email_hash", refusal_target="email_refusal",
        max_length=1_000, description=description,
    )  # fmt: skip


def phone(description: str = "Telephone number; stored as E.164, a bad one is dropped with a code") -> Column:
    """A telephone number: brought to E.164, encrypted, found again by its keyed hash."""
    return Column(
        name="phone", target="phone", personal="phone", hash_target="phone_hash", refusal_target="phone_refusal",
        max_length=100, description=description,
    )  # fmt: skip


def updated_at() -> Column:
    """The source's own time of this version: the newest wins, whatever the order of delivery."""
    return Column(
        name="updated_at", target="version_at", kind="instant",
        description="When the source last changed the record; the newest wins. Absent: when the file is of",
    )  # fmt: skip


def deleted() -> Column:
    """Is this record a deletion?"""
    return Column(
        name="deleted", target="is_deleted", kind="flag", default="false",
        description="True: the source has deleted it. Absent means false",
    )  # fmt: skip


def latest_instant(business_date: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """The first instant that is too far in the future to be believed."""
    day = business_date + dt.timedelta(days=FUTURE_DAYS + 1)
    return dt.datetime.combine(day, dt.time(), zone)
