"""The body of `control_campaign`: a person pauses, resumes or cancels a campaign, and who is written down."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from marketflow.orchestration.connections import warehouse
from marketflow.orchestration.defaults import actor
from marketflow.shared import settings

log = logging.getLogger(__name__)


def control_campaign(form: Mapping[str, Any]) -> str:
    """Do what the form says; returns in words what became of it."""
    from marketflow.campaigns import cancel, find_campaigns, hold
    from marketflow.campaigns.journeys import cancel_visits, find_journeys

    name, clock, by = form["campaign"], settings().clock(), actor()
    journeys = find_journeys().names
    if name not in (names := [*find_campaigns().names, *journeys]):
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
        raise AirflowFailException(f"there is no campaign {name!r}; {hint}")
    with warehouse() as conn:
        if form["action"] == "cancel":
            left = cancel_visits(conn, name, clock=clock) if name in journeys and not form["occasion"] else None
            done = cancel(conn, name, occasion=form["occasion"] or None, by=by, clock=clock)
            words = f"{name}: {done.plans} plans cancelled, with {done.messages:,} messages that were not sent yet"
            words += "" if left is None else f"; {left:,} people left the journey"
        else:
            held = form["action"] == "pause"
            paused = hold(conn, name, held=held, by=by, note=form["note"] or None, clock=clock)
            words = f"{name} is {'paused' if paused else 'on'}"
            if paused and not held:
                words += ": this form lets it go on, but its DAG is switched off; switch it on"
    log.info("%s", words)
    return words
