"""The daily look: SQL counts, a handful of rows is judged, SQL writes what was seen and, once, who has won."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from marketflow.evaluation.experiments.verdict import ALARM, Arm, Look, judge_counts
from marketflow.shared import Clock
from marketflow.warehouse import lock_job, queries

log = logging.getLogger(__name__)
LATE_DAYS = 2  # for orders that are delivered late


@dataclass(frozen=True, kw_only=True)
class Looked:
    """How many experiments were looked at, which were decided by this look, which alarm; as campaign/name."""

    experiments: int
    decided: list[str]
    alarms: list[str]


def judge_experiments(conn: psycopg.Connection, *, clock: Clock) -> Looked:
    """Look at each experiment that may have news, write the look, and decide what may be decided.

    Repeated on one day it replaces that day's look; a decision that stands is left alone.
    """
    q, times = queries("experiments"), {"now": clock.now(), "late_days": LATE_DAYS}
    looks: dict[str, tuple[Look, bool]] = {}
    with conn.transaction():
        lock_job(conn, "judge_experiments")
        found = conn.cursor(row_factory=dict_row).execute(q["experiments_open"], times).fetchall()
        for experiment in found:
            name = f"{experiment['campaign']}/{experiment['experiment']}"
            looks[name] = _look(conn, experiment, clock)
    alarms = [name for name, (look, _) in looks.items() if min(look.ratio_p, look.sent_ratio_p) < ALARM]
    for name in alarms:
        log.warning("experiment %s: people are in other shares than was meant; nothing is decided", name)
    return Looked(experiments=len(looks), decided=[n for n, (_, is_new) in looks.items() if is_new], alarms=alarms)


def _look(conn: psycopg.Connection, experiment: Mapping[str, Any], clock: Clock) -> tuple[Look, bool]:
    """The look, and whether it has decided."""
    q, definition, now = queries("experiments"), experiment["definition"], clock.now()
    values = {
        **experiment, "now": now, "window_days": definition["window_days"], "late_days": LATE_DAYS,
        "look_on": clock.day_of(now), "is_journey": "step" in definition,
    }  # fmt: skip
    del values["definition"]
    rows = {str(r["variant"]): r for r in conn.cursor(row_factory=dict_row).execute(q["count_arms"], values).fetchall()}
    counts = {name: Arm(**{f: int(row[f]) for f in Arm.__dataclass_fields__}) for name, row in rows.items()}
    look = judge_counts(definition, counts, began_at=experiment["began_at"], now=now)
    shown = {"ratio_p": look.ratio_p, "sent_ratio_p": look.sent_ratio_p}
    arms = _rows(definition, counts, look, is_simulated=any(row["is_simulated"] for row in rows.values()))
    conn.execute(q["write_look"], {**values, **shown, "arms": Jsonb(arms)})
    if look.winner is None or definition["winner"] != "auto":
        return look, False
    decided = conn.execute(q["decide"], {**values, "winner": look.winner, "reason": look.reason}).rowcount
    return look, bool(decided)


def _rows(
    definition: Mapping[str, Any], counts: Mapping[str, Arm], look: Look, *, is_simulated: bool
) -> list[dict[str, Any]]:
    shares = dict(definition["shares"])
    return [
        {
            "arm": name, **asdict(counts.get(name, Arm())), **asdict(judged), "is_simulated": is_simulated,
            "is_control": name == definition["control"], "share": shares[name],
        }
        for name, judged in look.arms.items()
    ]  # fmt: skip
