"""The harness of the benchmarks: what it writes is what was measured, and each benchmark stands there once."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from conftest import ROOT


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_ratio_is_our_speed_over_the_baselines() -> None:
    from benchmarks import Result

    speeds = Result(name="a", ours=300, baseline=150, unit="rows/s", what="")
    times = Result(name="b", ours=2, baseline=6, unit="s", what="", more_is_better=False)
    assert (speeds.ratio, times.ratio) == (2, 3)


def test_a_new_result_replaces_the_older_one_of_its_name(tmp_path: Path) -> None:
    from benchmarks import Result
    from benchmarks.__main__ import record

    path = tmp_path / "bench/latest.json"
    record(path, Result(name="b", ours=1, baseline=2, unit="s", what="old"))
    record(path, Result(name="a", ours=1, baseline=2, unit="s", what="other"))
    record(path, Result(name="b", ours=3, baseline=2, unit="s", what="new"))
    entries = json.loads(path.read_text())
    assert [(e["name"], e["what"], e["ratio"]) for e in entries] == [("a", "other", 0.5), ("b", "new", 1.5)]
    assert set(entries[0]) == {"name", "ours", "baseline", "ratio", "unit", "what", "beside", "when"}


def test_every_benchmark_can_be_run_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.__main__ import main, names

    assert {"load_growth", "load_vs_copy", "load_vs_to_sql", "rfm_vs_duckdb", "collector_vs_empty"} <= set(names())
    assert {"plan_1m", "journey_tick_1m", "send_vs_smtp_source", "send_vs_smtphook", "send_memory_1m"} <= set(names())
    assert {"mailbox_100k", "webhooks_1m"} <= set(names())
    for name in names():
        assert callable(importlib.import_module(f"benchmarks.{name}").run)
    assert main(["load_vs_mysql"]) == 2
    assert "there are: bgnbd_1m, collector_vs_empty, itemsets_vs_mlxtend, journey_tick_1m" in capsys.readouterr().err
