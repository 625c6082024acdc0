"""A journey's steps as a graph: who follows whom, in which order a tick looks at them, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from marketflow.campaigns.journeys.model import END, JourneyFile, Step
from marketflow.shared.explain import Place, nearest


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A way from one step to another: `to` None is the end. `label` says when it is taken, `place` who names it."""

    step: str
    label: str
    to: str | None
    place: Place


def edges(journey: JourneyFile) -> list[Edge]:
    """All ways, in the order of the file. A target that does not exist is in it, too."""
    names = list(journey.steps)
    found: list[Edge] = []
    for name, below in zip(names, [*names[1:], END], strict=True):
        found += _of(name, journey.steps[name], below)
    return found


def _of(name: str, step: Step, below: str) -> Iterator[Edge]:
    def edge(label: str, to: str, *place: str) -> Edge:
        return Edge(step=name, label=label, to=None if to == END else to, place=("steps", name, *place))

    following = step.next or below
    if step.exit is not None:
        yield edge(f"exit: {step.exit.reason}", END)
    elif step.wait is not None and step.wait.event is not None:
        yield edge("event", step.wait.then or following, "wait", "then")
        yield edge("timed_out", step.wait.otherwise or following, "wait", "otherwise")
    elif step.branch is not None and step.branch.shares is not None:
        for arm in step.branch.shares:
            yield edge(f"arm: {arm}", arm, "branch", "shares", arm)
    elif step.branch is not None:
        yield edge("then", step.branch.then or following, "branch", "then")
        yield edge("otherwise", step.branch.otherwise or following, "branch", "otherwise")
    else:
        yield edge("waited" if step.wait is not None else "next", following, "next")


def faults(journey: JourneyFile) -> list[tuple[Place, str]]:
    """What is wrong with the ways between the steps: the place in the file, and words."""
    ways = edges(journey)
    wrong = list(_names(journey, ways))
    if wrong:
        return wrong
    return [*_unreachable(journey, ways), *_loops(journey, ways)]


def order(steps: Sequence[Mapping[str, object]]) -> list[str]:
    """The names of a frozen journey's steps in the order in which one tick looks at them.

    Behind each other as people pass them; whoever comes to a wait stays there, so no way into one counts.
    """
    kinds = {str(s["step"]): s["kind"] for s in steps}
    before: dict[str, set[str]] = {name: set() for name in kinds}
    for step in steps:
        targets = step["ways"]
        assert isinstance(targets, Mapping)  # as frozen
        for to in targets.values():
            if to is not None and kinds[to] != "wait":
                before[to].add(str(step["step"]))
    return list(TopologicalSorter(before).static_order())


def in_loops(journey: JourneyFile) -> set[str]:
    """The steps that somebody may pass more than once."""
    targets = _targets(edges(journey))
    return {name for name in targets if name in _reached(targets, targets[name])}


def reached(journey: JourneyFile, step: str) -> set[str]:
    """The step and all that may come after it."""
    return {step, *_reached(_targets(edges(journey)), [step])}


def _names(journey: JourneyFile, ways: list[Edge]) -> Iterator[tuple[Place, str]]:
    if END in journey.steps:
        yield ["steps", END], "is the word for the journey's end; choose another name"
    known = [*journey.steps, END]
    for way in ways:
        if way.to is not None and way.to not in journey.steps:
            yield way.place, f"there is no step {way.to!r}{nearest(way.to, known)}"
    for old, new in journey.moved.items():
        if new != END and new not in journey.steps:
            yield ["moved", old], f"there is no step {new!r}{nearest(new, known)}"
        if old in journey.steps:
            yield ["moved", old], "is a step: who stands on it stays there; name steps that are no more"


def _unreachable(journey: JourneyFile, ways: list[Edge]) -> Iterator[tuple[Place, str]]:
    targets = _targets(ways)
    first = next(iter(journey.steps))
    reached = {first, *_reached(targets, targets[first])}
    for name in journey.steps:
        if name not in reached:
            yield ["steps", name], "no way leads here; let a step name it, or take it out"


def _loops(journey: JourneyFile, ways: list[Edge]) -> Iterator[tuple[Place, str]]:
    """A loop that nothing holds up would be gone through for ever: each needs a wait that takes time every time."""
    held = {n for n, s in journey.steps.items() if s.wait and (s.wait.event is None or s.wait.since == "arrival")}
    targets = {name: [t for t in to if t not in held] for name, to in _targets(ways).items() if name not in held}
    path = _cycle(targets)
    if path:
        words = " -> ".join([*path, path[0]])
        yield ["steps", path[0]], f"a loop without a wait: {words}; put a wait for a time into it"


def _cycle(targets: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps of one loop, in order; none: there is no loop."""
    done: set[str] = set()
    for start in targets:
        path: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, depth = stack.pop()
            del path[depth:]
            if name in path:
                return path[path.index(name) :]
            if name in done:
                continue
            path.append(name)
            stack += [(to, depth + 1) for to in targets.get(name, ())]
        done.update(_reached(targets, [start]))
    return []


def _targets(ways: list[Edge]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for way in ways:
        found.setdefault(way.step, [])
        if way.to is not None:
            found[way.step].append(way.to)
    return found


def _reached(targets: Mapping[str, Sequence[str]], first: Sequence[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += targets.get(name, ())
    return reached
