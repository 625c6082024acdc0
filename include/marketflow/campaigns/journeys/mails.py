"""The steps that write: everybody on one is planned as a campaign's audience is, by the same judge."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.journeys.batch import Batch
from marketflow.campaigns.policy import judge
from marketflow.privacy import ACCOUNT
from marketflow.shared import settings
from marketflow.shared.ages import age
from marketflow.warehouse import queries

_WEBHOOK_DAYS = 7


def send(batch: Batch, step: dict[str, Any]) -> int:
    """Plan and release the mail of a step for all who stand on it; the number of its plan.

    The rows of the ledger are in the transaction that moves the people: either both are there or neither. Their key is
    the journey, the visit and the step's number, so no second tick makes another one.
    """
    frozen = batch.definition["sends"][step["step"]]
    about, said = frozen["campaign"], step["send"]
    recommend = about["content"]["recommend"]
    params = {
        **_plan(batch, step, "email", frozen), "purpose": about["purpose"], "priority": about["priority"],
        "topic": about.get("topic"),
        "expires_at": batch.now + age(said["max_age"]), "oldest_on": batch.clock.business_date(), "product_ids": [],
        "list": recommend and recommend["list"], "most": recommend["limit"] if recommend else 0, "week": None,
        **batch.policy.parameters("email", about["purpose"]),
    }  # fmt: skip
    _do(batch.conn, "drop_audience", params)
    _do(batch.conn, "make_audience", params)
    batch.execute("send_audience", step=step["step"], is_in_loop=step["is_in_loop"])
    _do(batch.conn, "analyze_audience", params)
    params["plan_id"] = _one(batch.conn, "plan_insert", params)
    outcomes = judge(batch.conn, params, None)
    if outcomes.get("planned") and params["list"] == "bestsellers":
        row = _do(batch.conn, "best_sellers_week", params).fetchone()
        params["week"] = row[0] if row else None
    _do(batch.conn, "make_content", params)
    if outcomes.get("planned") and params["list"] is not None:
        _do(batch.conn, "content_for_customers", params)
    written = _do(batch.conn, "sends_insert", params).rowcount
    planned = outcomes.pop("planned", 0)
    _release(batch, params, audience=planned + sum(outcomes.values()), planned=written, refusals=outcomes)
    batch.released["email"] += written
    _do(batch.conn, "drop_audience", params)
    return int(params["plan_id"])


def tell(batch: Batch, step: dict[str, Any]) -> dict[str, Any]:
    """Write a message for another system for each who stands on the step; the channel `webhook` posts it.

    Of who is held out of all marketing it is told nothing; gives the parameters that say who these are.
    """
    said = step["webhook"]
    account_hash = batch.keys.keyed_hash(said["account"])
    values = {
        "channel": "webhook", "address_hash": account_hash, "address": batch.keys.encrypt(said["account"], ACCOUNT),
        "now": batch.now,
    }  # fmt: skip
    _do(batch.conn, "account_upsert", values)
    words = said["text"] or step["step"]
    frozen = {
        "campaign": {"name": batch.journey, "channel": "webhook", "purpose": "post"},
        "templates": {"subject": "", "text": _plain(words), "html": None},
        "subject_override": None,
    }
    params = _plan(batch, step, "webhook", frozen)
    params["plan_id"] = _one(batch.conn, "plan_insert", params)
    expires_at = batch.now + dt.timedelta(days=_WEBHOOK_DAYS)
    more = {"number": params["step"], "address_hash": account_hash, "expires_at": expires_at}
    mine = {k: params[k] for k in ("campaign", "plan_id", "mail_domain")}
    policy = batch.policy.parameters("webhook", "marketing")
    held_out = {k: policy[k] for k in ("held_out", "holdout_share", "holdout_salt")}
    told = batch.execute("tell", **{**more, **mine, **held_out, "step": step["step"]}).rowcount
    _release(batch, params, audience=told, planned=told, refusals={})
    batch.released["webhook"] += told
    return held_out


def _plan(batch: Batch, step: dict[str, Any], channel: str, frozen: dict[str, Any]) -> dict[str, Any]:
    """What a plan of one step in one tick is about."""
    kept = {**frozen, "approval": False, "contact_policy": {"version": batch.policy.version, **batch.policy.definition}}
    day = batch.clock.business_date()
    return {
        "campaign": batch.journey, "occasion": f"tick:{batch.tick_id}:{step['step']}"[:80], "channel": channel,
        "step": batch.numbers[step["step"]], "version": batch.version, "definition": Jsonb(kept), "dry_run": False,
        "now": batch.now, "business_date": day, "occasion_on": day, "time_zone": batch.clock.time_zone.key,
        "mail_domain": settings().mail_domain, "released_at": batch.now, "topic": None,
    }  # fmt: skip


def _release(batch: Batch, params: dict[str, Any], *, audience: int, planned: int, refusals: dict[str, int]) -> None:
    """Nobody has to approve a journey's step: its messages go."""
    finish = {
        "state": "planned", "audience": audience, "planned": planned, "refusals": Jsonb(refusals), "samples": Jsonb([]),
        "reason": None,
    }  # fmt: skip
    _do(batch.conn, "plan_finish", {**params, **finish})
    _do(batch.conn, "plan_release", params)


def _plain(words: str) -> str:
    """A text that a template shows as it is."""
    return words.replace("{", "(").replace("}", ")")


def _do(conn: psycopg.Connection, statement: str, params: dict[str, Any]) -> psycopg.Cursor[Any]:
    return conn.execute(queries("campaigns")[statement], params)


def _one(conn: psycopg.Connection, statement: str, params: dict[str, Any]) -> int:
    row = _do(conn, statement, params).fetchone()
    assert row is not None  # INSERT ... RETURNING
    return int(row[0])
