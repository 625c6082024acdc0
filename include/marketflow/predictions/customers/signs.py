"""Signs: what features say of who will buy again, as numbers that mean the same in a young shop and in an old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from marketflow.predictions.customers.rhythm import Rhythm

    Floats = NDArray[np.float64]

SPANS = (14, 28, 56, 84)
FAMILY_OF_SIGN = {
    "away": "away",
    "away_by_rhythm": "away",
    "away_by_churn_days": "away",
    "usual_gap": "rhythm",
    "irregularity": "rhythm",
    "churn_days": "rhythm",
    "last_gap": "rarer",
    "recent_gaps": "rarer",
    **{f"trend_{days}": "rarer" for days in SPANS},
    **{f"pace_{days}": "rarer" for days in SPANS},
    "due": "rarer",
    "experience": "new",
    "tenure": "new",
    "order_value": "spending",
    "spending_trend": "spending",
    "returns": "returns",
}
"""Each sign, in the order of the columns, and the family that a reason is given by."""

_ENOUGH_DAYS, _LONG_ENOUGH = 10, 84


def signs_of(features: pd.DataFrame, rhythm: Rhythm, churn_days: NDArray[np.int64]) -> Floats:
    """(customers, signs): logarithms, finite for any input. Nothing grows with the age of the shop's records."""
    import numpy as np

    away = _days(features, "last_on")
    tenure = _days(features, "first_on") + 1.0
    bought = features["purchase_days"].to_numpy(np.float64)
    usual = rhythm.usual_gap()
    return np.column_stack(
        [
            np.log1p(away),
            np.log((away + 1) / (usual + 1)),
            np.log((away + 1) / churn_days),
            rhythm.mean,
            rhythm.std,
            np.log(churn_days),
            _beside_usual(np.log(features["last_gap"].to_numpy(np.float64)), rhythm),
            _beside_usual(features["recent_log_gap"].to_numpy(np.float64), rhythm),
            *_paces(features, bought, tenure),
            np.log((features["days_84"].to_numpy(np.float64) + 1) / np.minimum(tenure, 84) * churn_days),
            np.log(np.minimum(bought, _ENOUGH_DAYS)),
            np.log(np.minimum(tenure, _LONG_ENOUGH)),
            *_money(features, bought, tenure),
            np.log1p(features["returns"].to_numpy(np.float64) / features["sales"].to_numpy(np.float64)),
        ]
    )


def spending_beside_before(features: pd.DataFrame) -> Floats:
    """What was spent in the last 84 days, as a share of what all the customer's time would make one expect; from 0."""
    import numpy as np

    tenure = _days(features, "first_on") + 1.0
    expected = _at_least_nothing(features, "revenue") / tenure * np.minimum(tenure, 84)
    recent = _at_least_nothing(features, "revenue_84")
    share: Floats = np.divide(recent, expected, out=np.ones_like(recent), where=expected > 0)
    return share


def _paces(features: pd.DataFrame, bought: Floats, tenure: Floats) -> list[Floats]:
    """Purchase days of the last spans, first beside those expected from all the customer's time, then as such."""
    import numpy as np

    trends, paces = [], []
    for days in SPANS:
        seen, span = features[f"days_{days}"].to_numpy(np.float64), np.minimum(tenure, days)
        trends.append(np.log((seen + 0.5) / (bought / tenure * span + 0.5)))
        paces.append(np.log1p(seen / span * days))
    return trends + paces


def _money(features: pd.DataFrame, bought: Floats, tenure: Floats) -> list[Floats]:
    import numpy as np

    all_time, recent = _at_least_nothing(features, "revenue"), _at_least_nothing(features, "revenue_84")
    trend = np.log1p(recent) - np.log1p(all_time / tenure * np.minimum(tenure, 84))
    return [np.log1p(all_time / bought), trend]


def _beside_usual(log_gap: Floats, rhythm: Rhythm) -> Floats:
    """0 where there is no such gap: neither longer nor shorter than usual."""
    import numpy as np

    return np.where(np.isnan(log_gap), 0.0, log_gap - rhythm.mean)


def _days(features: pd.DataFrame, name: str) -> Floats:
    """Days from the column's day to the features' day."""
    import numpy as np

    days: Floats = (features["as_of"] - features[name]).dt.days.to_numpy().astype(np.float64)
    return days


def _at_least_nothing(features: pd.DataFrame, name: str) -> Floats:
    import numpy as np

    amounts: Floats = np.maximum(features[name].to_numpy(np.float64), 0.0)
    return amounts
