"""`experiment` of campaign.yaml: several versions of a campaign side by side, and people who get none of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from marketflow.campaigns.definition.strict import Strict

HELD_OUT = "holdout"
_NAME = r"[a-z][a-z0-9_]{0,39}"


class Arm(Strict):
    """One version of the campaign."""

    share: float = Field(
        le=100,
        description="of the audience, in percent, two decimals at most; those of all arms and the holdout make 100",
    )
    templates: str | None = Field(
        None,
        pattern=rf"^{_NAME}$",
        description="folder arms/<templates>/ beside campaign.yaml: its files stand in for the campaign's of the same "
        "name, such as subject.en.txt. Without it the campaign's own",
    )

    @field_validator("share")
    @classmethod
    def _somebody(cls, share: float) -> float:
        return _percent(share, "an arm of share 0 is empty, and tells nothing: leave it out, or give it people")


class Question(Strict):
    """What an experiment asks, and when it is answered; not whom it asks."""

    metric: Literal["conversion", "clicks"] = Field(
        "conversion",
        description="what decides. conversion: people who ordered within attribution_days; clicks: people who clicked, "
        "machines not counted. Opens decide nothing: programs open mails",
    )
    expected_rate: float = Field(
        gt=0, lt=1, description="the metric's share of people in the control, as you expect it: 3 % is 0.03"
    )
    minimal_effect: float | None = Field(
        None, gt=0, lt=1, description="the smallest difference worth finding, absolute: 0.01 is from 3 % to 4 %"
    )
    minimal_lift: float | None = Field(
        None,
        gt=0,
        le=10,
        description="the same, relative to expected_rate: 0.2 is from 3 % to 3.6 %; give one of the two",
    )
    alpha: float = Field(
        0.05,
        gt=0,
        le=0.2,
        description="how often an experiment without any difference may find one, over all its looks",
    )
    power: float = Field(0.8, ge=0.5, le=0.99, description="how often the smallest difference worth finding is found")
    winner: Literal["auto", "none"] = Field(
        "none",
        description="auto: who comes later goes to the winner only, and the holdout stays; none: a person decides",
    )
    minimum_days: int | None = Field(
        None, ge=1, le=365, description="no decision before so many days; without it attribution_days"
    )
    minimum_people: int = Field(100, ge=1, description="no decision before each arm has so many people")

    @field_validator("metric", mode="before")
    @classmethod
    def _not_opens(cls, metric: object) -> object:
        if isinstance(metric, str) and metric.lower().startswith("open"):
            raise ValueError(
                "opens alone decide nothing: mail programs open mails that nobody reads; take conversion or clicks"
            )
        return metric

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if (self.minimal_effect is None) == (self.minimal_lift is None):
            raise ValueError("give minimal_effect (absolute) or minimal_lift (relative), one of them")
        if self.expected_rate + self.effect >= 1:
            raise ValueError("expected_rate and the effect together are 100 % or more: nobody can do that")
        return self

    @property
    def effect(self) -> float:
        """The smallest difference worth finding, absolute."""
        return self.minimal_effect or self.expected_rate * (self.minimal_lift or 0)

    def alone(self) -> None:
        """Raise ValueError unless one arm beside a holdout can be judged so."""
        if self.metric == "clicks" or self.winner == "auto":
            raise ValueError("one arm beside a holdout goes with metric: conversion and winner: none")


class Experiment(Question):
    """Versions of the campaign that are compared, and how."""

    name: str = Field(pattern=rf"^{_NAME}$", description="people are drawn by it: another name draws them anew")
    arms: dict[str, Arm] = Field(
        min_length=1, max_length=10, description="by name, as in {plain: {share: 50}, question: {share: 50, templates: "
        "question}}. The first is the control, which the others are compared with. One arm needs a holdout"
    )  # fmt: skip
    holdout: float = Field(
        0, ge=0, le=90, description="percent of the audience that gets nothing from this campaign, beside those whom "
        "include/contact_policy.yaml holds out of all campaigns"
    )  # fmt: skip

    @field_validator("holdout")
    @classmethod
    def _two_decimals(cls, share: float) -> float:
        return share and _percent(share, "")

    @field_validator("arms")
    @classmethod
    def _names(cls, arms: dict[str, Arm], _: ValidationInfo) -> dict[str, Arm]:
        for name in arms:
            if not re.fullmatch(_NAME, name):
                raise ValueError(f"{name[:60]!r} is no name of an arm: small letters, digits and _, a letter first")
            if name == HELD_OUT:
                raise ValueError("holdout is no arm: write `holdout: 10` beside `arms`")
        return arms

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = round(sum(arm.share for arm in self.arms.values()) + self.holdout, 2)
        if total != 100:
            with_holdout = " with the holdout" if self.holdout else ""
            raise ValueError(f"the shares add up to {total:g} %{with_holdout}; they must make 100")
        if len(self.arms) == 1:
            self._alone()
        return self

    def _alone(self) -> None:
        if not self.holdout:
            raise ValueError("one arm has nothing to be compared with: add another, or a holdout")
        self.alone()

    @property
    def shares(self) -> dict[str, float]:
        """Percent by arm, the control first. A holdout is in it too: last, or beside a single arm as the control."""
        arms = {name: arm.share for name, arm in self.arms.items()}
        held = {HELD_OUT: self.holdout} if self.holdout else {}
        return {**held, **arms} if len(arms) == 1 else {**arms, **held}

    @property
    def folders(self) -> dict[str, str]:
        """Of the arms with templates of their own, the folder within arms/."""
        return {name: arm.templates for name, arm in self.arms.items() if arm.templates}

    def meant(self, window_days: int) -> dict[str, Any]:
        """All of it as activation.experiments keeps it, with the campaign's attribution window."""
        return {
            **self.model_dump(mode="json"), "control": next(iter(self.shares)),
            "shares": [[name, share] for name, share in self.shares.items()],  # jsonb keeps the order of lists only
            "effect": self.effect, "window_days": window_days,
        }  # fmt: skip

    @property
    def allocation(self) -> dict[str, Any]:
        """What may not change while the experiment runs."""
        return {"shares": self.shares, "metric": self.metric, "alpha": self.alpha,
                "templates": {name: arm.templates for name, arm in self.arms.items()}}  # fmt: skip

    @property
    def allocation_version(self) -> str:
        """16 hex digits that change with it, the order of the arms too."""
        return allocation_version(self.allocation)


def allocation_version(allocation: Mapping[str, Any]) -> str:
    """16 hex digits that change with what may not change while an experiment runs."""
    return hashlib.sha256(json.dumps(allocation).encode()).hexdigest()[:16]


def _percent(share: float, empty: str) -> float:
    if not share > 0:  # nan, too
        raise ValueError(empty or "must not be below 0")
    if round(share, 2) != share:
        raise ValueError(f"{share} has more than two decimals")
    return share
