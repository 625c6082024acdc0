"""From files to journeys, with errors that name the file, the line, the field and the nearest word that is allowed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from marketflow.campaigns.definition import Campaign, Templates, segment_names
from marketflow.campaigns.definition.checks import taken_names, topic_fault
from marketflow.campaigns.definition.experiment import HELD_OUT
from marketflow.campaigns.definition.templates import load_templates
from marketflow.campaigns.journeys import graph
from marketflow.campaigns.journeys.branch import Branch, frozen_experiment
from marketflow.campaigns.journeys.model import JourneyFile, Send, Step
from marketflow.shared import DefinitionError, settings
from marketflow.shared.ages import age
from marketflow.shared.explain import Place, explain, nearest, told
from marketflow.shared.strict_yaml import read_yaml

_MADE = ("ingest_", "deliver_messages")  # DAGs that are made per source and per channel


class Journey(JourneyFile):
    """A journey as loaded: the file, and the templates of each step that sends, by the step's name."""

    templates: dict[str, Templates]

    @property
    def frozen(self) -> dict[str, Any]:
        """All that moving people needs, as JSON: it is kept for those who enter by this version."""
        loops, ways = graph.in_loops(self), graph.edges(self)
        return {
            "journey": self.model_dump(mode="json", by_alias=True, exclude={"templates", "steps"}),
            "steps": [
                {
                    "step": name, "kind": step.kind, "is_in_loop": name in loops,
                    "ways": {w.label: w.to for w in ways if w.step == name},
                    **({"experiment": self.experiments[name]} if name in self.experiments else {}),
                    **step.model_dump(
                        mode="json", by_alias=True, include={step.kind}, exclude={"branch": {"experiment"}}
                    ),
                }
                for name, step in self.steps.items()
            ],
            "sends": {name: mail(self, name).frozen for name in self.templates},
        }  # fmt: skip

    @property
    def experiments(self) -> dict[str, dict[str, Any]]:
        """By the branch's name, those that are judged: name, allocation_version, and what is meant by it."""
        found = {n: frozen_experiment(s.branch, n, self.attribution_days) for n, s in self.steps.items()}
        return {step: experiment for step, experiment in found.items() if experiment is not None}

    @property
    def version(self) -> str:
        """16 hex digits that change with the file and with each template."""
        return hashlib.sha256(json.dumps(self.frozen, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def channels(self) -> tuple[str, ...]:
        """By what its messages travel."""
        kinds = {step.kind for step in self.steps.values()}
        return tuple(c for c, k in (("email", "send"), ("webhook", "webhook")) if k in kinds)


def mail(journey: Journey, name: str) -> Campaign:
    """A step's mail as a campaign, so that it is planned, shown and rendered as one."""
    send = journey.steps[name].send
    assert send is not None  # the names of its templates are those of its sends
    return Campaign.model_validate(
        {
            "name": journey.name, "title": f"{journey.title[:58]}: {name}", "owner": journey.owner, "channel": "email",
            "purpose": send.purpose, "topic": _topic(journey, send), "trigger": {"on": "manual"},
            "audience": {"where": "everybody()"},
            "content": {"recommend": send.recommend}, "max_age_days": max(1, min(90, age(send.max_age).days)),
            "approval": False, "priority": send.priority, "attribution_days": journey.attribution_days,
            "templates": journey.templates[name],
        }
    )  # fmt: skip


def _topic(journey: JourneyFile, send: Send) -> str | None:
    """What a mail is about: its own topic, or the journey's where it is marketing."""
    return send.topic or (journey.topic if send.purpose == "marketing" else None)


@dataclass(frozen=True, kw_only=True)
class FoundJourneys:
    """What a folder holds: journeys by name, and what is wrong with the folders that are none."""

    good: list[Journey] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of all folders, the wrong ones too: their switches still count


def find_journeys(folder: Path | None = None) -> FoundJourneys:
    """All journeys of `folder` (include/journeys); one that is wrong is an error and does not stop the others."""
    root = folder or settings().journeys_folder
    found = FoundJourneys()
    for path in sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] not in "_.") if root.is_dir() else []:
        found.names.append(path.name)
        try:
            found.good.append(load_journey(path))
        except DefinitionError as error:
            found.errors.append(str(error))
        except Exception as error:  # noqa: BLE001  (whatever is odd about one folder, the others are journeys)
            found.errors.append(f"{path}: cannot be read ({type(error).__name__})")
    return found


def load_journeys(folder: Path | None = None) -> list[Journey]:
    """All journeys of `folder` (include/journeys), by name; raises DefinitionError when any is wrong."""
    found = find_journeys(folder)
    if found.errors:
        raise DefinitionError("\n".join(found.errors))
    return found.good


