"""/p/<token>: what a person wants to get, how often and in which language; works without the warehouse for leaving."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from marketflow.campaigns.definition import load_contact_policy
from marketflow.edge import pages
from marketflow.edge.answers import EVERYTHING, MARKETING, PAGE, Choices, Withdrawal, answer
from marketflow.edge.collector.log import NotDurable
from marketflow.edge.front import Front, body
from marketflow.edge.words import LANGUAGES, language, words
from marketflow.privacy import KeyRing, read_message_token
from marketflow.shared import DefinitionError, settings

log = logging.getLogger(__name__)
_FORM = "application/x-www-form-urlencoded"
_FREQUENCIES = ("any", "2_7", "1_7", "2_30", "1_30")
_OWN = re.compile(r"([1-9][0-9]{0,2})_([1-9][0-9]{0,2})")  # a maximum that was chosen when the page offered others
_MAX_FIELDS = 100
_ONCE = frozenset(["action", "frequency", "language", "shown_channel", "channel"])
Topics = Mapping[str, Mapping[str, str]]


class WrongForm(ValueError):
    """What was sent is not what the page asks for."""


def routes(front: Front) -> list[Route]:
    """The routes of the preference page."""
    desk = _Preferences(front)
    return [Route("/p/{token}", desk.show, methods=["GET"]), Route("/p/{token}", desk.save, methods=["POST"])]


class _Preferences:
    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """The form. Looking at it changes nothing."""
        return await self._form(request, is_saved=False)

    async def save(self, request: Request) -> Response:
        """Save what was chosen and show it; or unsubscribe from everything."""
        brand, lang = self._front.brand, language(request)
        send_id = self._send_id(request)
        if send_id is None:
            return pages.unknown(brand, lang)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return pages.wrong(brand, lang, 415)
        try:
            said = read_form(await body(request), topics(), words(lang)["consent_text"].format(brand=brand))
        except WrongForm:
            return pages.wrong(brand, lang, 400)
        return await self._taken(request, send_id, said)

    async def _taken(self, request: Request, send_id: int, said: dict[str, Any]) -> Response:
        brand, lang = self._front.brand, language(request)
        try:
            taken = await self._front.take(answer(send_id, self._front.clock.now(), **said))
        except NotDurable:
            return pages.later(brand, lang)
        if taken == "unknown":
            return pages.unknown(brand, lang)
        if "choices" not in said:
            return pages.left(brand, lang)
        # what waits in the journal cannot be shown: the warehouse has the choices of before, if it can be read at all
        return pages.kept(brand, lang) if taken == "kept" else await self._form(request, is_saved=True)

    async def _form(self, request: Request, *, is_saved: bool) -> Response:
        brand, lang = self._front.brand, language(request)
        send_id = self._send_id(request)
        if send_id is None:
            return pages.unknown(brand, lang)
        try:
            row = await self._front.look("preferences", send_id)
        except psycopg.Error:
            return pages.kept(brand, lang) if is_saved else pages.preferences_away(brand, lang)
        if row is None:
            return pages.unknown(brand, lang)
        return pages.preferences(brand, lang, _shown(row, topics(), lang), is_saved=is_saved)

    def _send_id(self, request: Request) -> int | None:
        return self._front.send_id(request, _read)


def _read(keys: KeyRing, token: str) -> int | None:
    """The message that a token stands for. It does not expire, as the mail does not."""
    found = read_message_token(keys, "preferences", token)
    return None if found is None else found.send_id


def topics() -> Topics:
    """The topics of the contact policy, with their names by language; none when it cannot be read."""
    path = settings().contact_policy
    try:
        return _topics(path, path.stat().st_mtime_ns)
    except (DefinitionError, OSError) as error:
        log.warning("the preference page shows no topics: %s", error if isinstance(error, DefinitionError) else path)
        return {}


@lru_cache(maxsize=1)
def _topics(path: Path, _changed: int) -> Topics:
    return {name: topic.model_dump() for name, topic in load_contact_policy(path).topics.items()}


def read_form(data: bytes, known: Topics, consent_text: str) -> dict[str, Any]:
    """What the form says, as parts of an answer. Raises WrongForm for all that the page does not ask for."""
    many: dict[str, list[str]] = {"shown": [], "topic": []}
    once: dict[str, str] = {}
    for name, value in _fields(data):
        if name in many:
            many[name].append(value)
        elif name in _ONCE and name not in once:
            once[name] = value
        else:
            raise WrongForm
    if once == {"action": "unsubscribe"} and not any(many.values()):
        return {"withdrawal": Withdrawal(purposes=EVERYTHING, how=PAGE)}
    if once.get("action") != "save" or not set(many["topic"]) <= set(many["shown"]) <= known.keys():
        raise WrongForm
    return {"choices": _choices(many, once), **_channel(once, consent_text)}


def _fields(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            data.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=_MAX_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise WrongForm from None


def _choices(many: Mapping[str, list[str]], once: Mapping[str, str]) -> Choices:
    frequency, lang = once.get("frequency", "any"), once.get("language", "")
    found = _OWN.fullmatch(frequency)
    if (frequency != "any" and not found) or lang not in ("", *LANGUAGES):
        raise WrongForm
    most, days = (int(found[1]), int(found[2])) if found else (None, None)
    if days is not None and days > 366:
        raise WrongForm
    unwanted = sorted(set(many["shown"]) - set(many["topic"]))
    return Choices(
        shown_topics=tuple(sorted(set(many["shown"]))), unwanted_topics=tuple(unwanted), max_messages=most,
        max_days=days, language=lang or None,
    )  # fmt: skip


def _channel(once: Mapping[str, str], consent_text: str) -> dict[str, Any]:
    """A form that did not ask about the channel says nothing about it."""
    match once.get("shown_channel"), once.get("channel"):
        case None, None:
            return {}
        case "email", None:
            return {"withdrawal": Withdrawal(purposes=MARKETING, how=PAGE)}
        case "email", "email":
            return {"consent_text": consent_text}
    raise WrongForm


def _shown(row: Mapping[str, Any], known: Topics, lang: str) -> pages.Shown:
    t, unwanted = words(lang), set(row["unwanted_topics"])
    frequency = f"{row['max_messages']}_{row['max_days']}" if row["max_messages"] else "any"
    offered = [(value, t[f"frequency_{value}"]) for value in _FREQUENCIES]
    if frequency not in _FREQUENCIES:
        offered.append((frequency, t["frequency_other"]))
    return pages.Shown(
        topics=[(name, names.get(lang) or names["en"], name not in unwanted) for name, names in known.items()],
        is_subscribed=bool(row["is_subscribed"]), frequencies=offered, frequency=frequency,
        language=row["language"] or "",
    )  # fmt: skip
