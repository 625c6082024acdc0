"""The body of `take_tracking`: opens and clicks from the edge service's journal into the warehouse."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.jobs import idle
from marketflow.shared import settings


def take_opens_and_clicks() -> dict[str, Any]:
    """Take what is there; skips when nothing is, without asking the database. Fails when some could not be taken."""
    from marketflow.campaigns.tracking import TrackingSummary, is_waiting, take_tracking

    cfg, summary = settings(), TrackingSummary()
    if is_waiting(cfg.tracked):
        with warehouse("sender") as conn:
            summary = take_tracking(conn, cfg.tracked, key_ring(), cfg.clock())
    if summary.problems:  # all else was taken, and stays so
        raise AirflowFailException("; ".join(summary.problems))
    if not summary.segments:
        idle("nobody has opened or clicked anything since the last run")
    return asdict(summary)
