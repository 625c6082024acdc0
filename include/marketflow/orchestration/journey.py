"""Each journey is a DAG of its own: every few minutes it lets people in and moves those who are due."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from marketflow.orchestration.assets import released
from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.defaults import COMMON, PLANNING_LIMIT
from marketflow.shared import DefinitionError, settings

if TYPE_CHECKING:
    from marketflow.campaigns.journeys import Journey

log = logging.getLogger(__name__)


def define_journey(journey: Journey) -> DAG:
    """The DAG of a journey: enrol, move, and one task for each channel, which wakes its delivery."""

    @dag(
        dag_id=journey.name,
        dag_display_name=journey.title,
        schedule=CronTriggerTimetable(journey.cron, timezone=settings().time_zone),
        doc_md=_runbook(journey),
        tags=["journey"],
        params={
            "dry_run": Param(
                default=False,
                type="boolean",
                title="Dry run",
                description_md="Count who would enter and who would go where. **Nothing is kept, nothing is sent.**",
            )
        },
        is_paused_upon_creation=not journey.enabled,
        **{**COMMON, "default_args": {**COMMON["default_args"], "owner": journey.owner}},
    )
    def wiring() -> None:
        @task(execution_timeout=PLANNING_LIMIT)
        def enrol(params: dict[str, Any] | None = None) -> dict[str, int]:
            return let_in(journey, dry_run=bool((params or {}).get("dry_run")))

        # also when nobody could be let in: who is inside goes on by the version that is in force
        @task(execution_timeout=PLANNING_LIMIT, trigger_rule="all_done")
        def move(enrolled: dict[str, int] | None, params: dict[str, Any] | None = None) -> dict[str, Any]:
            moved = move_people(journey.name, dry_run=bool((params or {}).get("dry_run")))
            if enrolled is None:
                raise AirflowFailException("people were moved, but nobody could be let in: see the task enrol")
            return moved

        moved = move(enrol())  # type: ignore[arg-type]
        for channel in journey.channels:

            @task(task_id=f"wake_{channel}", outlets=[released(channel)])
            def wake(moved: dict[str, Any], channel: str = channel) -> int:
                return released_by(moved, channel)

            wake(moved)  # type: ignore[arg-type]

    return wiring()


def let_in(journey: Journey, *, dry_run: bool) -> dict[str, int]:
    """Let those in whom the journey's event brings; how many, and how many were kept out, by reason."""
    from marketflow.campaigns.journeys import enrol

    with warehouse() as conn:
        conn.autocommit = True
        try:
            found = enrol(conn, journey, keys=key_ring(), clock=settings().clock(), dry_run=dry_run)
        except DefinitionError as error:  # trying again would not mend it
            raise AirflowFailException(str(error)) from None
    if found.is_new_version:
        _tell_version(journey)
    if found.refused:
        log.warning("%s: nobody was let in: %s", journey.name, found.refused)
    log.info("%s: %s", journey.name, found.counts)
    return found.counts


def _tell_version(journey: Journey) -> None:
    """With what each experiment needs, said before anybody is in it."""
    from marketflow.evaluation.experiments import size_lines

    log.info("%s: a new version is in force, %s", journey.name, journey.version[:12])
    for experiment in journey.experiments.values():
        log.info("%s: %s", journey.name, " ".join(size_lines(experiment["meant"])))


def move_people(name: str, *, dry_run: bool) -> dict[str, Any]:
    """Move everybody who is due; what it did. Fails, after the others have been moved, when a step cannot be taken."""
    from marketflow.campaigns import load_contact_policy
    from marketflow.campaigns.journeys import dry_tick, tick

    clock, policy = settings().clock(), load_contact_policy()
    with warehouse() as conn:
        conn.autocommit = True
        run = dry_tick if dry_run else tick
        done = run(conn, name, policy=policy, keys=key_ring(), clock=clock)
    log.info("%s: %s people, %s", name, done.people, dict(done.counts))
    for words in done.stale:
        log.warning("%s: %s; who is due waits", name, words)
    if done.stopped:
        log.info("%s: %s messages that waited are not sent: their point is gone", name, done.stopped)
    if done.held:
        raise AirflowFailException("\n".join(["people are held on steps that cannot be taken:", *done.held]))
    if done.is_paused:
        raise AirflowSkipException("the journey is paused: nobody was moved")
    return {"people": done.people, "moves": dict(done.counts), "released": {} if dry_run else dict(done.released)}


