"""From the form of `create_campaign` to a campaign's folder: what the form says becomes the same files as by hand."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from marketflow.orchestration.connections import key_ring, warehouse
from marketflow.orchestration.create_experiment import arm_files, experiment_of
from marketflow.shared import DefinitionError, settings

if TYPE_CHECKING:
    from marketflow.campaigns import Campaign

log = logging.getLogger(__name__)
_UNSUBSCRIBE = "\n\n--\nYou get this mail because you allowed us to write to you.\nUnsubscribe: {{ unsubscribe_url }}\n"


def create(form: dict[str, Any]) -> dict[str, Any]:
    """Write the campaign of the form; fails the task, for good, with what is wrong and where."""
    from marketflow.campaigns import rehearse, write_campaign

    clock, found = settings().clock(), {}

    def check(campaign: Campaign) -> None:
        with warehouse() as conn:
            found["summary"] = rehearse(conn, campaign, keys=key_ring(), clock=clock)

    try:
        written = write_campaign(
            settings().campaigns_folder, values_of(form), files_of(form), replaces=form["version"] or None, check=check
        )
    except DefinitionError as error:
        raise AirflowFailException(str(error)) from None
    summary = found["summary"]
    log.info("%s is written; it would reach %s of %s people today", written.path, summary.planned, summary.audience)
    return {**asdict(written), "audience": summary.audience, "planned": summary.planned, "refusals": summary.refusals}


def values_of(form: dict[str, Any]) -> dict[str, Any]:
    """What campaign.yaml says, in its usual order; what the form leaves empty is left out."""
    is_mail = form["channel"] == "email"
    values = {
        "name": form["name"],
        "title": form["title"],
        "owner": form["owner"],
        "start": form["start"],
        "end": form["end"],
        "budget": form["budget"] and _given(
            amount=form["budget"], currency=settings().currency, cost_per_message=form["cost_per_message"]
        ),
        "goal": form["goal"] and _given(metric=form["goal"], target=form["goal_target"]),
        "enabled": False,  # its switch is turned by a person who has looked at it
        "channel": form["channel"],
        "purpose": form["purpose"] if is_mail else "post",
        "topic": form["topic"],
        "trigger": _given(
            on=form["trigger"], cron=form["cron"], after=form["after"], segment=form["segment"], table=form["table"]
        ),
        "audience": _given(where=form["where"], accounts=form["accounts"]),
        "content": form["recommend"] and {"recommend": {"list": form["recommend"], "limit": form["recommend_limit"]}},
        "experiment": experiment_of(form),
        "limits": _given(audience=form["limit"], per_day=form["per_day"]),
        "max_age_days": form["max_age_days"],
        "approval": form["approval"],
        "priority": form["priority"],
        "attribution_days": form["attribution_days"],
    }  # fmt: skip
    return _given(**values)


def files_of(form: dict[str, Any]) -> dict[str, str]:
    """The templates by file: those of the campaign that is copied, and instead of them what the form says.

    A text of the form takes the place of the copied one in all its forms and languages, preheaders too: nobody gets
    the old campaign's mail because she reads another language, or HTML. A second subject is a file of its arm.
    """
    templates = _templates(form)
    return {**templates, **arm_files(form, templates)}


def _templates(form: dict[str, Any]) -> dict[str, str]:
    copied = _copied(form["copy_from"]) if form["copy_from"] else {}
    is_mail = form["channel"] == "email"
    own = {"body.txt": form["body"], "body.html": form["html"], "subject.txt": form["subject"] if is_mail else None}
    given = {name: text for name, text in own.items() if text}
    if not given:
        return copied
    if form["body"] and is_mail and "unsubscribe_url" not in form["body"]:
        given["body.txt"] = form["body"].rstrip() + _UNSUBSCRIBE
    replaced = {_kind(name) for name in given}
    kept = {name: text for name, text in copied.items() if _kind(name) not in {*replaced, "preheader"}}
    dot = _only_language(form["copy_from"], kept) if is_mail and replaced != {"subject", "body"} else ""
    return {**kept, **{f"{_kind(name)}{dot}.{name.rpartition('.')[2]}": text for name, text in given.items()}}


def _copied(name: str) -> dict[str, str]:
    folder = settings().campaigns_folder / name
    if name not in _campaigns():
        raise AirflowFailException(f"copy_from: there is no campaign {name!r}")
    try:
        return {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted(folder.iterdir())
            if path.is_file() and path.name[0] != "." and path.name != "campaign.yaml"
        }
    except (OSError, UnicodeDecodeError) as error:
        raise AirflowFailException(f"copy_from: {name} cannot be read ({type(error).__name__})") from None


def _kind(file: str) -> str:
    """`body` of body.zh.mjml."""
    return file.partition(".")[0]


def _only_language(campaign: str | None, kept: dict[str, str]) -> str:
    """`.en` of subject.en.txt: what the form says must have the language of the copied words that it stands beside."""
    found = sorted({name.partition(".")[2].rpartition(".")[0] for name in kept if _kind(name) in ("subject", "body")})
    if len(found) > 1:
        raise AirflowFailException(
            f"copy_from: {campaign} is written in {', '.join(found)}, and the form in one language; give a subject and "
            "a text, which then take the place of all, or neither, and change the files"
        )
    return f".{found[0]}" if found and found[0] else ""


def _campaigns() -> list[str]:
    from marketflow.campaigns import find_campaigns

    return find_campaigns().names


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
