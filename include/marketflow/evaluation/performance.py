"""What became of campaigns and what they brought, from the ledger, what people did with messages, and orders."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import psycopg

from marketflow.evaluation.arms import ArmSums, uplift_of_arms
from marketflow.evaluation.attribution import HALF_LIFE_DAYS
from marketflow.shared import Clock, settings
from marketflow.warehouse import data_as_of, load_transforms, lock_job, queries, run_transform

TABLE = "marts.campaign_performance"
_BEFORE_UPLIFT = (
    TABLE, "marts.attributed_orders", "marts.campaign_attribution", "marts.campaign_results", "marts.campaign_arms",
)  # fmt: skip
_UPLIFT = "marts.campaign_uplift"
TABLES = (*_BEFORE_UPLIFT, _UPLIFT)


def evaluate_campaigns(
    conn: psycopg.Connection,
    *,
    clock: Clock,
    attribution_days: int | None = None,
    half_life_days: float = HALF_LIFE_DAYS,
    currency: str | None = None,
) -> int:
    """Bring the marts about campaigns up to date, in one transaction; gives the rows of marts.campaign_performance.

    An order counts for a message when it was placed within `attribution_days` days after the message was sent; None is
    each campaign's own window. `half_life_days`: of attribution by time decay. `currency`: the shop's own, ISO 4217, in
    which costs are comparable with revenue; None is the setting's.
    """
    tomorrow = clock.business_date() + dt.timedelta(days=1)
    params: dict[str, Any] = {
        "attribution_days": attribution_days, "half_life_days": half_life_days, "now": clock.now(),
        "base_currency": currency or settings().currency,
        "known_until": dt.datetime.combine(tomorrow, dt.time.min, clock.time_zone),
    }  # fmt: skip
    with conn.transaction():
        lock_job(conn, "evaluate_campaigns")
        conn.execute(queries("evaluation")["settings"])
        as_of, rows, transforms = data_as_of(conn, clock), {}, load_transforms()
        for table in _BEFORE_UPLIFT:
            rows[table] = run_transform(conn, transforms[table], params, now=params["now"], data_as_of=as_of).rows
        params["uplift"] = json.dumps(uplift_of_arms(_arms(conn)), allow_nan=False)
        run_transform(conn, transforms[_UPLIFT], params, now=params["now"], data_as_of=as_of)
    return rows[TABLE]


def _arms(conn: psycopg.Connection) -> list[ArmSums]:
    """A few rows per campaign: how many they are does not depend on how many people there are."""
    return [ArmSums(*row) for row in conn.execute(queries("evaluation")["arms"])]