def released_by(moved: dict[str, Any], channel: str) -> int:
    """How many messages of a channel a tick has released; skips when there are none, so that nobody is woken."""
    count = int(moved["released"].get(channel, 0))
    if not count:
        raise AirflowSkipException("no message was released")
    return count


def end_removed() -> dict[str, int]:
    """Let those leave whose journey is no more; how many, by journey."""
    from marketflow.campaigns.journeys import end_left_behind, find_journeys

    with warehouse() as conn:
        conn.autocommit = True
        return end_left_behind(conn, find_journeys().names, clock=settings().clock())


def _runbook(journey: Journey) -> str:
    facts = "\n".join(f"| {name} | {value} |" for name, value in _facts(journey).items())
    return (
        f"# {journey.title}\n\nA journey of {len(journey.steps)} steps: {', '.join(journey.steps)}.\n\n"
        f"| | |\n|---|---|\n{facts}\n\n"
        f"Defined in `{journey.name}/journey.yaml` of the journeys' folder, version `{journey.version[:12]}`. "
        f"`marketflow journey picture {journey.name}` draws it with counts.\n\n"
        "* **enrol** lets people in and counts why others stay outside; *dry run* keeps nothing of it.\n"
        "* **move** takes everybody who is due as far as the next wait. Where each stands, and each move that she has "
        "made, is in `activation.journey_visits` and `.journey_moves`; `marts.journey_steps` has the counts.\n"
        "* **Killed or run twice**, nobody skips a step, makes one twice or gets anything twice: clear or re-run it at "
        "any time.\n"
        "* **The switch of this DAG** stops everything: nobody enters, nobody is moved, and what was released and not "
        "begun stays where it is. Switched on, those whose time has come meanwhile go on at once. `control_campaign` "
        "pauses it, too, and ends it for all who are inside (*cancel*).\n"
        "* **move fails with *people are held***: a condition cannot be evaluated; its words are in the message. Those "
        "on that step are asked again each hour, the others go on; where it is the goal, all wait.\n"
        "* **Stale data** move nobody (*who is due waits*, in the log of move): while orders, events or the marts that "
        "this journey asks do not know the whole business day, nobody is written to who may have ordered since. It "
        "goes on by itself within an hour after they do.\n"
        "* **enrol fails**: the definition cannot be used, or an experiment has other arms or shares than people are "
        "in it by. Who is inside goes on by the version before.\n"
        f"* **Who is inside when the files change** {_ON_CHANGE[journey.on_change]}\n"
    )


_ON_CHANGE = {
    "keep": "goes on by the version that she entered by (`on_change: keep`).",
    "move": "goes on by the new version, from the step of the same name (`on_change: move`); who stands on a step that "
    "is no more goes on where `moved` says, or where that step led to, or leaves as `step_removed`.",
}


def _facts(journey: Journey) -> dict[str, str]:
    """What a marketer wants to see at a glance; what is not set is left out."""
    entry, goal = journey.entry, journey.goal
    found = {
        "Brought by": entry.on.replace("_", " ") + (f" {entry.segment}" if entry.segment else ""),
        "Only if": entry.where and f"`{entry.where}`",
        "Again": entry.again if entry.again in ("never", "always") else f"after {entry.again}",
        "At most inside": entry.at_most and f"{entry.at_most:,} people",
        "Goal": goal and f"`{goal.event or goal.where}`",
        "Experiments": ", ".join(e["name"] for e in journey.experiments.values()),
        "About": journey.topic and f"{journey.topic} (whoever does not want to hear of it gets no such mail)",
        "From": journey.start,
        "Until": journey.end,
        "Moves people": f"every {journey.tick}",
        "Owner": journey.owner,
    }
    # a bar would end the cell
    return {name: str(value).replace("|", "\\|") for name, value in found.items() if value}
