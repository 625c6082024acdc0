"""Small landing files for tests: rows are given by what differs from a good one."""

from __future__ import annotations

import csv
import io
from pathlib import Path

ORDER = {
    "order_id": "o1", "customer_id": "c1", "store_id": "s1", "product_id": "p1", "quantity": "1", "amount": "2.50",
    "retail_discount": "0.00", "coupon_discount": "0.10", "currency": "USD",
    "ordered_at": "2017-12-31T10:00:00-05:00",
}  # fmt: skip
CUSTOMER = {
    "customer_id": "c1", "given_name": "Ottoline", "family_name": "Quackenbush",
    "email": "ottoline.quackenbush@example.com", "locale": "en-US", "time_zone": "America/New_York", "country": "US",
    "email_consent": "true", "consent_at": "2016-05-01T12:00:00-04:00", "consent_text": "Yes, please.", "age_band": "",
    "income_band": "", "home_ownership": "", "marital_status": "", "household_size": "", "household_composition": "",
    "kids_count": "", "is_simulated": "true",
}  # fmt: skip
PRODUCT = {
    "product_id": "p1", "manufacturer_id": "m1", "brand": "National", "department": "GROCERY", "category": "ICE",
    "product_type": "CRUSHED", "package_size": "22 LB",
}  # fmt: skip
EVENT = {
    "event_id": "e1", "event_type": "coupon_redeemed", "customer_id": "c1", "campaign_id": "26", "coupon_id": "9",
    "occurred_at": "2017-12-30T12:00:00-05:00",
}  # fmt: skip
GOOD = {"orders": ORDER, "customers": CUSTOMER, "products": PRODUCT, "behaviour": EVENT}


def as_csv(record: str, *changes: dict[str, str], header: list[str] | None = None) -> bytes:
    """A file with one row per dictionary of changes, in the contract's column order or in that of `header`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header or list(GOOD[record]), lineterminator="\n")
    writer.writeheader()
    for change in changes:
        writer.writerow({**GOOD[record], **change})
    return out.getvalue().encode()


def write(landing: Path, name: str, data: bytes) -> Path:
    """Put a file into the landing folder; `name` is `orders/2017-12-31.csv` or the like."""
    path = landing / name
    path.write_bytes(data)
    return path
