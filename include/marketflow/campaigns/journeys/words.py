"""A journey's steps as people say them: for the picture and for whoever reads it aloud."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from marketflow.campaigns.content import Renderer, stand_ins
from marketflow.campaigns.journeys.load import Journey, mail
from marketflow.campaigns.journeys.model import Step, Wait
from marketflow.shared import settings

_EVENTS = {
    "order_placed": "an order", "order": "an order", "mail_opened": "the mail to be opened",
    "mail_clicked": "a click in the mail",
}  # fmt: skip
_HAPPENED = {
    "order_placed": "ordered", "order": "ordered", "mail_opened": "opened a mail", "mail_clicked": "clicked in a mail",
}  # fmt: skip
_ENTRY = {
    "order_placed": "after an order", "cart_abandoned": "after leaving a basket", "signed_up": "after registering",
    "birthday": "on the birthday", "due_again": "when something may be needed again", "daily": "by a rule, each day",
}  # fmt: skip


def title_of(journey: Journey, name: str, day: dt.date) -> str:
    """What a step does, in a few words."""
    step = journey.steps[name]
    if step.send is not None:
        return f"Mail “{_subject(journey, name, day)}”"
    if step.wait is not None:
        return _wait(step.wait)
    if step.branch is not None and step.branch.shares is not None:
        return _by_chance(step.branch.shares, is_judged=step.branch.experiment is not None)
    if step.branch is not None:
        return f"Is it so: {step.branch.where}?"
    if step.webhook is not None:
        return f"Tell {step.webhook.account}"
    assert step.exit is not None  # one of the five
    return "Leaves: " + step.exit.reason.replace("_", " ")


def way_of(step: Step, label: str) -> str:
    """When a way is taken; empty where there is only one."""
    if label == "event" and step.wait is not None:
        return happened(str(step.wait.event))
    if label.startswith("arm: ") and step.branch is not None and step.branch.shares is not None:
        arm = label.removeprefix("arm: ")
        return f"{100 * step.branch.shares[arm] / sum(step.branch.shares.values()):.0f} %"
    return {"timed_out": "not in time", "then": "yes", "otherwise": "no"}.get(label, "")


def happened(event: str) -> str:
    """An event that has happened."""
    return _HAPPENED.get(event, event.replace("_", " "))


def found_of(verdicts: Mapping[str, str], winner: str | None) -> str:
    """What an experiment has found by now; `verdicts` by arm."""
    if winner:
        return f"{winner} has won"
    said = set(verdicts.values())
    if "ratio_mismatch" in said:
        return "alarm: not the shares meant"
    if not said or "too_early" in said:
        return "too early to tell"
    for word in ("better", "worse"):
        if word in said:
            return f"{word} so far: {', '.join(arm for arm, verdict in verdicts.items() if verdict == word)}"
    return "no difference proven yet"


def entry_of(journey: Journey) -> str:
    """How people come into it."""
    entry = journey.entry
    words = f"on coming into “{entry.segment}”" if entry.segment else _ENTRY[entry.on]
    return words + (f", if {entry.where}" if entry.where else "")


def goal_of(journey: Journey) -> str | None:
    """What it is for."""
    if journey.goal is None:
        return None
    return happened(journey.goal.event) if journey.goal.event else f"{journey.goal.where}"


def _wait(wait: Wait) -> str:
    if wait.event is not None:
        return f"Wait for {_EVENTS.get(wait.event, wait.event.replace('_', ' '))}, at most {wait.at_most}"
    words = f"Wait {wait.for_}" if wait.for_ else "Wait"
    if wait.until is None:
        return words
    days = f" on {', '.join(d.capitalize() for d in wait.on)}" if wait.on else ""
    return f"{words}{', then' if wait.for_ else ''} until {wait.until}{days}, her time"


def _by_chance(shares: Mapping[str, int], *, is_judged: bool) -> str:
    if is_judged:
        return f"Experiment: {len(shares)} ways"
    return "By chance " + " : ".join(f"{100 * n / sum(shares.values()):.0f}" for n in shares.values())


def _subject(journey: Journey, name: str, day: dt.date) -> str:
    """The subject as somebody would get it of whom nothing is known."""
    frozen = mail(journey, name).frozen
    nobody = stand_ins(frozen, settings().brand, day)
    try:
        return Renderer(frozen).render({**next(iter(nobody)), "locale": settings().locale}).subject
    except Exception:  # noqa: BLE001  (a template that is wrong is the lint's business)
        return name
