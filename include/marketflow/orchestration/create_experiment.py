"""The part of the form of `create_campaign` that makes a test: a second subject, people who get nothing, or both."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from marketflow.orchestration.defaults import choice, whole

_SECTION = "A/B test"
_METRICS = {"conversion": "people who ordered", "clicks": "people who clicked"}
_SECOND = "second"


def experiment_fields() -> dict[str, Param]:
    """The fields, by name."""
    return {
        "second_subject": Param(
            None, type=["null", "string"], maxLength=250, title="Second subject", section=_SECTION,
            description_md="Half of the people get it instead of the first. Empty: no A/B test.",
        ),
        "holdout_percent": whole(
            0, "Held out, in percent", "So many get nothing, to see what the campaign brings. 0: nobody.", (0, 90),
            _SECTION,
        ),
        "test_metric": choice("conversion", "Decided by", "With two subjects.", _METRICS, _SECTION),
        "expected_rate": _share("Expected share", "Of people who order (or click) as it is today: 3 % is `0.03`."),
        "smallest_effect": _share("Smallest difference", "Worth finding: `0.01` is from 3 % to 4 %."),
        "auto_winner": Param(
            default=False, type="boolean", title="The winner takes all", section=_SECTION,
            description_md="Later occasions get the better subject only; those held out stay so.",
        ),
        "test_name": Param(
            "test", type="string", pattern="^[a-z][a-z0-9_]{0,39}$", title="Name of the test", section=_SECTION,
            description_md="People are drawn by it: to test anew, give it another.",
        ),
    }  # fmt: skip


def _share(title: str, words: str) -> Param:
    return Param(
        None, type=["null", "number"], exclusiveMinimum=0, exclusiveMaximum=1, title=title, description_md=words,
        section=_SECTION,
    )  # fmt: skip


def experiment_of(form: dict[str, Any]) -> dict[str, Any] | None:
    """`experiment` of campaign.yaml; None where the form asks for no test."""
    held, second = form["holdout_percent"], form["second_subject"]
    if not (held or second):
        return None
    names = ["first", _SECOND] if second else ["message"]
    arms: dict[str, dict[str, Any]] = {name: {"share": (100 - held) / len(names)} for name in names}
    if second:
        arms[_SECOND]["templates"] = _SECOND
    said = {
        "name": form["test_name"], "arms": arms, "holdout": held or None, "metric": form["test_metric"],
        "expected_rate": form["expected_rate"], "minimal_effect": form["smallest_effect"],
        "winner": "auto" if form["auto_winner"] else None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def arm_files(form: dict[str, Any], templates: dict[str, str]) -> dict[str, str]:
    """The second subject as the file of its arm, in the language of the first."""
    if not form["second_subject"]:
        return {}
    first = [name for name in templates if name.startswith("subject.")]
    if len(first) > 1:
        raise AirflowFailException(
            f"second_subject: the first is written in {len(first)} languages; give a subject and a text, which "
            f"take the place of all, or write the files arms/{_SECOND}/subject.*.txt by hand"
        )
    return {f"arms/{_SECOND}/{name}": form["second_subject"] for name in first}
