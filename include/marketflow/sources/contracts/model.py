"""What a contract is made of. Readers, quarantine SQL and Great Expectations suites are all made from these values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["text", "number", "instant", "flag", "zone"]

EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
FUTURE_DAYS = 2  # how far behind the business day an instant may lie: it ends a day later, and clocks differ

# The text of a value, in the part of the pattern language that Python and PostgreSQL read alike.
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
FLAG = r"true|false|True|False|TRUE|FALSE"
ZONE = r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*"
INTEGER_DIGITS = 11  # before the point: numeric(14, 3) holds no more


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a landing file, and where it goes in raw.

    kind: `text`; `number` (plain decimal, no exponent); `instant` (ISO 8601 with offset); `flag` (true or false);
    `zone` (the name of a time zone). An empty field is an absent value, quoted or not.
    """

    name: str
    target: str
    description: str
    kind: Kind = "text"
    required: bool = False
    required_with: str | None = None  # must be there when that other column is
    default: str | None = None  # stands for an absent value
    max_length: int = 100  # characters of a text
    pattern: str | None = None  # what the whole of a text must look like; `pattern_says` tells it to people
    pattern_says: str = ""
    allowed: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decimals: int = 0
    personal: str | None = None  # the encryption context, see marketflow.privacy
    unique: Literal["warn", "no"] = "no"  # in one batch; the later record wins, so it is never refused


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The agreement on one record type: its landing folder's name, its table in raw, its columns in order."""

    record: str
    table: str
    description: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The header of a landing file."""
        return tuple(c.name for c in self.columns)

    @property
    def has_personal_data(self) -> bool:
        """Must its values be encrypted before they reach a table?"""
        return any(c.personal for c in self.columns)

    @property
    def has_email(self) -> bool:
        """Is there a mail address? Its refusals are then counted in `email_refusal`."""
        return any(c.personal == "email" for c in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name in the file; raises KeyError."""
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


def latest_instant(business_date: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """The first instant that is too far in the future to be believed."""
    day = business_date + dt.timedelta(days=FUTURE_DAYS + 1)
    return dt.datetime.combine(day, dt.time(), zone)
