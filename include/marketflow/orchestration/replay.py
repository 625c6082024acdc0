"""The bodies of `replay_quarantine`'s tasks: the form becomes a selection, and who filled it in is written down."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.defaults import actor, as_date
from marketflow.orchestration.jobs import idle, judge_loads
from marketflow.shared import settings

if TYPE_CHECKING:
    from marketflow.sources import Selection, Source

log = logging.getLogger(__name__)


def replay_rows(form: Mapping[str, Any]) -> dict[str, Any]:
    """Load the selected rows that are good now; a dry run says what would arrive and ends the run there."""
    from marketflow.sources import read_repairs, replay_quarantine

    cfg = settings()
    with warehouse("loader") as conn:
        summary = replay_quarantine(
            conn, _source(form["source"]), _selection(form), keys=key_ring(), clock=cfg.clock(), shop=cfg.shop(),
            repairs=read_repairs(form["repairs"] or ""), actor=actor(), dry_run=form["dry_run"],
        )  # fmt: skip
    result = asdict(summary)
    for reason, rows in summary.reasons.items():
        log.info("%s rows wait on: %s", rows, reason)
    if form["dry_run"]:
        get_current_context()["ti"].xcom_push(key="return_value", value=result)
        raise AirflowSkipException(f"dry run: {summary.arrived} of {summary.looked_at} rows would arrive")
    if not summary.arrived:
        idle(f"none of the {summary.looked_at} selected rows is good; the log says what is wrong with them")
    return result


def judge_replayed(form: Mapping[str, Any]) -> list[int]:
    """Let the load pass to core, or refuse it with the reason."""
    return judge_loads(_source(form["source"]), None, again=False)


def _source(name: str) -> Source:
    from marketflow.sources import find_sources

    found = {source.name: source for source in find_sources(settings().sources).good}
    if name not in found:
        raise AirflowFailException(f"there is no source {name!r} that can be read; there are {', '.join(found)}")
    return found[name]


def _selection(form: Mapping[str, Any]) -> Selection:
    from marketflow.sources import Selection

    numbers = tuple(map(int, form["numbers"])) if form["numbers"] else None
    return Selection(
        reason=form["reason"] or None, load_id=form["load"], day_from=as_date(form["from"]),
        day_to=as_date(form["to"]), numbers=numbers,
    )  # fmt: skip
