"""Purchases of the simulation, as a landing file of a source of its own: whoever got a campaign, or was held out."""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from marketflow.embedded.simulation.behaviour import Truth
from marketflow.embedded.simulation.chance import draw

FOLDER = "simulated_orders"
_COLUMNS = ("order_id", "customer_id", "product_id", "quantity", "amount", "currency", "ordered_at", "is_simulated")
_PRODUCT = "simulated"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whom a campaign chose. `arm` is empty without an experiment; `sent` is False for who was held out."""

    campaign: str
    arm: str
    customer_ref: str
    sent: bool


def write_purchases(
    path: Path, people: Iterable[Person], truth: Truth, between: tuple[dt.datetime, dt.datetime], *, currency: str
) -> int:
    """Write what people buy within the time `between`, one order for each who buys; gives their number.

    All purchases lie in the same span, also those of people who were held out.
    """
    rows = [
        _row(person, truth, between, currency)
        for person in people
        if truth.buys(person.campaign, person.arm, person.customer_ref, sent=person.sent)
    ]
    _replace(path, [_COLUMNS, *sorted(rows)])
    return len(rows)


def _row(person: Person, truth: Truth, between: tuple[dt.datetime, dt.datetime], currency: str) -> tuple[str, ...]:
    start, end = between
    at = start + (end - start) * draw("when", person.campaign, person.customer_ref)
    money = truth.money(person.campaign, person.customer_ref)
    order = f"simulated-{person.campaign}-{person.customer_ref}"
    return (order, person.customer_ref, _PRODUCT, "1", f"{money:.2f}", currency, at.isoformat(), "true")


def _replace(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Whole or not at all: names with a dot are no landing files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with passing.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)
