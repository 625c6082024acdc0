"""Experiments in a journey's branch: people are drawn as they come to it, by the tick; here one begins and is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.experiments.assign import ExperimentChanged, changed
from marketflow.warehouse import queries


def begin_branch(conn: psycopg.Connection, journey: str, experiment: Mapping[str, Any], *, now: dt.datetime) -> None:
    """Note an experiment of a journey's version that comes into force; one that people are in stays as it began.

    `experiment` has name, allocation_version and meant. Part of the caller's transaction, which has locked the journey.
    Raises ExperimentChanged when people have entered by a version that has it with another allocation.
    """
    q = queries("experiments")
    values = {
        "campaign": journey, "experiment": experiment["name"], "now": now,
        "allocation_version": experiment["allocation_version"], "meant": Jsonb(experiment["meant"]),
    }  # fmt: skip
    row = conn.execute(q["read_branch"], values).fetchone()
    if row is not None and row[3]:
        version, shares, started_at, _ = row
        if version != experiment["allocation_version"]:
            raise ExperimentChanged(changed(experiment["name"], shares, experiment["meant"]["shares"], started_at))
        return
    conn.execute(q["begin_branch"], values)


def branch_winner(conn: psycopg.Connection, journey: str, name: str) -> str | None:
    """The arm that all go to who come now, but for those who are held out; None: it is not decided."""
    row = conn.execute(queries("experiments")["branch_winner"], {"campaign": journey, "experiment": name}).fetchone()
    return row[0] if row else None
