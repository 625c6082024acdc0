"""What the demo counted, from the ledger and the inbox, as `var/demo/summary.json` and as words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from marketflow.embedded.demo_story import TRUTH
from marketflow.embedded.simulation import uplift_in_words
from marketflow.embedded.stack import Config
from marketflow.warehouse import connect, queries

_IN_WORDS = ("campaigns", "models", "simulated", "uplift", "experiments", "journeys")
Row = Mapping[str, Any]


def collect(config: Config) -> dict[str, Any]:
    """The summary's counts, each read from where it is true: the warehouse, and the Maildir's files."""
    with connect(config.dsn("owner")) as conn:
        lines = next((r for r in _rows(conn, "loads") if r["source"] == "orders"), {})
        totals = _rows(conn, "totals")[0]
        segments = {r["segment"]: r["customers"] for r in _rows(conn, "segments")}
        sent, models, simulated = _rows(conn, "sent"), _rows(conn, "models"), _rows(conn, "simulated")[0]
        found = {name: _rows(conn, name) for name in ("uplift", "experiments", "journeys")}
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
        **found,
    }


def count_mails(maildir: Path) -> int:
    """Messages in a Maildir: its files, counted."""
    return sum(1 for folder in ("new", "cur") for f in (maildir / folder).glob("*") if f.is_file())


def show(config: Config, summary: dict[str, Any]) -> None:
    """Print the summary and where to look."""
    print("\n" + json.dumps({k: v for k, v in summary.items() if k not in _IN_WORDS}, indent=2))
    for m in summary["models"]:
        print(f"  {m['model']}: {m['outcome']}")
    print("\n".join(f"  {line}" for line in in_words(summary)))
    users = ", ".join(f"{user} / {config.airflow_password(user)}" for user in ("admin", "marketer"))
    print(f"""
Look at it:
  Airflow    {config.airflow_url}   ({users})
  Inbox      {config.mailbox_url}
  Warehouse  make psql   or   make dsn ROLE=analyst   for your BI tool
  Quality    {config.home / "quality"}
  Pictures   {config.home / "demo"}   (what campaigns brought, and who stands where in the journey: simulated)
Stop it with `make stop`; go on with `make up`.""")


def in_words(summary: Mapping[str, Any]) -> list[str]:
    """What was sent, what came of it and what is true of that, a line each."""
    return [
        *_sent(summary["campaigns"]),
        _simulated(summary["simulated"]),
        *_journeys(summary["journeys"]),
        *_experiments(summary["experiments"]),
        *uplift_in_words(TRUTH, summary["uplift"]),
    ]


def _sent(campaigns: Sequence[Row]) -> list[str]:
    """A line per campaign and channel; those of a journey have an occasion for each person."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in campaigns:
        found.setdefault((row["campaign"], row["channel"]), []).append(row)
    return [
        f"{campaign} on {rows[0]['occasion'] if len(rows) == 1 else f'{len(rows)} occasions'}: "
        f"{sum(r['sent'] for r in rows)} of {sum(r['messages'] for r in rows)} {channel} messages sent"
        for (campaign, channel), rows in found.items()
    ]


def _simulated(did: Row) -> str:
    return (
        f"simulated, and marked so: {did['opens']} opens ({did['opens_by_machines']} by machines), "
        f"{did['clicks']} clicks ({did['clicks_by_machines']} by machines), {did['unsubscribed']} unsubscribed, "
        f"{did['bounced']} bounced, {did['complained']} complained, {did['orders']} orders of {did['revenue']}"
    )


def _journeys(steps: Sequence[Row]) -> list[str]:
    return [
        f"journey {name}: " + ", ".join(
            f"{row['entered']} came to {row['step']}" + (f" ({row['here_now']} are there)" if row["here_now"] else "")
            for row in steps
            if row["journey"] == name and row["entered"]
        )
        for name in dict.fromkeys(row["journey"] for row in steps if row["entered"])
    ]  # fmt: skip


def _experiments(arms: Sequence[Row]) -> list[str]:
    return [
        f"experiment {row['experiment']}, {row['arm']}: {row['conversions']} of {row['assigned']} people bought"
        f"{_against_control(row)}; {row['verdict'].replace('_', ' ')} (simulated)"
        for row in arms
    ]


def _against_control(row: Row) -> str:
    if row["difference"] is None or row["interval_low"] is None:
        return ""
    difference, low, high = (100 * row[name] for name in ("difference", "interval_low", "interval_high"))
    return f", {difference:+.1f} points to the control ({low:+.1f} to {high:+.1f} at all looks)"


def _rows(conn: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(queries("embedded")[name]).fetchall()
