"""What the demo counted, from the ledger and the inbox, as `var/demo/summary.json` and as words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from marketflow.embedded.stack import Config
from marketflow.warehouse import connect, queries

_IN_WORDS = ("campaigns", "models", "simulated")


def collect(config: Config) -> dict[str, Any]:
    """The summary's counts, each read from where it is true: the warehouse, and the Maildir's files."""
    with connect(config.dsn("owner")) as conn:
        lines = next((r for r in _rows(conn, "loads") if r["source"] == "orders"), {})
        totals = _rows(conn, "totals")[0]
        segments = {r["segment"]: r["customers"] for r in _rows(conn, "segments")}
        sent, models, simulated = _rows(conn, "sent"), _rows(conn, "models"), _rows(conn, "simulated")[0]
    mails = [s for s in sent if s["channel"] == "email"]
    return {
        "order_lines_read": int(lines.get("records_read", 0)),
        "order_lines_loaded": int(lines.get("records_loaded", 0)),
        "order_lines_quarantined": int(lines.get("records_quarantined", 0)),
        "orders": totals["orders"],
        "customers": totals["customers"],
        "revenue": str(totals["revenue"]),
        "segments": segments,
        "rules": totals["rules"],
        "recommendations": totals["recommendations"],
        "models": models,
        "mails_sent": sum(s["sent"] for s in mails),
        "mails_in_inbox": count_mails(config.home / "mail"),
        "mail_recipients": sum(s["recipients"] for s in mails),
        "posts_published": sum(s["sent"] for s in sent if s["channel"] != "email"),
        "campaigns": sent,
        "simulated": simulated,
    }


def simulated_in_words(did: dict[str, Any]) -> str:
    """What the made-up customers did, in a sentence."""
    return (
        f"simulated, and marked so: {did['opens']} opens ({did['opens_by_machines']} by machines), "
        f"{did['clicks']} clicks ({did['clicks_by_machines']} by machines), {did['unsubscribed']} unsubscribed, "
        f"{did['bounced']} bounced, {did['complained']} complained, {did['orders']} orders of {did['revenue']}"
    )


def count_mails(maildir: Path) -> int:
    """Messages in a Maildir: its files, counted."""
    return sum(1 for folder in ("new", "cur") for f in (maildir / folder).glob("*") if f.is_file())


def show(config: Config, summary: dict[str, Any]) -> None:
    """Print the summary and where to look."""
    print("\n" + json.dumps({k: v for k, v in summary.items() if k not in _IN_WORDS}, indent=2))
    for m in summary["models"]:
        print(f"  {m['model']}: {m['outcome']}")
    for c in summary["campaigns"]:
        print(f"  {c['campaign']} on {c['occasion']}: {c['sent']} of {c['messages']} {c['channel']} messages sent")
    print(f"  {simulated_in_words(summary['simulated'])}")
    users = ", ".join(f"{user} / {config.airflow_password(user)}" for user in ("admin", "marketer"))
    print(f"""
Look at it:
  Airflow    {config.airflow_url}   ({users})
  Inbox      {config.mailbox_url}
  Warehouse  make psql   or   make dsn ROLE=analyst   for your BI tool
  Quality    {config.home / "quality"}
Stop it with `make stop`; go on with `make up`.""")


def _rows(conn: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries("embedded")[name]).fetchall()
