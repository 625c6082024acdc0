"""What all DAGs have in common: owner, retries, limits and the way in which a form's field is described."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.sdk import Param, get_current_context

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "marketflow",
    # Every task may run again without harm, so a lost worker or a restarted database is not an incident.
    "retries": 3,
    "retry_delay": dt.timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": dt.timedelta(minutes=5),
}

# For tasks that hold locks while they plan or write a campaign: thirty times what a million people take.
PLANNING_LIMIT = dt.timedelta(minutes=30)

# One run at a time: a run takes all there is to do, so a second one beside it has nothing to gain.
COMMON: dict[str, Any] = {
    "start_date": START,
    "catchup": False,
    "max_active_runs": 1,
    "default_args": DEFAULT_ARGS,
}


def day(title: str, description: str, section: str | None = None) -> Param:
    """An optional date; empty means the business day."""
    return Param(None, type=["null", "string"], format="date", title=title, description_md=description, section=section)


def whole(default: int, title: str, description: str, span: tuple[int, int], section: str | None = None) -> Param:
    """A whole number within `span`, both ends included."""
    return Param(
        default, type="integer", minimum=span[0], maximum=span[1], title=title, description_md=description,
        section=section,
    )  # fmt: skip


def choice(default: str, title: str, description: str, words: dict[str, str], section: str | None = None) -> Param:
    """One of a few; `words`: what each is called in the form."""
    return Param(
        default, type="string", enum=list(words), values_display=words, title=title, description_md=description,
        section=section,
    )  # fmt: skip


def is_test() -> Param:
    """The switch of a trial run."""
    return Param(default=False, type="boolean", title="Test run", description_md="Store it, and do not publish it.")


def force() -> Param:
    """The switch of DAGs that do nothing when nothing has changed."""
    return Param(
        default=False,
        type="boolean",
        title="Run although nothing has changed",
        description_md="Without it a run that finds no change since the last one does nothing.",
    )


def as_date(value: str | None) -> dt.date | None:
    """The form's date."""
    return dt.date.fromisoformat(value) if value else None


def actor() -> str:
    """Who started the run, as Airflow knows her."""
    run: Any = get_current_context()["dag_run"]
    return str(getattr(run, "triggering_user_name", None) or "airflow")
