"""Campaigns of the past, each foreseen by what was known the day before it began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketflow.recommenders.campaigns.known import NEVER, Answers, Known, answered_on
from marketflow.recommenders.campaigns.model import Blend, Rows, fit_blend
from marketflow.recommenders.campaigns.signals import FAMILY_OF_SIGNAL, View
from marketflow.shared import NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

SINGLES = (
    "own past rate", "past coupon spend", "past coupon days", "campaign's base rate", "plain user-kNN",
    "plain content: products", "plain content: categories",
)  # fmt: skip
_COLUMNS = list(FAMILY_OF_SIGNAL)


@dataclass(frozen=True)
class Trial:
    """Campaigns that were foreseen: rows of receivers, whether they answered, our chances, and each single signal."""

    campaign: Integers
    customer: Integers
    answered: Bools
    ours: Floats
    singles: dict[str, Floats]


@dataclass(frozen=True)
class _Received:
    answers: Answers
    signals: Floats
    singles: dict[str, Floats]


class Backtest:
    """Campaigns as they were the day before they began; each is looked at once."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._received: dict[int, _Received] = {}

    def rows(self, day: int) -> Rows:
        """What can be learnt from the day before `day`: campaigns of which half or more of the days had passed."""
        import numpy as np

        campaigns = self.known.campaigns
        middle = (campaigns.starts + campaigns.ends + 1) // 2
        places = np.flatnonzero(middle < day)
        found = [self._known_by(int(place), day) for place in places]
        if not found:
            return Rows(np.empty((0, len(_COLUMNS))), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64))
        return Rows(
            np.vstack([one.signals for one in found]),
            np.concatenate([one.answered for one in found]),
            np.concatenate([one.campaign for one in found]),
        )

    def model(self, day: int) -> Blend:
        """The blend as it could have been learnt the day before `day`. Raises NotEnoughData as fit_blend does."""
        return fit_blend(self.rows(day))

    def trial(self, places: Iterable[int]) -> Trial | None:
        """Foresee these campaigns, each by the model of the day on which it began; None if no model could be learnt."""
        import numpy as np

        done: list[tuple[_Received, Floats]] = []
        for place in places:
            try:
                model = self.model(int(self.known.campaigns.starts[place]))
            except NotEnoughData:
                continue
            one = self._of(place)
            if len(one.answers):
                done.append((one, model.probabilities(one.signals)))
        if not done:
            return None
        return Trial(
            np.concatenate([one.answers.campaign for one, _ in done]),
            np.concatenate([one.answers.customer for one, _ in done]),
            np.concatenate([answered_on(one.answers, self.known.campaigns, NEVER) < NEVER for one, _ in done]),
            np.concatenate([chances for _, chances in done]),
            {name: np.concatenate([one.singles[name] for one, _ in done]) for name in SINGLES},
        )

    def _known_by(self, place: int, day: int) -> Rows:
        """Its receivers and their answers as of the day before `day`; what counts as an answer is of that day too."""
        one = self._of(place)
        known = one.answers.before(day)
        answered = answered_on(known, self.known.campaigns, day) < NEVER
        return Rows(one.signals[one.answers.received < day], answered, known.campaign)

    def _of(self, place: int) -> _Received:
        if place not in self._received:
            self._received[place] = self._look(place)
        return self._received[place]

    def _look(self, place: int) -> _Received:
        """Signals of the day before the campaign began, of who received it; and what they did about it until now."""
        view = View(self.known, int(self.known.campaigns.starts[place]))
        own = self.known.answers.where(self.known.answers.campaign == place)
        customer = own.customer
        signals = view.signals(place)[customer]
        column = {name: signals[:, at] for at, name in enumerate(_COLUMNS)}
        found = (
            column["own_rate"], view.coupon_total[customer], view.coupon_days[customer], column["campaign_rate"],
            column["neighbours"], column["offer_bought"], column["offer_categories"],
        )  # fmt: skip
        return _Received(own, signals, dict(zip(SINGLES, found, strict=True)))
