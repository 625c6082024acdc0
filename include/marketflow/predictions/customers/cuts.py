"""Cuts: the days in the past at which a model is learnt, calibrated and tested; no label reaches over the next one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketflow.shared import NotEnoughData

SPACING_DAYS = 30
MOST_CUTS = 3
HISTORY_DAYS = 28
"""So much must be known before a cut."""


@dataclass(frozen=True, kw_only=True)
class Learning:
    """Days at which customers are looked at; labels are known `horizon_days` later, by `until` for all of them.

    learn: from the latest to the earliest. calibrate: a later one; with `is_shared` it is the only day there is, and
    half of its customers serve each purpose.
    """

    learn: tuple[dt.date, ...]
    calibrate: dt.date
    until: dt.date
    is_shared: bool

    def words(self) -> str:
        """For Score.split."""
        first, last = min(self.learn), max(self.learn)
        days = f"on {first}" if first == last else f"on {len(self.learn)} days from {first} to {last}"
        both = "half of the customers each" if self.is_shared else f"calibrated on {self.calibrate}"
        return f"learnt from customers as of and what they bought next, {days}, {both}, outcomes until {self.until}"


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """How to learn what is published, and how to learn what is tested at the day `test`; None: not to be measured."""

    final: Learning
    trial: Learning | None
    test: dt.date

    def split(self) -> str:
        """In words, for the scores."""
        if self.trial is None:
            return f"not measured: the history is too short to learn before {self.test}"
        return f"{self.trial.words()}; measured on those as of {self.test}, outcomes until {self.final.until}"


def plan_cuts(*, first_on: dt.date | None, last_on: dt.date | None, as_of: dt.date, horizon_days: int) -> Cuts:
    """The cuts for labels that need `horizon_days` of future, with purchases known from `first_on` to `last_on`.

    What is published has labels until the last day known, which is as_of where there are orders on it. The test is at
    the latest day whose labels are known, and what is tested was learnt with labels until that day. Raises
    NotEnoughData when not even a model can be learnt, or the last purchase is over `horizon_days` ago.
    """
    if first_on is None or last_on is None:
        raise NotEnoughData("no customer has bought anything yet")
    if (as_of - last_on).days > horizon_days:
        raise NotEnoughData(
            f"the last purchase known was on {last_on}, {(as_of - last_on).days} days before {as_of}: too long ago to "
            "tell who has stopped buying from what has not been loaded"
        )
    known = min(as_of, last_on)
    final = _learning(first_on, known, horizon_days)
    if final is None:
        raise NotEnoughData(
            f"purchases are known of {(known - first_on).days + 1} days; to learn what customers do within "
            f"{horizon_days} days at least {horizon_days + HISTORY_DAYS} are needed"
        )
    return Cuts(final=final, trial=_learning(first_on, final.calibrate, horizon_days), test=final.calibrate)


def _learning(first_on: dt.date, until: dt.date, horizon_days: int) -> Learning | None:
    """Calibrate at the latest day whose labels are known by `until`, learn at earlier ones; None without any."""
    latest = until - dt.timedelta(days=horizon_days)
    days = [latest - dt.timedelta(days=SPACING_DAYS * back) for back in range(MOST_CUTS + 1)]
    days = [day for day in days if (day - first_on).days + 1 >= HISTORY_DAYS]
    if not days:
        return None
    return Learning(learn=tuple(days[1:] or days), calibrate=latest, until=until, is_shared=len(days) == 1)
