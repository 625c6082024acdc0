"""Experiments in a journey's branch: people are drawn as they come to it, by the tick; here one begins and is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.experiments.running import ExperimentChanged, changed, heeded, kept
from marketflow.warehouse import queries


def begin_branch(
    conn: psycopg.Connection, journey: str, experiment: Mapping[str, Any], *, now: dt.datetime
) -> str | None:
    """Note an experiment of a journey's version that comes into force; one that people are in goes on as it began.

    Then only who decides it and when are taken over; the words returned say what else is another one now, if anything.
    `experiment` has name, allocation_version and meant. Part of the caller's transaction, which has locked the journey.
    Raises ExperimentChanged when people have entered by a version that has it with another allocation.
    """
    q, meant = queries("experiments"), experiment["meant"]
    values = {
        "campaign": journey, "experiment": experiment["name"], "now": now,
        "allocation_version": experiment["allocation_version"], "meant": Jsonb(meant), "heeded": heeded(meant),
    }  # fmt: skip
    row = conn.execute(q["read_branch"], values).fetchone()
    if row is None or not row[3]:
        conn.execute(q["begin_branch"], values)
        return None
    version, begun, started_at, _ = row
    if version != experiment["allocation_version"]:
        raise ExperimentChanged(changed(experiment["name"], begun, meant, started_at))
    conn.execute(q["heed"], values)
    return kept(begun, meant)


def branch_winner(conn: psycopg.Connection, journey: str, name: str, *, now: dt.datetime) -> str | None:
    """The arm that all go to who come at `now`, but for those who are held out; None: it was not decided by then.

    `now` is what their draws will bear: who comes before the decision is drawn by the shares, and counts.
    """
    values = {"campaign": journey, "experiment": name, "now": now}
    row = conn.execute(queries("experiments")["branch_winner"], values).fetchone()
    return row[0] if row else None
