"""`make evaluate`: rows of models that did not run stay, and tables say what was measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conftest import ROOT

if TYPE_CHECKING:
    from benchmarks._models.rows import Row


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def row(**other: Any) -> Row:
    from benchmarks._models.rows import Row

    values: dict[str, Any] = {
        "data": "shop", "model": "churn", "split": "in time", "metric": "auc", "baseline": "recency",
        "baseline_value": 0.7, "ours": 0.8, "seed": 1, "better": True, "decides": True,
    }  # fmt: skip
    return Row(**{**values, **other})


def test_rows_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    from benchmarks._models.rows import read_rows, write_rows

    rows = [row(), row(difference=(0.01, 0.02), group="new", customers=3)]
    assert read_rows(tmp_path / "evaluate" / "latest.json") == []
    write_rows(tmp_path / "evaluate" / "latest.json", rows)
    assert read_rows(tmp_path / "evaluate" / "latest.json") == rows


def test_rows_of_models_that_did_not_run_stay_and_those_that_are_gone_do_not() -> None:
    from benchmarks._models.rows import merged

    order = [("shop", "rfm"), ("shop", "churn"), ("other", "churn")]
    before = [
        row(model="rfm"), row(model="churn, 28 days ahead", ours=0.1), row(data="other"), row(model="given_up"),
    ]  # fmt: skip
    now = [row(model="churn, 28 days ahead", ours=0.9), row(ours=0.85)]
    found = merged(before, now, ran={("shop", "churn")}, order=order)
    assert found == [before[0], *now, before[2]]


def test_some_models_alone_do_not_take_the_others_from_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a fresh clone: the page is there, and what it was made of is not."""
    from benchmarks._models import __main__ as evaluation
    from benchmarks._models.rows import read_rows

    found, page = [row(data="The Complete Journey", model="churn_risks")], tmp_path / "models.md"
    page.write_text((ROOT / "docs/models.md").read_text())
    monkeypatch.setattr(evaluation, "PAGE", page)
    monkeypatch.setattr(evaluation, "settings", lambda: SimpleNamespace(home=tmp_path))
    monkeypatch.setattr(evaluation, "_run", lambda *_, **__: found)
    assert evaluation.main(["churn_risks"]) == 0
    assert page.read_text() == (ROOT / "docs/models.md").read_text()
    assert read_rows(tmp_path / "evaluate/partial.json") == found
    assert evaluation.main([]) == 0
    assert read_rows(tmp_path / "evaluate/latest.json") == found
    assert page.read_text() != (ROOT / "docs/models.md").read_text()


def test_an_unknown_model_is_named_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks._models.__main__ import main

    assert main(["rfm", "horoscope"]) == 2
    said = capsys.readouterr().err
    assert "there is no model horoscope; there are: rfm, clusters" in said
    assert "campaign_recommendations" in said


def test_text_between_marks_is_replaced_and_the_rest_stays() -> None:
    from benchmarks._models.page import between

    page = "a <!-- make evaluate: products: begin -->old<!-- make evaluate: products: end --> b"
    once = between(page, ": products", "new\n")
    assert once.startswith("a <!--")
    assert once.endswith("--> b")
    assert "old" not in once
    assert between(once, ": products", "new\n") == once
    with pytest.raises(ValueError, match="no marks"):
        between(page, ": campaigns", "new")


def test_studies_have_tables_of_their_own_and_runs_stand_in_the_first(tmp_path: Path) -> None:
    from benchmarks._models.page import write_page

    page, kinds = tmp_path / "models.md", ("", ": products", ": campaigns")
    page.write_text("\n".join(f"<!-- make evaluate{k}: begin -->\n<!-- make evaluate{k}: end -->" for k in kinds))
    write_page(page, [row(model="campaign_recommendations", baseline="best"), *_campaign_rows(), *_product_rows()])
    first, products, campaigns = page.read_text().split("begin -->")[1:]
    assert "| campaign_recommendations | `auc` * | best |" in first
    assert "campaign 8" not in first + products
    assert "Ours is better than own top products" in products
    assert "| past coupon spend" in campaigns


