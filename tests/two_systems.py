"""A shop of two systems, a web shop and a till: loads that come late, are corrected, deleted, joined and converted."""

from __future__ import annotations

from typing import Any

import psycopg

from table_rows import give

Load = dict[str, Any]  # system, source (default: the system), and rows by table


def email(number: int) -> dict[str, str]:
    """An address of its own for a record."""
    return {"email": f"\\xee{number:02x}", "email_hash": f"\\x{number:064x}"}


def phone(number: int) -> dict[str, str]:
    """A telephone number of its own for a record."""
    return {"phone": f"\\xdd{number:02x}", "phone_hash": f"\\x{number + 4096:064x}"}


def loads() -> list[Load]:
    """Loads in the order of their making; each is one file, of the day that its version_at says."""
    return [
        {"system": "web", "rows": {
            "raw.customers": [{"customer_ref": str(n), "age_band": "25-34", "email_consent": True,
                               "consent_at": "2016-01-01T00:00:00Z", **email(n)} for n in range(6)],
            "raw.products": [{"product_ref": f"p{n}", "product_name": f"Thing {n}", "list_price": n} for n in range(5)],
            "raw.order_lines": [
                {"order_ref": f"o{n}", "customer_ref": str(n % 6), "product_ref": f"p{n % 7}", "amount": 5 + n,
                 "ordered_at": f"2017-{1 + n % 9:02d}-15T12:00:00Z"}
                for n in [*sorted([*range(26)] * 2), 26, 27, 26, 27, 28, 29, 29, 28]  # the last do not lie together
            ],
            "raw.events": [{"event_ref": f"e{n}", "anonymous_ref": f"browser{n % 3}", "event_type": "page",
                            "occurred_at": f"2017-{1 + n % 9:02d}-10T12:00:00Z"} for n in range(14)],
        }},
        {"system": "till", "rows": {
            "raw.customers": [{"customer_ref": f"T{n}", "gender": "f", "age_band": None, **email(n), **phone(n)} for n in range(4)]
            + [{"customer_ref": "T9", **phone(9)}],
            "raw.order_lines": [
                {"order_ref": f"o{n}", "customer_ref": f"T{n % 4}", "product_ref": "p1", "amount": 3, "currency": "EUR",
                 "ordered_at": f"2017-{1 + n:02d}-15T12:00:00Z"} for n in range(9)
            ],
            "raw.contacts": [{"customer_ref": "T9", **email(77), "label": "work"}],
            "raw.consents": [{"customer_ref": "T9", "answered_at": "2016-05-01T00:00:00Z"},
                             {**phone(1), "channel": "sms", "answered_at": "2016-05-01T00:00:00Z"}],
            "raw.interactions": [{"interaction_ref": "i1", "customer_ref": "T1", "status": "open"}],
            "raw.feedback": [{"feedback_ref": "f1", "customer_ref": "T2", "body": "\\xff"}],
            "raw.coupons": [{"coupon_ref": "c1", "campaign_ref": "spring"}],
            "raw.campaigns": [{"campaign_ref": "spring", "campaign_name": "Spring"}],
        }},
        {"system": "web", "rows": {  # corrections of a later day
            "raw.customers": [{"customer_ref": "1", "age_band": "35-44", **email(11)}, {"customer_ref": "5", "is_deleted": True},
                              {"customer_ref": "2", "age_band": "25-34", "email_consent": True,
                               "consent_at": "2016-01-01T00:00:00Z", **email(2)}],
            "raw.order_lines": [
                {"order_ref": "o3", "customer_ref": "4", "product_ref": "p4", "amount": 50, "ordered_at": "2017-05-20T12:00:00Z"},
                {"order_ref": "o4", "product_ref": "p4", "is_deleted": True},
                {"order_ref": "r1", "customer_ref": "2", "product_ref": "p2", "amount": -7, "quantity": -1, "kind": "return",
                 "original_order_ref": "o2", "ordered_at": "2017-07-01T12:00:00Z"},
            ],
            "raw.events": [{"event_ref": "s1", "customer_ref": "3", "anonymous_ref": "browser1", "event_type": "page",
                            "occurred_at": "2017-08-10T12:00:00Z"},
                           {"event_ref": "e4", "anonymous_ref": "browser1", "event_type": "product_viewed",
                            "product_ref": "p1", "occurred_at": "2017-03-10T12:00:00Z"}],
            "raw.products": [{"product_ref": "p1", "product_name": "Thing One", "list_price": 9}, {"product_ref": "p3", "is_deleted": True}],
        }},
        {"system": "till", "rows": {
            "raw.exchange_rates": [{"currency": "EUR", "rate_on": "2017-02-01", "rate": 1.1}, {"currency": "EUR", "rate_on": "2017-06-01", "rate": 1.2}],
            "raw.interactions": [{"interaction_ref": "i1", "customer_ref": "T1", "status": "solved"}],
            "raw.feedback": [{"feedback_ref": "f1", "customer_ref": "T2", "is_deleted": True}],
        }},
        {"system": "web", "rows": {
            "raw.exchange_rates": [{"currency": "EUR", "rate_on": "2017-06-01", "rate": 1.5}],
            "raw.customers": [{"customer_ref": "8", **phone(9), "age_band": "65+"}],
        }},
    ]  # fmt: skip


def deliver(conn: psycopg.Connection, number: int, load: Load, *, times: bool = True) -> None:
    """Put a load into raw as load and file `number`, passed and not merged; its records are of the day `number`."""
    source = load.get("source", load["system"])
    give(conn, "ops.loads", [{"load_id": number, "system": load["system"], "source": source}])
    give(
        conn,
        "ops.landing_files",
        [{"file_id": number, "load_id": number, "source": source, "checksum": f"\\x{number:02x}"}],
    )
    at = {"version_at": f"2017-10-{number:02d}T00:00:00Z"} if times else {}
    for table, rows in load["rows"].items():
        give(conn, table, [{"load_id": number, "file_id": number, **at, **row} for row in rows])
