"""From what was bought to the matrix: nothing is NaN that should not be, few orders say little, groups weigh as told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from marketflow.segments.clusters.features import PEOPLE, SHARE, band_number, features_of
from marketflow.segments.clusters.matrix import (
    WEIGHTS,
    averages_of,
    cleaned,
    fit_scaling,
    group_of,
    transformed,
)

if TYPE_CHECKING:
    import pandas as pd

MIX = [SHARE + name for name in ("other departments", "MEAT", "FUEL")]


def customers(n: int = 300, *, known: float = 0.3, seed: int = 1) -> pd.DataFrame:
    """Features of made-up customers, of `known` of whom age and so on are known."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    days = rng.integers(1, 60, n).astype(float)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n) + 1, "orders": days.astype(int), "recency_days": rng.integers(0, 90, n).astype(float),
            "purchase_days": days, "revenue": rng.gamma(2, 200, n), "basket": rng.gamma(2, 20, n),
            "rhythm_days": 300 / days, "lines": rng.gamma(2, 4, n), "discount_share": rng.beta(2, 9, n),
            "weekend_share": rng.beta(2, 4, n), "evening_share": rng.beta(3, 4, n),
        }
    )  # fmt: skip
    frame[MIX] = rng.dirichlet([1, 6, 2], n)
    for name in PEOPLE:
        frame[name] = np.where(rng.random(n) < known, rng.normal(40, 9, n), np.nan)
    return frame


def orders(**values: float) -> pd.DataFrame:
    """What the database says of one customer."""
    import pandas as pd

    usual = {
        "customer_id": 1, "recency_days": 3, "known_days": 30, "orders": 4, "purchase_days": 3, "revenue": 80.0,
        "sales": 100.0, "lines": 12, "discount": 25.0, "full_price": 125.0, "weekend_orders": 1, "evening_orders": 2,
    }  # fmt: skip
    return pd.DataFrame([usual | values])


def person() -> pd.DataFrame:
    """What is known of one customer."""
    import pandas as pd

    known = {"age_band": "35-44", "income_band": "Under 15K", "household_size": "5+", "kids_count": None}
    return pd.DataFrame([{"customer_id": 1} | known])


def test_features_by_hand() -> None:
    import pandas as pd

    spent = pd.DataFrame([{"customer_id": 1, MIX[0]: 10.0, MIX[1]: 30.0}])
    found = features_of(orders(), spent, person()).iloc[0]
    assert found[["recency_days", "purchase_days", "revenue", "basket"]].tolist() == [3, 3, 80, 25]
    assert found[["rhythm_days", "lines", "discount_share"]].tolist() == [10, 3, 0.2]
    assert found[["weekend_share", "evening_share", MIX[0], MIX[1]]].tolist() == [0.25, 0.5, 0.25, 0.75]
    assert found[["age", "income", "household_size"]].tolist() == [39.5, 15, 5]
    assert np.isnan(found["kids"])


def test_what_was_all_free_and_of_no_department_has_no_mix_and_no_discount() -> None:
    import pandas as pd

    nothing = pd.DataFrame(columns=["customer_id", *MIX]).astype({"customer_id": "int64"} | dict.fromkeys(MIX, float))
    found = features_of(orders(sales=0.0, full_price=0.0, discount=0.0), nothing, person()).iloc[0]
    assert found["discount_share"] == 0
    assert found[MIX].isna().all()


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("19-24", 21.5),
        ("65+", 65),
        ("250K+", 250),
        ("Under 15K", 15),
        ("3", 3),
        ("none", None),
        (None, None),
        ("", None),
    ],
)
def test_bands_as_numbers(words: str | None, number: float | None) -> None:
    import pandas as pd

    found = band_number(pd.Series([words, "1"], dtype="string"))
    assert found.tolist()[1] == 1
    assert found.isna().tolist()[0] if number is None else found.tolist()[0] == number


def test_nobody_known_is_no_column() -> None:
    import pandas as pd

    found = band_number(pd.Series([None, None], dtype="string"))
    assert found.isna().all()
    assert found.dtype == float


def test_cleaning_leaves_no_number_that_is_none() -> None:
    frame = customers()
    frame.loc[0, ["revenue", "recency_days", "discount_share"]] = [-50.0, np.nan, 3.0]
    frame.loc[1, ["revenue", "basket", "age"]] = [np.inf, -np.inf, np.inf]
    found = cleaned(frame)
    assert found.loc[0, "revenue"] == 0
    assert found.loc[0, "discount_share"] == 1
    assert found.loc[0, "recency_days"] == frame["recency_days"].median()
    assert np.isfinite(found.drop(columns=list(PEOPLE)).to_numpy()).all()
    assert np.isnan(found.loc[1, "age"])
    assert np.isfinite(fit_scaling(found).matrix(found)).all()


def test_shares_of_few_orders_are_drawn_to_the_average() -> None:
    frame = customers(3)
    frame["orders"], frame["weekend_share"] = [1, 27, 1], [1.0, 1.0, 0.0]
    found = transformed(frame, averages_of(frame) | {"weekend_share": 0.4})["weekend_share"]
    assert found.tolist() == pytest.approx([(1 + 3 * 0.4) / 4, (27 + 3 * 0.4) / 30, 3 * 0.4 / 4])


def test_groups_of_features_weigh_as_told() -> None:
    frame = cleaned(customers(2_000, known=1.0))
    scaling = fit_scaling(frame)
    variance = dict(zip(scaling.names, scaling.matrix(frame).var(axis=0), strict=True))
    for group, weight in WEIGHTS.items():
        assert sum(v for name, v in variance.items() if group_of(name) == group) == pytest.approx(weight)
    value = [v for name, v in variance.items() if group_of(name) == "value"]
    assert value == pytest.approx([WEIGHTS["value"] / len(value)] * len(value))


def test_who_is_unknown_lies_in_the_middle_and_nowhere_apart() -> None:
    frame = cleaned(customers(known=0.3))
    scaling = fit_scaling(frame)
    unknown = frame[list(PEOPLE)].isna().all(axis=1).to_numpy()
    people = [n for n, name in enumerate(scaling.names) if name in PEOPLE]
    matrix = scaling.matrix(frame)
    assert (matrix[np.ix_(unknown, people)] == 0).all()
    assert matrix[:, people].var(axis=0).sum() < WEIGHTS["people"]


def test_one_who_is_far_off_is_clipped() -> None:
    frame = customers()
    usual = fit_scaling(cleaned(frame)).matrix(cleaned(frame))
    frame.loc[0, "revenue"] = 1e12
    matrix = fit_scaling(cleaned(frame)).matrix(cleaned(frame))
    assert np.abs(matrix).max() < 1.5 * np.abs(usual).max()


def test_what_is_the_same_for_all_is_left_out() -> None:
    frame = customers()
    frame["lines"], frame["evening_share"] = 1.0, 0.0
    frame[MIX] = np.nan
    frame[list(PEOPLE)] = np.nan
    assert set(fit_scaling(cleaned(frame)).names) == {
        "recency_days", "purchase_days", "revenue", "basket", "rhythm_days", "discount_share", "weekend_share",
    }  # fmt: skip


def test_the_same_scaling_serves_other_customers() -> None:
    frame = cleaned(customers())
    scaling = fit_scaling(frame)
    assert (scaling.matrix(frame.iloc[5:9]) == scaling.matrix(frame)[5:9]).all()