def load_journey(folder: Path) -> Journey:
    """One journey: `journey.yaml` and a folder of templates for each step that sends; raises DefinitionError."""
    path = folder / "journey.yaml"
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; each folder of journeys holds a journey.yaml")
    data, tree = read_yaml(path)
    checked = _checked(path, data, tree)
    wrong = [
        *_names(folder, checked), *_topics(checked), *graph.faults(checked), *_experiments(checked),
        *_folders(folder, checked),
    ]  # fmt: skip
    if wrong:
        raise DefinitionError("\n".join(told(path, tree, place, words) for place, words in wrong))
    templates = {
        name: load_templates(folder / (step.send.templates or name), mail=True, shared_folder=_shared(folder))
        for name, step in checked.steps.items()
        if step.send is not None
    }
    return Journey.model_validate({**checked.model_dump(by_alias=True), "templates": templates})


def _checked(path: Path, data: object, tree: yaml.Node | None) -> JourneyFile:
    try:
        return JourneyFile.model_validate(data)
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), JourneyFile, "journey") for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None


def _names(folder: Path, journey: JourneyFile) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    if journey.name != folder.name:
        found.append((["name"], f"must be the folder's name, {folder.name!r}"))
    if journey.name in taken_names() or journey.name.startswith(_MADE):
        found.append((["name"], f"{journey.name!r} is the name of one of the project's own DAGs; choose another"))
    if (settings().campaigns_folder / journey.name).is_dir():
        found.append((["name"], f"there is a campaign {journey.name!r}; the ledger could not tell the two apart"))
    segment = journey.entry.segment
    if segment is not None and segment not in segment_names():
        found.append((["entry", "segment"], f"there is no segment {segment!r}{nearest(segment, segment_names())}"))
    return found


def _topics(journey: JourneyFile) -> list[tuple[Place, str]]:
    """Topics that people cannot choose about, of the journey and of its mails."""
    said: list[tuple[Place, str | None, str]] = [(["topic"], journey.topic, "marketing")]
    for name, step in journey.steps.items():
        if step.send is not None:
            said.append((["steps", name, "send", "topic"], step.send.topic, step.send.purpose))
    return [(place, words) for place, topic, purpose in said if topic and (words := topic_fault(topic, purpose))]


def _experiments(journey: JourneyFile) -> list[tuple[Place, str]]:
    """Two draws by one name, an experiment that is empty, a way that cannot win, and people held out of nothing."""
    found: list[tuple[Place, str]] = []
    drawn = {n: n for n, s in journey.steps.items() if s.branch and s.branch.shares and not s.branch.experiment}
    for step, branch in [(n, s.branch) for n, s in journey.steps.items() if s.branch]:
        place: Place = ["steps", step, "branch", "experiment"]
        if branch.experiment is None:
            if "experiment" in branch.model_fields_set:
                found.append((place, "is empty: it needs expected_rate and minimal_effect, or leave it out"))
            continue
        name = branch.experiment.name or step
        if name in drawn:
            words = f"people are drawn by {name!r} on step {drawn[name]}, too: give each a name of its own"
            found.append((place, words))
        drawn.setdefault(name, step)
        found += _arms(journey, step, branch)
    return found


def _arms(journey: JourneyFile, step: str, branch: Branch) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    held = journey.steps.get(HELD_OUT)
    if HELD_OUT in (branch.shares or {}) and held is not None and held.exit is None:
        words = "who is held out gets nothing: let the step `holdout` be an exit, or call it something else"
        found.append((["steps", HELD_OUT], words))
    if branch.experiment is not None and branch.experiment.metric == "clicks":
        sends = {name for name, s in journey.steps.items() if s.send is not None}
        silent = [arm for arm in branch.arms if not sends & graph.reached(journey, arm)]
        words = "this way sends nothing, and nobody can click on it: take metric: conversion"
        found += [(["steps", step, "branch", "shares", arm], words) for arm in silent]
    return found


def _folders(folder: Path, journey: JourneyFile) -> list[tuple[Place, str]]:
    """Templates that are missing, and folders that no step names: a slip of the pen is told."""
    there = sorted(f.name for f in folder.iterdir() if f.is_dir() and f.name[0] not in "_.")
    wanted = {name: _folder(name, step) for name, step in journey.steps.items() if step.send is not None}
    found: list[tuple[Place, str]] = [
        (
            ["steps", name, "send"],
            f"its templates are missing: there is no folder {wanted[name]!r}{_near(wanted[name], there)}",
        )
        for name in wanted
        if wanted[name] not in there
    ]
    unused = [f for f in there if f not in wanted.values()]
    return found + [([], f"no step sends what the folder {f!r} holds") for f in unused]


def _folder(name: str, step: Step) -> str:
    assert step.send is not None  # asked for sends only
    return step.send.templates or name


def _near(word: str, known: list[str]) -> str:
    return nearest(word, known) if known else ""


def _shared(folder: Path) -> Path:
    """What templates build on: the journeys' own, or else the campaigns'."""
    own = folder.parent / "_shared"
    return own if own.is_dir() else settings().campaigns_folder / "_shared"
