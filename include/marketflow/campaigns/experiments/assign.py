"""Drawing people into arms: one set-based statement over those of a plan who may get the campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from marketflow.campaigns.definition import Campaign
from marketflow.campaigns.definition.experiment import HELD_OUT, Experiment
from marketflow.campaigns.experiments.running import ExperimentChanged, changed, heeded, kept
from marketflow.campaigns.experiments.words import content_version
from marketflow.warehouse import queries


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """How many of a plan are in which arm, the holdout too; in the order of campaign.yaml. `winner`: it was decided.

    `warning`: what people who approve should know of it.
    """

    people: dict[str, int]
    winner: str | None
    warning: str | None = None


_REWRITTEN = (
    "experiment: its templates have been changed since it began; its figures are of the old and the new ones together. "
    "A new name would begin anew"
)


def assign(conn: psycopg.Connection, campaign: Campaign, plan: Mapping[str, Any]) -> Assigned | None:
    """Give the planned members of a plan their arms, and hold out whom the experiment holds out; None without one.

    `plan` has plan_id, campaign, dry_run and now. Runs in the planning transaction after all other checks, so that
    those who are held out are people who would have got it. Raises ExperimentChanged.
    """
    experiment = campaign.experiment
    if experiment is None:
        return None
    winner, warning = _begin(conn, campaign, experiment, plan)
    names, bounds = _bounds(experiment, winner)
    q = queries("experiments")
    conn.execute(q["note_experiment"], {**plan, "experiment": experiment.name})
    drawn = {"salt": f"{plan['campaign']}/{experiment.name}", "names": names, "bounds": bounds}
    conn.execute(q["draw_members"], {**plan, **drawn})
    found: dict[str, int] = dict(conn.execute(q["count_variants"], plan).fetchall())
    order = sorted(names, key=lambda name: name == HELD_OUT)
    return Assigned(people={name: int(found.get(name, 0)) for name in order}, winner=winner, warning=warning)


def _begin(
    conn: psycopg.Connection, campaign: Campaign, experiment: Experiment, plan: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Note the experiment unless this is a dry run; the arm that has won and a warning, if any."""
    q, content = queries("experiments"), content_version(campaign)
    meant = {**experiment.meant(campaign.window_days), "content": content}
    values = {
        **plan, "experiment": experiment.name, "allocation_version": experiment.allocation_version,
        "meant": Jsonb(meant), "heeded": heeded(meant),
    }  # fmt: skip
    if not plan["dry_run"]:
        conn.execute(q["begin_experiment"], values)
    row = conn.execute(q["read_experiment"], values).fetchone()
    if row is None:
        return None, None
    version, begun, winner, started_at, is_running = row
    if version != experiment.allocation_version and is_running:
        raise ExperimentChanged(f"experiment.arms: {changed(experiment.name, begun, meant, started_at)}")
    if version != experiment.allocation_version:
        return None, None  # nobody is in it yet: this plan begins it anew
    if not is_running:
        return winner, None
    if not plan["dry_run"]:
        conn.execute(q["heed"], values)
    told = [_REWRITTEN if begun["content"] != content else None, kept(begun, meant)]
    return winner, "; ".join(words for words in told if words) or None


def _bounds(experiment: Experiment, winner: str | None) -> tuple[list[str], list[float]]:
    """Where in 0 to 1 the holdout and each arm begin. The holdout is first, so that it stays when an arm has won."""
    shares = {name: arm.share for name, arm in experiment.arms.items()}
    if winner in shares:
        shares = {winner: 100 - experiment.holdout}
    if experiment.holdout:
        shares = {HELD_OUT: experiment.holdout, **shares}
    return list(shares), [round(total / 100, 6) for total in accumulate([0.0, *list(shares.values())[:-1]])]
