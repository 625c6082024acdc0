"""Who is scored: everybody, or only those who did something since, while the other lists are taken over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from marketflow.warehouse import fetch_integers, position, queries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.warehouse import ModelRun

WHOLE_EVERY_DAYS = 7
"""Lists that are taken over fade: popular products change, and what is due passes."""
_MOST_CHANGED = 0.5
"""The share of the customers from which on it is not worth while to tell them apart."""


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """`customers`: those to score, ascending. `carried_from`: the run whose lists the others keep; None: nobody does.

    `whole_as_of`: the day as of which everybody was last scored. `changes_seen`: the newest change that this run knows.
    """

    customers: NDArray[np.int64]
    carried_from: int | None
    whole_as_of: dt.date
    changes_seen: int

    def facts(self) -> dict[str, Any]:
        """For the book of runs, and for the next run to read."""
        return {
            "scored_customers": len(self.customers),
            "carried_from_run": self.carried_from,
            "whole_as_of": self.whole_as_of.isoformat(),
            "changes_seen": self.changes_seen,
        }


@dataclass(frozen=True, kw_only=True)
class _Published:
    run_id: int
    as_of: dt.date
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def may_carry(self, run: ModelRun, parameters: Mapping[str, Any], by_rule: Collection[str]) -> bool:
        """Are its lists made as this run makes them, and are they young enough?"""
        whole = self.metrics.get("whole_as_of")
        return (
            whole is not None
            and self.as_of <= run.as_of < dt.date.fromisoformat(whole) + dt.timedelta(days=WHOLE_EVERY_DAYS)
            and dict(self.parameters) == dict(parameters)
            and set(self.metrics.get("by_rule", {})) == set(by_rule)
        )


def refresh(
    conn: psycopg.Connection,
    run: ModelRun,
    everybody: NDArray[np.int64],
    *,
    parameters: Mapping[str, Any],
    by_rule: Collection[str],
    whole: bool,
) -> Refresh:
    """Whom to score in `run`, of `everybody` (ascending).

    Only those of whom anything has changed since the published run, and those who have no list in it, if that run has
    the same `parameters` and makes the same lists by rule (names in `by_rule`), and everybody was scored less than
    seven days before. `whole` scores everybody; so do test runs, and where most customers have changed.
    """
    newest = position(conn, run.model)[1]
    earlier = None if whole or run.is_test else _published(conn, run.model)
    if earlier is not None and earlier.may_carry(run, parameters, by_rule):
        changed = _changed(conn, run, earlier, newest)
        if len(changed) <= _MOST_CHANGED * len(everybody):
            whole_as_of = dt.date.fromisoformat(earlier.metrics["whole_as_of"])
            return Refresh(
                customers=changed, carried_from=earlier.run_id, whole_as_of=whole_as_of, changes_seen=newest
            )  # fmt: skip
    return Refresh(customers=everybody, carried_from=None, whole_as_of=run.as_of, changes_seen=newest)


def carry_over(conn: psycopg.Connection, run: ModelRun, found: Refresh) -> dict[str, int]:
    """Write the lists of those who are not scored, as the earlier run has them; gives rows by list."""
    values = {"run": run.run_id, "earlier": found.carried_from, "scored": found.customers.tolist()}
    return dict(conn.execute(queries("product_recommendations")["carry_over"], values).fetchall())


def _published(conn: psycopg.Connection, model: str) -> _Published | None:
    row = conn.execute(queries("product_recommendations")["published"], {"model": model}).fetchone()
    if row is None:
        return None
    return _Published(run_id=row[0], as_of=row[1], parameters=row[2], metrics=row[3])


def _changed(conn: psycopg.Connection, run: ModelRun, earlier: _Published, newest: int) -> NDArray[np.int64]:
    values = {
        "earlier": earlier.run_id, "earlier_as_of": earlier.as_of, "as_of": run.as_of,
        "seen": earlier.metrics["changes_seen"], "newest": newest,
    }  # fmt: skip
    return fetch_integers(conn, queries("product_recommendations")["changed"], values, ("customer",))["customer"]
