"""After planning: approve or reject, release. Each may be repeated with the same end."""

from __future__ import annotations

from typing import Any

import psycopg

from marketflow.shared import Clock, MarketflowError
from marketflow.warehouse import queries


def decide(conn: psycopg.Connection, plan_id: int, *, approved: bool, by: str, clock: Clock) -> None:
    """Note a person's decision on a plan. Rejecting cancels its rows; the same people may be planned anew.

    Those whom an event brought are, once the campaign has been changed: it would ask about the same people again and
    again otherwise.

    Raises MarketflowError when the plan was decided otherwise already, or cannot be decided (refused).
    """
    params = {"plan_id": plan_id, "by": by, "now": clock.now(), "state": "approved" if approved else "rejected"}
    with conn.transaction():
        state = locked(conn, plan_id)["state"]
        if conn.execute(queries("campaigns")["plan_decide"], params).rowcount:
            if not approved:
                conn.execute(queries("campaigns")["sends_cancel"], params)
        elif state not in ({"approved", "released"} if approved else {"rejected", "cancelled"}):
            raise MarketflowError(f"plan {plan_id} is {state}; it cannot be {params['state']} any more")


def release(conn: psycopg.Connection, plan_id: int, *, clock: Clock) -> int:
    """Let a plan's messages go: `planned` to `released`. Returns how many of the plan are released, by now or before.

    Dry runs, refused, rejected and cancelled plans have none: 0. Raises MarketflowError while it waits for approval.
    """
    q, params = queries("campaigns"), {"plan_id": plan_id, "now": clock.now()}
    with conn.transaction():
        plan = locked(conn, plan_id)
        if plan["is_dry_run"] or plan["state"] in ("refused", "rejected", "cancelled"):
            return 0
        if plan["needs_approval"] and plan["state"] == "planned":
            raise MarketflowError(f"plan {plan_id} of {plan['campaign']} waits for approval; nothing was released")
        if not conn.execute(q["plan_release"], params).rowcount and plan["state"] != "released":
            return 0  # cancelled in this very moment
        conn.execute(q["sends_release"], params)
        row = conn.execute(q["sends_released"], params).fetchone()
    return int(row[0]) if row else 0


def locked(conn: psycopg.Connection, plan_id: int) -> dict[str, Any]:
    """The plan, with its occasion locked against planners; raises MarketflowError when there is none."""
    q = queries("campaigns")
    fields = ("campaign", "occasion", "state", "is_dry_run", "needs_approval")
    for statement in ("lock_occasion", None):  # read, lock, and read again what may have changed meanwhile
        row = conn.execute(q["plan_read"], {"plan_id": plan_id}).fetchone()
        if row is None:
            raise MarketflowError(f"there is no plan {plan_id}")
        plan = dict(zip(fields, row, strict=True))
        if statement:
            conn.execute(q[statement], plan)
    return plan