def _facts() -> dict[str, Any]:
    """As `measure` gives them: ours and two lists, of ten customers."""

    def about(ndcg: float | None, apart: tuple[float, float] | None, **other: Any) -> dict[str, Any]:
        one = {"customers": 10, "hit": 0.5, "ndcg": ndcg, "recall": 0.1, "ndcg_minus_this": apart}
        nobody = {"customers": 0, "hit": None, "ndcg": None, "recall": None, "ndcg_minus_this": None}
        return {
            "coverage": 0.2, "novelty": 3.0, "all": one, "new": nobody, "light": one, "heavy": one, **other,
        }  # fmt: skip

    return {
        "with repeats": {
            "ours": about(0.4, None), "popularity": about(0.1, (0.2, 0.4)), "own top products": about(0.3, (0.05, 0.2)),
        }
    }  # fmt: skip


def _product_rows(**facts: Any) -> list[Row]:
    from benchmarks._models.products import rows_of

    return list(rows_of("all products", {**_facts(), **facts}, 1_000))


def test_products_have_a_row_for_each_list_figure_and_group() -> None:
    rows = _product_rows()
    assert len(rows) == 2 * (4 * 3 + 2)
    deciding = [r for r in rows if r.decides]
    assert [(r.baseline, r.metric, r.group, r.ours, r.baseline_value) for r in deciding] == [
        ("own top products", "ndcg_at_10", "", 0.4, 0.3)
    ]
    assert deciding[0].difference == (0.05, 0.2)
    assert "learnt until 2017-12-03, measured 2017-12-04 to 2017-12-31, days of America/New_York" in deciding[0].split
    assert "1,000 products; mean of the 10 customers" in deciding[0].split
    nobody = [r for r in rows if r.group == "new"]
    assert {(r.customers, r.ours, r.better) for r in nobody} == {(0, None, None)}
    assert all(r.better is None for r in rows if r.metric in {"coverage", "novelty"})


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        ((0.01, 0.02), "Ours is better than own top products"),
        ((-0.01, 0.02), "Ours is **not surely better** than"),
        ((-0.02, -0.01), "Ours is **not better** than"),
        (None, "not measured"),
    ],
)
def test_the_verdict_needs_an_interval_above_zero(apart: tuple[float, float] | None, words: str) -> None:
    from benchmarks._models.product_tables import verdict

    assert words in verdict([row(baseline="own top products", difference=apart)])


def test_lists_stand_beside_each_other_and_nobody_is_a_dash() -> None:
    from benchmarks._models.product_tables import product_tables

    text = product_tables(_product_rows())
    assert "| **ours** | 0.5000 | 0.4000 | 0.1000 | 20.00% | 3.00 |  |" in text
    assert "| own top products * | 0.5000 | 0.3000 | 0.1000 | 20.00% | 3.00 | 0.0500 to 0.2000 |" in text
    assert "| NDCG@10 and HR@10 of customers | new (0) | light (10) | heavy (10) |" in text
    assert "| **ours** | - and - | 0.4000 and 0.5000 | 0.4000 and 0.5000 |" in text
    assert "| popularity | - and - | 0.1000 and 0.5000 | 0.1000 and 0.5000 |" in text
    assert "| ours is more than own top products by (NDCG@10) | - | 0.0500 to 0.2000 | 0.0500 to 0.2000 |" in text


def test_every_product_may_be_proposed_where_all_count() -> None:
    from benchmarks._models.products import everything

    from marketflow.recommenders.products.catalogue import Catalogue
    from marketflow.recommenders.products.learning import Shop

    few: Any = np.array([True, False, True])
    catalogue = Catalogue(ids=np.arange(3), groups={}, kinds=np.arange(3), proposable=few, words=few, meaning=few)
    shop = Shop(catalogue=catalogue, history=few, groups={}, group_count=1, engine=few, seed=1)
    assert everything(shop).catalogue.proposable.all()
    assert dataclasses.replace(everything(shop), catalogue=catalogue) == shop
    assert not catalogue.proposable.all()


