"""The form of `replay_quarantine` becomes a selection; what cannot be meant is said at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from marketflow.orchestration import defaults, replay
from marketflow.sources import Selection

EMPTY: dict[str, Any] = {"reason": None, "load": None, "from": None, "to": None, "numbers": None}


def test_an_empty_form_selects_everything() -> None:
    assert replay._selection(EMPTY) == Selection()
    assert replay._selection({**EMPTY, "reason": "", "numbers": []}) == Selection()


def test_each_field_narrows_the_selection() -> None:
    form = {"reason": "quantity", "load": 7, "from": "2026-11-01", "to": "2026-11-02", "numbers": [3, 5]}
    assert replay._selection(form) == Selection(
        reason="quantity", load_id=7, day_from=dt.date(2026, 11, 1), day_to=dt.date(2026, 11, 2), numbers=(3, 5)
    )


def test_an_unknown_source_fails_for_good_and_names_those_that_there_are() -> None:
    with pytest.raises(AirflowFailException, match=r"there is no source 'ordres'.*orders"):
        replay._source("ordres")


@pytest.mark.parametrize(("name", "actor"), [("maria", "maria"), (None, "airflow")])
def test_who_started_the_run_is_the_actor(monkeypatch: pytest.MonkeyPatch, name: str | None, actor: str) -> None:
    class Run:
        triggering_user_name = name

    monkeypatch.setattr(defaults, "get_current_context", lambda: {"dag_run": Run()})
    assert defaults.actor() == actor
