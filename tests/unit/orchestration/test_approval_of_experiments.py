"""Who approves an experiment sees its arms, what it can find, and that it has been decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiment_letter import letter
from marketflow.evaluation.experiments import size_lines
from marketflow.orchestration.approval import approval_text

DEFINITION: dict[str, Any] = {
    "name": "subject", "metric": "conversion", "shares": [["plain", 45], ["question", 45], ["holdout", 10]],
    "expected_rate": 0.03, "effect": 0.01, "alpha": 0.05, "power": 0.8,
}  # fmt: skip
PLAN: dict[str, Any] = {
    "planned": 900, "audience": 1_200, "refusals": {"experiment_holdout": 100, "no_consent": 200}, "winner": None,
    "variants": {"plain": 450, "question": 450, "holdout": 100},
    "samples": [{"subject": "Hello", "text": "x", "arm": "plain"}, {"subject": "Seen?", "text": "x", "arm": "question"}],
}  # fmt: skip


def test_arms_samples_and_what_it_can_find() -> None:
    text = approval_text({**PLAN, "experiment": list(size_lines(DEFINITION, 1_000))})
    assert "| arm | people |\n|---|---:|\n| plain | 450 |\n| question | 450 |\n| holdout | 100 |\n" in text
    assert "* Experiment subject: plain 45 %, question 45 %, holdout 10 %; conversion decides." in text
    assert "* To find 4.00% instead of 3.00% in 80% of the cases, with alpha 0.05: " in text
    assert "times the 11,780 of a single look at the end" in text  # 5,301 in each of two arms of 45 %
    assert "* These 1,000 people alone: it finds a difference of " in text
    assert "* WARNING: too few people for an effect of 1.00 points" in text
    assert text.index("Arm plain:") < text.index("Hello") < text.index("Arm question:") < text.index("Seen?")


def test_enough_people_are_not_warned_of() -> None:
    assert not any("WARNING" in line for line in size_lines(DEFINITION, 100_000))


def test_a_decided_one_says_who_gets_it() -> None:
    text = approval_text({**PLAN, "winner": "question", "experiment": list(size_lines(DEFINITION, 1_000))})
    assert "**question has won**: all but the holdout get it." in text
    assert "WARNING" not in text


def test_a_campaign_without_one_says_nothing_of_it() -> None:
    text = approval_text({**PLAN, "variants": {}, "experiment": [], "samples": [{"subject": "Hello", "text": "x"}]})
    assert "arm" not in text.lower()


def test_the_campaigns_page_says_what_is_compared(tmp_path: Path) -> None:
    from marketflow.orchestration.campaign import define_campaign

    doc = define_campaign(letter(tmp_path)).doc_md or ""
    assert "| Experiment | subject: plain 40 %, question 40 %, holdout 20 %; conversion decides |" in doc
