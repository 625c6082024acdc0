"""Loads as the loader leaves them, without the loader: what the gate reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from marketflow.quality import Verdict, judge
from marketflow.shared import Clock
from marketflow.sources import Source, contract_of
from marketflow.warehouse import connect
from table_rows import give

AT = "2017-12-31T15:00:00Z"
ROWS: dict[str, dict[str, Any]] = {
    "orders": {
        "order_ref": "o1", "customer_ref": "c1", "product_ref": "p1", "quantity": 1, "amount": 2.5,
        "retail_discount": 0, "coupon_discount": 0, "currency": "USD", "ordered_at": AT, "kind": "sale",
    },
    "customers": {"customer_ref": "c1", "is_simulated": True},
    "contacts": {"customer_ref": "c1"},
    "consents": {"channel": "email", "purpose": "marketing", "granted": True, "answered_at": AT},
    "products": {"product_ref": "p1", "department": "GROCERY"},
    "behaviour": {"event_ref": "e1", "event_type": "page", "occurred_at": AT},
    "interactions": {"interaction_ref": "i1", "kind": "call", "occurred_at": AT},
    "feedback": {"feedback_ref": "f1", "rating": 4, "rating_max": 5, "given_at": AT},
    "campaigns": {"campaign_ref": "k1", "starts_on": "2017-12-01", "ends_on": "2018-12-01"},
    "coupons": {"coupon_ref": "x1", "discount_percent": 10},
    "exchange_rates": {"currency": "GBP", "base_currency": "USD", "rate_on": "2017-12-31", "rate": 1.25},
}  # fmt: skip


def url(dsn: str) -> str:
    """With the driver that Great Expectations needs to be told."""
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


def source_file(name: str = "shop_export", *, records: dict[str, Any] | None = None, **quality: Any) -> Source:
    """A source with these thresholds."""
    return Source.model_validate(
        {"name": name, "title": "The shop", "owner": "tests", "from": {"folder": "x"}, "schedule": None,
         "records": records or {"orders": {}}, "quality": quality}
    )  # fmt: skip


def enter(
    conn: psycopg.Connection, load_id: int, records: dict[str, list[dict[str, Any]]], *, source: str = "shop_export",
    quarantined: tuple[str, ...] = (), refused: tuple[str, ...] = (), kind: str = "files", state: str = "loaded",
) -> None:  # fmt: skip
    """A load with one file, its good rows by record, bad rows by reason, and files refused by reason."""
    first = next(iter(records), "orders")
    rows = len(records.get(first, []))
    totals = {"records_read": rows + len(quarantined), "records_loaded": rows, "records_quarantined": len(quarantined)}
    load = {"load_id": load_id, "source": source, "system": "shop", "record": first, "kind": kind, "state": state}
    give(conn, "ops.loads", [{**load, "files": 1, "started_at": AT, "finished_at": AT, **totals}])
    file = {"load_id": load_id, "source": source, "bytes": 1, "taken_at": AT}
    give(conn, "ops.landing_files", [
        {**file, "file_id": load_id * 100, "path": "a.csv", "checksum": f"\\x{load_id:064x}", "state": "loaded", **totals},
        *({**file, "file_id": load_id * 100 + n, "path": f"bad{n}.csv", "checksum": f"\\x{load_id:062x}{n:02x}",
           "state": "refused", "reason": reason} for n, reason in enumerate(refused, start=1)),
    ])  # fmt: skip
    for record, given in records.items():
        give(conn, "ops.load_records", [{"load_id": load_id, "record": record, "records_loaded": len(given)}])
        contract = contract_of(record)
        stamp: dict[str, Any] = {"load_id": load_id, "file_id": load_id * 100, "version_at": AT}
        if "is_deleted" in contract.targets:
            stamp["is_deleted"] = False
        give(conn, contract.table, [stamp | ROWS[record] | row for row in given])
    bad = {"load_id": load_id, "file_id": load_id * 100, "record": first, "payload": "\\x00", "payload_bytes": 1}
    give(conn, "ops.quarantine", [
        {**bad, "record_no": rows + n, "reason": reason, "quarantined_at": AT, "quarantine_id": load_id * 1000 + n,
         "payload_kind": "fields"}
        for n, reason in enumerate(quarantined, start=1)
    ])  # fmt: skip
    conn.commit()


@dataclass(frozen=True)
class Gate:
    """Judges loads as the role loader."""

    dsn: str
    clock: Clock

    def __call__(
        self, load_id: int, *, source: Any = None, limit: float | None = None, docs: Path | None = None
    ) -> Verdict:
        with connect(self.dsn, "loader") as conn:
            return judge(conn, url(self.dsn), load_id, source=source, clock=self.clock, limit=limit, docs=docs)
