"""docs/contracts.md: what every record must look like, for those who write source files."""

from __future__ import annotations

from decimal import Decimal

from marketflow.sources import CONTRACTS, Column, Contract

_HEAD = """<!-- Written by `make docs`; never edited. -->
# Contracts of the records

A source file (`include/sources/<name>.yaml`) says how a shop's columns become the columns of one or several of these
records. A row that does not fit goes to quarantine with the reason; its neighbours are loaded.

{links}

## How it works

* **An absent value** is null: an empty field, quoted or not, and whatever else the source calls `empty`. *Default*
  stands for an absent value; a column that is required and absent puts the row into quarantine.
* **Versions.** A record with the same key replaces what was known, when it is newer: by its own `updated_at`, or else
  by the file's time (the date in its name, if the source says how it is `dated`; else when it was taken in). The order
  of delivery does not matter. Of customers and products the earlier versions are kept
  (`core.customer_versions`, `core.product_versions`).
* **Deletions.** A row with `deleted` true deletes the record as of its time; a version that is older than the deletion
  does not bring it back, a newer one does. It needs the key; the other required columns are required all the same.
* **Orders** come as lines. All lines of an order stand in one file (or window), and a newer version of the order
  replaces all of them. Two identical lines are two lines. A return or cancellation is an order of its own: it has its
  own number, negative amounts, and counts on its own day.
* **Instants** have a zone, in the text or by the source's `time_zone`; they lie after 1999 and at most two days after
  the business day. **Numbers** are plain decimals; more decimals than are listed put the row into quarantine.
* **Personal** columns are encrypted before they reach a table. Mail addresses, telephone numbers and keys are found
  again by a keyed hash. Where an address cannot be used, the row stays and a code says why.
"""


def contracts_page() -> str:
    """The whole document, as Markdown."""
    links = " · ".join(f"[{name}](#{name})" for name in CONTRACTS)
    return _HEAD.format(links=links) + "".join(map(_section, CONTRACTS.values()))


def _section(contract: Contract) -> str:
    key = ", ".join(f"`{k}`" for k in contract.key)
    table = _link(contract.table) + (f", a view on {_link(contract.stored)}" if contract.stored else "")
    lines = [
        "",
        f"## {contract.record}",
        "",
        f"{contract.description}. Version {contract.version}; key {key}; arrives in {table}.",
        "",
        "| column | kind | required | default | limits | meaning |",
        "|---|---|---|---|---|---|",
        *(_row(column) for column in contract.columns),
    ]
    if contract.rules:
        lines += ["", "A row is also put into quarantine when:", ""]
        lines += [f"* {rule.reason} (`{rule.broken}`)" for rule in contract.rules]
    return "\n".join(lines) + "\n"


def _link(table: str) -> str:
    return f"[`{table}`](catalogue.html#{table})"


def _row(column: Column) -> str:
    cells = [
        f"`{column.name}`",
        column.kind + (", personal" if column.personal else ""),
        _required(column),
        f"`{column.default}`" if column.default is not None else "",
        _limits(column),
        column.description,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _required(column: Column) -> str:
    if column.required:
        return "yes"
    return f"with `{column.required_with}`" if column.required_with else ""


def _limits(column: Column) -> str:
    of_kind = {
        "number": _bounds(column),
        "instant": "not in the future" if column.past else "",
        "day": "not in the future" if column.past else "",
        "json": f"an object, up to {column.max_length:,} bytes",
        "flag": "true or false",
        "zone": "a name in the tz database",
    }
    words = ", ".join(f"`{word}`" for word in column.allowed) or column.pattern_says
    if column.any_spelling:
        words += "; capitals, and blanks or hyphens for `_`, do not matter"
    return of_kind.get(column.kind, words or f"up to {column.max_length:,} characters")


def _bounds(column: Column) -> str:
    low, high = _plain(column.minimum), _plain(column.maximum)
    decimals = f", {column.decimals} decimals" if column.decimals else ", whole"
    return f"{low} to {high}{decimals}"


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,f}"
