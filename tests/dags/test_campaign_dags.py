"""Each campaign's DAG: its schedule by its trigger, its form, its runbook, and the day that a late run is about."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaign_shop import write_campaign
from marketflow.campaigns import Campaign
from marketflow.shared import Clock

YAML = """\
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger: {trigger}
{more}
"""


def campaign(tmp_path: Path, trigger: str, more: str = 'audience: {where: "orders > 1"}') -> Campaign:
    return write_campaign(
        tmp_path / "letter", yaml=YAML.format(trigger=trigger, more=more), subject="Hi", text="Hello {{ given_name }}"
    )


def schedule(tmp_path: Path, trigger: str) -> Any:
    from marketflow.orchestration.campaign import define_campaign

    return define_campaign(campaign(tmp_path, trigger)).timetable


def wakers(timetable: Any) -> set[str]:
    return {asset.name for asset in timetable.asset_condition.objects}


@pytest.mark.parametrize("on", ["order_placed", "signed_up", "weekly", "entered_segment, segment: at_risk"])
def test_woken_by_the_marts(tmp_path: Path, on: str) -> None:
    assert wakers(schedule(tmp_path, f"{{on: {on}}}")) == {"marts"}


def test_cron_is_in_the_shops_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketflow.shared import settings

    monkeypatch.setenv("MARKETFLOW_TIME_ZONE", "Asia/Shanghai")
    settings.cache_clear()
    try:
        timetable = schedule(tmp_path, '{on: cron, cron: "0 9 * * MON"}')
    finally:
        settings.cache_clear()
    assert (timetable.expression, str(timetable.timezone)) == ("0 9 * * MON", "Asia/Shanghai")


def test_a_birthday_is_looked_for_once_a_day_and_a_basket_by_the_clock_too(tmp_path: Path) -> None:
    assert schedule(tmp_path / "a", "{on: birthday}").expression == "30 7 * * *"
    both = schedule(tmp_path / "b", "{on: cart_abandoned, after: 2 hours}")
    assert wakers(both) == {"marts"}
    assert both.timetable.expression == "*/15 * * * *"


def test_a_table_wakes_its_campaign_and_is_told_by_the_build(tmp_path: Path) -> None:
    from marketflow.orchestration import assets

    assert wakers(schedule(tmp_path, "{on: table_update, table: marts.sales_forecasts}")) == {"marts.sales_forecasts"}
    told = {asset.name for asset in assets.marts()}
    assert "marts.sales_forecasts" in told
    assert not {"marts.campaign_performance", "marts.campaign_results", "marts.campaign_uplift"} & told
    assert not {"marts.attributed_orders", "marts.campaign_attribution", "marts.campaign_arms"} & told


def test_manual_has_no_schedule(tmp_path: Path) -> None:
    assert schedule(tmp_path, "{on: manual}").can_be_scheduled is False


@pytest.mark.parametrize(
    ("due", "day"),
    [("2026-11-23T14:00", "2026-11-22"), ("2026-11-20T14:00", "2026-11-19"), ("2026-11-24T14:00", "2026-11-22")],
)
def test_a_run_that_was_due_while_airflow_was_down_is_about_its_own_day(due: str, day: str) -> None:
    """A stale schedule does not fire as if it were today's: the plan refuses a day that is too old."""
    from marketflow.orchestration.campaign_schedule import business_day

    now = dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)

    class Fixed(Clock):
        def now(self) -> dt.datetime:
            return now

    clock = Fixed(time_zone=ZoneInfo("America/New_York"))
    run = SimpleNamespace(run_type="scheduled", logical_date=dt.datetime.fromisoformat(f"{due}+00:00"))
    assert business_day({"dag_run": run}, clock) == dt.date.fromisoformat(day)
    for other in (
        SimpleNamespace(run_type="manual", logical_date=run.logical_date),
        SimpleNamespace(logical_date=None),
    ):
        assert business_day({"dag_run": other}, clock) == dt.date(2026, 11, 22)


def test_the_runbook_says_what_a_marketer_asks(tmp_path: Path) -> None:
    from marketflow.orchestration.campaign import define_campaign

    more = (
        "audience: {where: \"country = 'US' or country = 'CA'\"}\nstart: 2026-11-01\nend: 2026-12-24\n"
        "budget: {amount: 500, currency: EUR, cost_per_message: 0.002}\nlimits: {audience: 10000, per_day: 2000}\n"
        "goal: {metric: conversion_rate, target: 0.05, within_days: 10}\n"
    )
    text = define_campaign(campaign(tmp_path, "{on: cart_abandoned}", more)).doc_md or ""
    for words in (
        "a basket that was left for 4 hours", "country = 'US' or country = 'CA'", "| From | 2026-11-01 |",
        "| Until | 2026-12-24 |", "| Budget | 500 EUR, 0.002 a message |", "| At most | 10,000 people |",
        "| At most a day | 2,000 people |", "| Goal | conversion_rate of 0.05 within 10 days |",
    ):  # fmt: skip
        assert words in text


def test_the_form_has_what_a_run_may_change(tmp_path: Path) -> None:
    from marketflow.orchestration.campaign import define_campaign

    params = define_campaign(campaign(tmp_path, "{on: manual}")).params
    assert set(params) == {
        "dry_run", "approval", "audience_limit", "test_addresses", "subject", "business_date", "occasion",
    }  # fmt: skip
    schema = params.get_param("test_addresses").schema
    assert (schema["maxItems"], params["test_addresses"]) == (5, [])


def test_a_broken_campaign_is_told_and_keeps_nobody_else_from_its_dag(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    from conftest import ROOT

    good = YAML.format(trigger="{on: manual}", more='audience: {where: "orders > 1"}')
    for name, text in (("letter", good), ("mistaken", good.replace("owner:", "ownr:"))):
        (tmp_path / name).mkdir()
        for file, body in (("campaign.yaml", text), ("subject.txt", "Hi"), ("body.txt", "Hello")):
            (tmp_path / name / file).write_text(body)
    env = {**os.environ, "MARKETFLOW_CAMPAIGNS": str(tmp_path)}
    code = "import runpy, sys; print(*runpy.run_path(sys.argv[1]))"

    def run(file: str) -> subprocess.CompletedProcess[str]:
        path = str(ROOT / "dags" / file)
        return subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False, env=env)

    done = run("run_campaigns.py")
    assert done.returncode == 0, done.stderr
    assert "letter" in done.stdout
    broken = run("broken_campaigns.py")
    assert broken.returncode != 0
    assert "did you mean 'owner'?" in broken.stderr
    assert run("deliver_messages.py").returncode == 0