def _campaign_rows(*, worse: bool = False) -> list[Row]:
    """A campaign of 200 receivers whose answers our chances put in order, and past coupon spend less so."""
    from benchmarks._models.campaigns import rows_of

    from marketflow.recommenders.campaigns.backtest import Trial

    answered = np.arange(200) >= 150
    ours, spend = np.arange(200.0), np.arange(200.0) % 100
    singles = {"past coupon spend": ours if worse else spend, "own past rate": np.zeros(200)}
    campaign = np.repeat([0, 1], 100)
    trial = Trial(campaign, np.arange(200), answered, spend if worse else ours, singles)
    return [*rows_of("campaign 8", trial, pooled=False), *rows_of("the others, pooled", trial, pooled=True)]


def test_each_signal_of_a_campaign_has_a_row_with_the_interval_of_the_difference() -> None:
    rows = [r for r in _campaign_rows() if r.model == "campaign_recommendations, campaign 8"]
    assert [(r.baseline, r.baseline_value, r.ours, r.decides) for r in rows] == [
        ("past coupon spend", 0.8333, 1.0, True), ("own past rate", 0.5, 1.0, False), ("chance", 0.5, 1.0, False),
    ]  # fmt: skip
    low, high = rows[0].difference or (0, 0)
    assert 0.1 < low < 1 / 6 < high < 0.25
    assert rows[1].difference == (0.5, 0.5)
    assert rows[0].split == "200 receivers, 50 redeemed; known the day before each began"


def test_pooled_campaigns_are_also_compared_within_them() -> None:
    rows = [r for r in _campaign_rows() if r.metric == "auc within campaigns"]
    assert [(r.baseline, r.baseline_value, r.ours) for r in rows] == [
        ("past coupon spend", 1.0, 1.0), ("own past rate", 0.5, 1.0),
    ]  # fmt: skip
    assert rows[0].split.startswith("2 campaigns, ")


def test_a_campaign_that_a_signal_does_better_on_says_so() -> None:
    from benchmarks._models.campaign_table import campaign_table

    good, bad = campaign_table(_campaign_rows()), campaign_table(_campaign_rows(worse=True))
    assert "| AUC of | campaign 8 | the others, pooled | the others, pooled within campaigns |" in good
    assert "not better" not in good
    assert "| **ours** | 0.833, **not better** |" in bad
    assert "| past coupon spend | 1.000 * (-0." in bad
    assert "| chance | 0.500 (+0.5" in good
    assert good.rstrip().endswith("known the day before each began")


def _summary(scores: list[dict[str, Any]] | None, reason: str | None = None) -> Any:
    from marketflow.warehouse import ModelSummary

    metrics = {} if scores is None else {"scores": scores, "lists": {}}
    return ModelSummary(run_id=1, rows=2, metrics=metrics, baseline={}, published=not reason, reason=reason)


def test_a_run_tells_all_its_scores_one_that_is_studied_only_what_decides_and_one_that_describes_nothing() -> None:
    from benchmarks._models.data import JOURNEY
    from benchmarks._models.runs import Trial, told_by

    def score(*, decides: bool) -> dict[str, Any]:
        one = dataclasses.asdict(row(decides=decides))
        return {"higher_is_better": True, **{k: v for k, v in one.items() if k not in {"data", "model"}}}

    trial = Trial(data=JOURNEY, model="rfm", door=_summary, asked={})
    studied = dataclasses.replace(trial, study=lambda _: [])
    scores = [score(decides=True), score(decides=False)]
    assert [r.decides for r in told_by(trial, _summary(scores))] == [True, False]
    assert [r.decides for r in told_by(studied, _summary(scores))] == [True]
    assert told_by(trial, _summary([])) == []
    refused = told_by(studied, _summary(None, "too few customers"))
    assert [(r.metric, r.split, r.ours) for r in refused] == [("refused", "too few customers", None)]


def test_products_and_campaigns_are_recommended_only_where_there_are_some() -> None:
    from benchmarks._models.data import JOURNEY
    from benchmarks._models.runs import trials

    of = {model: {t.data.name for t in trials() if t.model == model} for model in (t.model for t in trials())}
    for model in ("association_rules", "product_recommendations", "related_products", "campaign_recommendations"):
        assert of[model] == {JOURNEY.name}
    assert len(of["rfm"]) == 3
