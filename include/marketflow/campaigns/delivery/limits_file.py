"""`include/delivery.yaml`: how fast each channel may send, to whom, and when it stops by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain
from marketflow.shared.strict_yaml import read_yaml

ANY_DOMAIN = "*"
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _mapping(value: object) -> object:
    """What has names in it; pydantic would speak of dictionaries, or of a class of ours. Only comments: nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict | BaseModel):
        raise ValueError("has no fields in it: write each on a line of its own, with a colon")  # noqa: TRY004 - for pydantic
    return value


def _domains(value: object) -> object:
    """Domains in the form in which addresses have them."""
    known = _mapping(value)
    assert isinstance(known, dict)  # or it has raised
    found = {_domain(name): rates for name, rates in known.items()}
    if len(found) < len(known):
        raise ValueError("a domain stands twice, in capitals or in another spelling")
    return found


def _domain(name: object) -> str:
    try:
        ascii_name = str(name).strip().lower().encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    if ascii_name != ANY_DOMAIN and not _DOMAIN.match(ascii_name):
        raise ValueError(f"{name!r} is not a domain such as gmail.com, nor '*' (each of the others)")
    return ascii_name


class Rates(_Strict):
    """At most so many messages in any second (on average), hour and day; none: no limit."""

    per_second: float | None = Field(None, ge=0.01, le=100_000)
    per_hour: int | None = Field(None, ge=1, le=1_000_000_000)
    per_day: int | None = Field(None, ge=1, le=1_000_000_000)

    @property
    def is_limited(self) -> bool:
        """Is there any limit at all?"""
        return (self.per_second, self.per_hour, self.per_day) != (None, None, None)


class StopRule(_Strict):
    """Stop when more than so many percent of what was handed over bounced for good, or was complained about.

    Looked at from `at_least` messages and `at_least_reports` bounces or complaints on. The defaults: Amazon SES reviews
    an account at 5 % bounces; Gmail asks to stay under 0.3 % complaints.
    """

    bounces_percent: float = Field(5.0, gt=0, le=100)
    complaints_percent: float = Field(0.3, gt=0, le=100)
    at_least: int = Field(100, ge=1)
    at_least_reports: int = Field(5, ge=1)
    window_hours: int = Field(24, ge=1, le=168)


class ChannelRules(Rates):
    """The limits of a channel, of single domains on it (each has its own allowance), and its automatic stop."""

    domains: Annotated[dict[str, Annotated[Rates, BeforeValidator(_mapping)]], BeforeValidator(_domains)] = {}
    stop: Annotated[StopRule, BeforeValidator(_mapping)] | None = None

    def for_domain(self, domain: str) -> Rates | None:
        """What holds for a domain; None: nothing does."""
        rates = self.domains.get(domain, self.domains.get(ANY_DOMAIN))
        return rates if rates is not None and rates.is_limited else None


Channel = Annotated[ChannelRules, BeforeValidator(_mapping)]


class ChannelsRules(_Strict):
    """What each channel may do; one that is not named has no limit and does not stop by itself."""

    email: Channel = ChannelRules()
    webhook: Channel = ChannelRules()
    mastodon: Channel = ChannelRules()
    memory: Channel = ChannelRules()


class SoftBounces(_Strict):
    """An address is shut out after so many messages in a row that bounced for the time being, within so many days."""

    in_a_row: int = Field(5, ge=1, le=100)
    within_days: int = Field(30, ge=1, le=365)


class DeliveryRules(_Strict):
    """The file."""

    channels: Annotated[ChannelsRules, BeforeValidator(_mapping)]
    soft_bounces: Annotated[SoftBounces, BeforeValidator(_mapping)] = SoftBounces()

    def of(self, channel: str) -> ChannelRules:
        """The rules of a channel."""
        found: ChannelRules = getattr(self.channels, channel, ChannelRules())
        return found


def load_delivery_rules(path: Path | None = None) -> DeliveryRules:
    """The rules in `path` (the setting `delivery`), read each time, so that a change counts from the next run.

    Raises DefinitionError with a line for each thing that is wrong, and where there is no file: limits that were lost
    must not become no limits.
    """
    path = path or settings().delivery
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; a file that limits nothing says `channels: {{}}`")
    data, tree = read_yaml(path)
    try:
        return DeliveryRules.model_validate({} if data is None else data)
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), DeliveryRules) for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None
