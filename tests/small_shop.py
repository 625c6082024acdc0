"""A small shop's export: sixty customers, half a year, products that go together. Deterministic; names easy to grep."""

from __future__ import annotations

import csv
import datetime as dt
import random
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
LAST_DAY = dt.date(2017, 12, 31)
CUSTOMERS = 60
NAMES = ["Xanthippa", "Zebulonia", "Quillback", "Wrenfield", "Yarrowby", "Oxenholme"]
SURNAMES = ["Thistlewick", "Marrowgate", "Pendlebrook"]
PRODUCTS = {
    "1": ("PASTA", "GROCERY", "DRY NOODLES"), "2": ("PASTA SAUCE", "GROCERY", "SAUCES"),
    "3": ("COFFEE", "GROCERY", "COFFEE"), "4": ("CREAMER", "GROCERY", "COFFEE"),
    "5": ("BREAD", "PASTRY", "BREAD"), "6": ("BUTTER", "DAIRY", "BUTTER"),
    "7": ("BANANAS", "PRODUCE", "FRUIT"), "8": ("SOAP", "DRUG GM", "SOAP"),
}  # fmt: skip
PAIRS = [("1", "2"), ("3", "4"), ("5", "6"), ("1", "2", "7"), ("3", "4", "5", "6"), ("8",), ("7", "8")]
ORDER_HEADER = (
    "order_id,customer_id,store_id,product_id,quantity,amount,retail_discount,coupon_discount,currency,ordered_at"
)
CUSTOMER_HEADER = (
    "customer_id,given_name,family_name,email,locale,time_zone,country,email_consent,consent_at,consent_text,age_band,"
    "income_band,home_ownership,marital_status,household_size,household_composition,kids_count,is_simulated"
)
PRODUCT_HEADER = "product_id,manufacturer_id,brand,department,category,product_type,package_size"
BEHAVIOUR_HEADER = "event_id,event_type,customer_id,campaign_id,coupon_id,occurred_at"


def person(number: int) -> tuple[str, str, str]:
    """Given name, family name and address of a customer."""
    given, family = NAMES[number % len(NAMES)], SURNAMES[number % len(SURNAMES)]
    return given, family, f"{given}.{family}{number}@mail.example.com".lower()


def write(landing: Path) -> None:
    """Write the landing files of all four records."""
    orders = _orders()
    days = sorted({day for day, _ in orders})
    for day in days:
        write_csv(landing / "orders" / f"{day}.csv", ORDER_HEADER, [row for d, row in orders if d == day])
    write_csv(landing / "customers" / "all.csv", CUSTOMER_HEADER, [_customer(n) for n in range(CUSTOMERS)])
    products = [[i, "9", "National", dep, cat, name, "1 LB"] for i, (name, dep, cat) in PRODUCTS.items()]
    write_csv(landing / "products" / "all.csv", PRODUCT_HEADER, products)
    seen = [[f"e{n}", "campaign_received", str(n), "7", "", "2017-11-01T09:00:00-04:00"] for n in range(20)]
    write_csv(landing / "behaviour" / "2017-11-01.csv", BEHAVIOUR_HEADER, seen)


def write_csv(path: Path, header: str, rows: list[list[str]]) -> None:
    """One landing file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as f:
        f.write(header + "\n")
        csv.writer(f).writerows(rows)
    part.rename(path)


def order(order_id: str, customer: int, day: dt.date, products: tuple[str, ...], hour: int = 12) -> list[list[str]]:
    """The lines of one order."""
    at = dt.datetime.combine(day, dt.time(hour, 30), tzinfo=ZONE).isoformat()
    return [[order_id, str(customer), "s1", p, "1", "2.50", "0.00", "0.00", "USD", at] for p in products]


def _orders() -> list[tuple[dt.date, list[str]]]:
    rng = random.Random(7)
    lines: list[tuple[dt.date, list[str]]] = []
    number = 0
    for customer in range(CUSTOMERS):
        rhythm, silent = 4 + customer % 9, (customer % 5 == 0) * 70  # every fifth has stayed away for ten weeks
        day = LAST_DAY - dt.timedelta(days=silent + customer % 3)
        while day > LAST_DAY - dt.timedelta(days=180):
            number += 1
            lines += [(day, row) for row in order(f"o{number}", customer, day, rng.choice(PAIRS), 8 + number % 12)]
            day -= dt.timedelta(days=rhythm)
    return lines


def _customer(number: int) -> list[str]:
    given, family, email = person(number)
    consent = "false" if number % 10 == 9 else "true"
    return [
        str(number), given, family, email, "en-US", ZONE.key, "US", consent, "2016-05-01T10:00:00-04:00",
        "Yes, write to me.", "", "", "", "", "", "", "", "true",
    ]  # fmt: skip
