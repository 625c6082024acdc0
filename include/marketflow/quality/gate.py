"""`judge`: lets a load pass to core or refuses it, and says why in one sentence."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from marketflow.quality.batch import Outcome, examine
from marketflow.shared import Clock, MarketflowError
from marketflow.sources import contract_of, latest_instant
from marketflow.warehouse import queries

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """May the load go to core? If not, `reason` says why; `failed` names what failed, warnings included."""

    passed: bool
    reason: str | None
    failed: list[str]


@dataclass(frozen=True, kw_only=True)
class _Load:
    load_id: int
    record: str
    state: str
    reason: str | None
    read: int
    loaded: int
    quarantined: int


def judge(
    conn: psycopg.Connection, sqlalchemy_url: str, load_id: int, *, clock: Clock, limit: float, docs: Path | None
) -> Verdict:
    """Judge a load and write the verdict (state `passed` or `refused`) with all results; commits.

    `limit` is the share of quarantined records, 0 to 1, above which the batch is refused. A load may be judged
    again, say with another limit, until core has merged it. `sqlalchemy_url` (`postgresql+psycopg://`) is of a login
    that may take on the role loader. Raises MarketflowError when the load cannot be judged yet, or at all.
    """
    load = _read(conn, load_id)
    if load.state == "merged" or (load.state == "refused" and load.read == 0):
        return Verdict(passed=load.state == "merged", reason=load.reason, failed=[])
    if load.state == "loading":
        raise MarketflowError(f"load {load_id} is still being taken in, or its run died: the next run finishes it")
    latest = latest_instant(clock.business_date(), clock.time_zone)
    outcomes = [_share(load, limit)]
    if load.loaded:
        outcomes += examine(sqlalchemy_url, contract_of(load.record), load_id, latest=latest, docs=docs)
    verdict = _verdict(conn, load, limit, outcomes)
    _write(conn, load, outcomes, verdict, clock)
    return verdict


def waiting_loads(conn: psycopg.Connection, record: str) -> list[int]:
    """Loads of a record that are taken in and not judged, oldest first: also those whose run died in between."""
    rows = conn.execute(queries("quality")["waiting_loads"], {"record": record})
    return [int(load_id) for (load_id,) in rows]


def _read(conn: psycopg.Connection, load_id: int) -> _Load:
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        row = cursor.execute(queries("quality")["load"], {"load_id": load_id}).fetchone()
    conn.commit()  # judging takes seconds, on other connections: nothing of this one stays open meanwhile
    if row is None:
        raise MarketflowError(f"there is no load {load_id}")
    return _Load(**row._asdict())


def _share(load: _Load, limit: float) -> Outcome:
    share = load.quarantined / load.read if load.read else 0.0
    return Outcome(
        expectation="quarantined_share", column=None, severity="stop", success=share <= limit,
        observed={"read": load.read, "quarantined": load.quarantined, "share": round(share, 6), "limit": limit},
    )  # fmt: skip


def _verdict(conn: psycopg.Connection, load: _Load, limit: float, outcomes: list[Outcome]) -> Verdict:
    failed = [o for o in outcomes if not o.success]
    for outcome in failed:
        log.warning("load %s: %s", load.load_id, _say(outcome))
    reasons = []
    if not outcomes[0].success:
        reasons.append(_say_share(conn, load, limit))
    reasons += [_say(o) for o in failed if o.severity == "stop" and o is not outcomes[0]]
    return Verdict(passed=not reasons, reason="; ".join(reasons) or None, failed=[_name(o) for o in failed])


def _say_share(conn: psycopg.Connection, load: _Load, limit: float) -> str:
    rows = conn.execute(queries("quality")["frequent_reasons"], {"load_id": load.load_id})
    reasons = ", ".join(f"{reason} ({count})" for reason, count in rows)
    share = load.quarantined / load.read
    return (
        f"{load.quarantined:,} of {load.read:,} records of {load.record} ({share:.1%}) are in quarantine and "
        f"{limit:.1%} are allowed; most often: {reasons}"
    )


def _say(outcome: Outcome) -> str:
    bad = outcome.observed.get("unexpected_count")
    return f"{_name(outcome)} does not hold" + (f" for {bad:,} rows" if isinstance(bad, int) else "")


def _name(outcome: Outcome) -> str:
    return f"{outcome.expectation}({outcome.column})" if outcome.column else outcome.expectation


def _write(conn: psycopg.Connection, load: _Load, outcomes: list[Outcome], verdict: Verdict, clock: Clock) -> None:
    now, state = clock.now(), "passed" if verdict.passed else "refused"
    results = [
        {
            "load_id": load.load_id,
            "suite": load.record,
            "expectation": o.expectation,
            "column_name": o.column,
            "severity": o.severity,
            "success": o.success,
            "observed": Jsonb(o.observed),
            "now": now,
        }
        for o in outcomes
    ]
    with conn.cursor() as cursor:
        cursor.executemany(queries("quality")["add_result"], results)
        cursor.execute(
            queries("quality")["write_verdict"], {"load_id": load.load_id, "state": state, "reason": verdict.reason}
        )
    conn.commit()
