"""`include/contact_policy.yaml`: how often a person is written to, at what hours, who never is, and of which topics."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from marketflow.campaigns.definition.model import NAME, Channel, Purpose
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain
from marketflow.shared.strict_yaml import read_yaml

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_PURPOSES: tuple[Purpose, ...] = ("marketing",)


def _time(value: object) -> object:
    """A time of the day; YAML takes 21:00 without quotes for a number."""
    if isinstance(value, dt.time):
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is not a time of the day: write it in quotes, such as "21:00"')
    return dt.time(int(found[1]), int(found[2]))


def _list(value: object) -> object:
    """A list whose lines are all comments is empty."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError("is not a list: begin each line with a hyphen")  # noqa: TRY004 - for pydantic
    return value


def _mapping(value: object) -> object:
    """A mapping whose lines are all comments is empty."""
    return {} if value is None else value


def _channels(value: object) -> object:
    """`all` stands for every channel."""
    if isinstance(value, str) and value != "all":
        raise ValueError(f"{value!r} is neither `all` nor a list: write `all`, or [{value}]")
    return get_args(Channel) if value == "all" else _list(value)


# written as it is read, so that what a plan keeps is a policy again
TimeOfDay = Annotated[dt.time, BeforeValidator(_time), PlainSerializer(lambda t: f"{t:%H:%M}", when_used="json")]
Purposes = Annotated[tuple[Purpose, ...], BeforeValidator(_list), Field(min_length=1)]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(_channels), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FrequencyCap(_Strict):
    """At most `messages` to one person within the last `days` times 24 hours, counted over purposes and channels."""

    messages: int = Field(ge=1, le=1_000)
    days: int = Field(ge=1, le=366)
    purposes: Purposes = _PURPOSES
    channels: Channels = get_args(Channel)


class QuietHours(_Strict):
    """No message from..to by the clock of the person; over midnight when `to` is the earlier one."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    purposes: Purposes = _PURPOSES
    channels: Channels = get_args(Channel)

    @model_validator(mode="after")
    def _not_always(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError("from and to are the same time: that is no time at all, or the whole day")
        return self


class Holdout(_Strict):
    """Who is never written to: a share of all people, drawn by a hash of the salt and the person's number."""

    share: float = Field(0.0, ge=0, le=0.5)
    salt: str = Field(min_length=1, max_length=100)
    purposes: Purposes = _PURPOSES


class Topic(_Strict):
    """What people call it, in the languages of the preference page."""

    en: str = Field(min_length=1, max_length=80)
    zh: str | None = Field(None, min_length=1, max_length=80)


TopicName = Annotated[str, StringConstraints(pattern=NAME)]


class ContactPolicy(_Strict):
    """What holds for all campaigns together. Empty: nobody is kept from anything."""

    frequency_caps: Annotated[tuple[FrequencyCap, ...], BeforeValidator(_list)] = ()
    quiet_hours: Annotated[tuple[QuietHours, ...], BeforeValidator(_list)] = ()
    holdout: Holdout | None = None
    topics: Annotated[dict[TopicName, Topic], BeforeValidator(_mapping), Field(max_length=30)] = {}

    @property
    def definition(self) -> dict[str, Any]:
        """What the file says, defaults included, as JSON."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def version(self) -> str:
        """16 hex digits that change with what the file says, not with how it says it."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()[:16]

    def parameters(self, channel: str, purpose: str | None = None) -> Mapping[str, Any]:
        """The policy as parameters of the statements that keep it, for messages of one channel (and one purpose).

        `caps` is JSON; `capped`, the purposes that any cap is about, is empty when nothing has to be counted.
        """
        caps = [c for c in self.frequency_caps if channel in c.channels and purpose in (None, *c.purposes)]
        quiet = [(p, q) for q in self.quiet_hours if channel in q.channels for p in q.purposes if purpose in (None, p)]
        holdout = self.holdout if self.holdout and self.holdout.share > 0 else None
        return {
            "caps": json.dumps([c.model_dump(mode="json") for c in caps]),
            "capped": sorted({p for c in caps for p in c.purposes}),
            "quiet_purposes": [p for p, _ in quiet],
            "quiet_from": [q.from_ for _, q in quiet],
            "quiet_to": [q.to for _, q in quiet],
            "held_out": list(holdout.purposes) if holdout else [],
            "holdout_share": holdout.share if holdout else 0.0,
            "holdout_salt": holdout.salt if holdout else "",
        }


def load_contact_policy(path: Path | None = None) -> ContactPolicy:
    """The policy of `path` (the setting `contact_policy`), read each time, so that a change counts without a restart.

    Raises DefinitionError, with a line for each thing that is wrong, and where there is no file: nobody may be written
    to more often because the policy was lost.
    """
    path = path or settings().contact_policy
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; a policy that keeps nobody from anything says `frequency_caps: []`")
    data, tree = read_yaml(path)
    try:
        return ContactPolicy.model_validate({} if data is None else data)
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), ContactPolicy, "policy") for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None
